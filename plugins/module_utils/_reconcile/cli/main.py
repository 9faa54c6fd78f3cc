# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The command line: what cron runs, and what an administrator types.

Needs Python and this package only. Exit statuses are part of the interface: see ``Exit``.
"""

from __future__ import annotations

import argparse
import json
import os
import stat
import sys
from typing import Any, Callable, NoReturn, Sequence

from ..config.options import JOBS, LIST_FORMATS, Flag, Option, flagged_options, shared_flags
from ..config.trust.paths import ROOT, why_untrusted
from ..errors import NOT_UNDONE, CleanupError, Exit, SiteError
from ..process import MOST_SENT
from ..quarantine.store import LATEST
from ..version import VERSION
from . import described
from .check import check
from .clean import clean
from .discover import add_options, discover
from .outcome_files import refuse_folders_of_others
from .parent import run_as
from .quarantine.batches import list_batches
from .quarantine.pin import pin_batch
from .quarantine.purge import purge_batches
from .quarantine.restore import restore_batch
from .references import export_references
from .terminal import complain

CONFIG = "/etc/media-cleanup"

_MEANING = """\
exit status:
  0  done, or nothing to do
  1  failed: the database or the disk refused
  2  unusable: the command line, the site file, or what they refer to
  3  refused: a guard refused the plan
  4  partial: not everything could be read, so nothing was removed; or not everything was restored
  5  busy: another run works on the site
  6  unconfirmed: nobody typed yes
A dry run ends with the status that the run would have had.
"""
_JOBS = {
    "orphans": "remove files that no row references",
    "incomplete": "remove rows that were never attached to anything, with their files",
    "missing": "remove rows whose file is missing",
    described.ALL: "do every job of a site, over one listing of its files",
}
_PINS = {"pin": "keep a batch from every purge", "unpin": "let purges delete a batch again"}
_BATCH = f"the batch: its name, the beginning of its name if no other begins so, or {LATEST!r}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status.

    The work is done by a process of the site's user and interpreter, if these are not this process' own.
    Leaves through SystemExit where the command line itself is wrong.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    written = list(sys.argv[1:] if arguments is None else arguments)
    options = parsed(written)
    try:
        status = _run(options)
        sys.stdout.flush()
    except CleanupError as error:
        complain(str(error))
        return error.exit_status
    except KeyboardInterrupt:
        complain(f"interrupted. {NOT_UNDONE} Run it again for the rest.")
        return 130
    except BrokenPipeError:
        # Nobody reads any more; at its end the interpreter must not fail for the same reason again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.FAILED
    return status


# The command line.


def _run(options: argparse.Namespace) -> Exit:
    """Read what only the user who typed the command may read, and do the work or let it be done."""
    if options.command == "discover":
        # There is no description yet.
        return discover(options)
    options.description, options.source = described.read(options)
    options.plan = _plan_of(options)
    options.review = _review_of(options)
    worker = described.worker(options)
    refuse_folders_of_others(options)
    if worker.is_this_process:
        status: Exit = options.act(options)
        return status
    return run_as(worker, options)


def _plan_of(options: argparse.Namespace) -> dict[str, Any] | None:
    """The approved plan, if the command line names one: its site, its job and its plans.

    Root reads it for a process of another user, so it takes none that somebody else may exchange.
    """
    path = getattr(options, "approve", None)
    if path is None:
        return None
    content = _content_of(path, "the plan")
    try:
        plans = [{"heading": str(plan["heading"]), "plan": str(plan["plan"])} for plan in content["plans"]]
        return {"site": str(content["site"]), "job": str(content["job"]), "plans": plans}
    except (KeyError, TypeError):
        raise SiteError(f"{path} is no plan that --save-plan wrote.") from None


def _review_of(options: argparse.Namespace) -> Any:
    """What a reviewer keeps, if the command line names a file with it."""
    path = getattr(options, "keep", None)
    return None if path is None else _content_of(path, "the keep list")


def _content_of(path: str, what: str) -> Any:
    try:
        why = why_untrusted(path) if os.geteuid() == ROOT else None
        if why:
            raise SiteError(f"root does not read {what} {path}, because somebody else may change it: {why}.")
        return json.loads(_text_of(path))
    except OSError as error:
        raise SiteError(f"{what} {path} cannot be read: {error.strerror}.") from None
    except (ValueError, RecursionError):
        raise SiteError(
            f"{what} {path} is no JSON text: pass on the file that was written, as it is."
        ) from None


def _text_of(path: str) -> str:
    """The text of a regular file of bounded size. Raises OSError, and ValueError for anything else."""
    # Without waiting: somebody may have put a FIFO there.
    with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
        text = file.read(MOST_SENT + 1) if stat.S_ISREG(os.fstat(file.fileno()).st_mode) else b""
    if not text or len(text) > MOST_SENT:
        raise ValueError
    return text.decode()


class _Parser(argparse.ArgumentParser):
    """Reports in one line what is wrong, and where help is."""

    advice = ""

    def error(self, message: str) -> NoReturn:
        advice = self.advice or f"See {self.prog} --help."
        self.exit(Exit.UNUSABLE, f"{self.prog}: {message}. {advice}\n")


def parsed(written: Sequence[str]) -> argparse.Namespace:
    """What the command line says. Leaves through SystemExit where it is wrong."""
    parser = _parser()
    options, left = parser.parse_known_args(written)
    # argparse does not see that words after an option continue the list before it.
    if left and (not hasattr(options, "paths") or any(word.startswith("-") for word in left)):
        parser.error(f"unrecognized arguments: {' '.join(left)}")
    if left:
        options.paths += left
    if options.command == "purge":
        options.batch = options.paths.pop(0) if options.paths else None
        if (options.batch is None) == (options.older_than_days is None):
            parser.error("purge needs either a BATCH or --older-than-days")
    # What a process of the site's user leaves to its parent to write, by option; None in the parent.
    options.written, options.left, options.emit, options.emit_report = list(written), None, None, None
    if getattr(options, "report_only", False):
        options.dry_run = True
    if getattr(options, "report", None) and getattr(options, "approve", None):
        parser.error("--report only plans, and --approve carries a plan out")
    return options


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="media-cleanup",
        description="Compare the uploads of a Django site with its database, and remove files that no "
        "row references, and rows whose file is missing.",
        epilog=_MEANING,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"media-cleanup {VERSION}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for add in (
        *(_add_cleaning, _add_check, _add_references, _add_batches, _add_restore),
        *(_add_purge, _add_pin, _add_discover),
    ):
        add(commands)
    return parser


def _subcommand(commands: Any, name: str, does: str, act: Callable[[argparse.Namespace], Exit]) -> Any:
    """A subcommand with the options that all of them have."""
    parser = commands.add_parser(
        name,
        help=does,
        description=f"{does[0].upper()}{does[1:]}.",
        epilog=_MEANING,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(act=act)
    parser.add_argument("site", metavar="SITE", help="name of the site, as in the site files")
    parser.add_argument(
        "--config",
        metavar="DIR",
        default=CONFIG,
        help="directory that holds the site files, as sites/NAME.json (default: %(default)s)",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of words")
    parser.add_argument(
        "--quiet", action="store_true", help="print nothing unless something was done or went wrong"
    )
    return parser


def _add_cleaning(commands: Any) -> None:
    for name, does in _JOBS.items():
        parser = _subcommand(commands, name, does, clean)
        parser.add_argument("--dry-run", action="store_true", help="only show what would be removed")
        parser.add_argument("--verbose", action="store_true", help="list every item, up to max_listed")
        parser.add_argument("--force", action="store_true", help="do not ask before removing")
        for option, flag in shared_flags() if name == described.ALL else flagged_options(name):
            _add_flag(parser, option, flag)
        review = parser.add_mutually_exclusive_group()
        review.add_argument(
            "--save-plan", metavar="FILE", help="only plan, and keep the plan in FILE for --approve"
        )
        parser.add_argument(
            "--report",
            metavar="FILE",
            help="only plan, and make a page of it in FILE, with pictures, to review in a browser",
        )
        parser.add_argument(
            "--keep", metavar="FILE", help="keep what somebody unticked on that page and exported to FILE"
        )
        review.add_argument(
            "--approve",
            metavar="FILE",
            help="remove what the plan in FILE lists and nothing else, without asking",
        )
        parser.add_argument(
            "--list",
            metavar="FILE",
            help="write every item to FILE, privately; in a dry run too",
        )
        parser.add_argument(
            "--list-format",
            choices=LIST_FORMATS,
            default=LIST_FORMATS[0],
            help="escaped lines (default), paths with a NUL after each, or one JSON object a line",
        )
        _add_monitoring(parser)


def _add_flag(parser: argparse.ArgumentParser, option: Option, flag: Flag) -> None:
    """Let the command line override an option of the table; what is not given is None."""
    name = f"--{option.name.replace('_', '-')}"
    if option.type == "bool":
        parser.add_argument(name, action="store_true", default=None, help=flag.help)
        return
    parser.add_argument(
        name,
        metavar=flag.metavar,
        help=flag.help,
        type=_FLAG_TYPES.get(option.type, str),
        action="append" if option.type == "list" else "store",
        choices=None if option.codes else option.choices or None,
    )


def _add_monitoring(parser: argparse.ArgumentParser) -> None:
    monitoring = parser.add_argument_group(
        "monitoring (a dry run writes none of it, --report-only all of it)"
    )
    monitoring.add_argument(
        "--report-only",
        action="store_true",
        help="only plan, as a schedule that only looks: a dry run that is watched as any other run",
    )
    monitoring.add_argument("--outcome", metavar="FILE", help="write the outcome to FILE, as JSON")
    monitoring.add_argument(
        "--metrics", metavar="FILE", help="write metrics to FILE, as Prometheus reads them"
    )
    monitoring.add_argument("--log", metavar="FILE", help="add what was done to FILE")


def _add_check(commands: Any) -> None:
    parser = _subcommand(commands, "check", "check whether this user can clean a site", check)
    parser.add_argument(
        "--identity",
        action="store_true",
        help="only print, as JSON, what tells the database and the media store from those of other hosts",
    )


def _add_references(commands: Any) -> None:
    does = "write what the site references to a file, for a join with the inventory of a bucket"
    parser = _subcommand(commands, "references", does, export_references)
    parser.add_argument(
        "--export",
        metavar="FILE",
        required=True,
        help="the file, private and as CSV, in place of what is there",
    )
    # It is ASCII, and nothing in it has to be escaped for a terminal.
    parser.set_defaults(list_format=LIST_FORMATS[0])


def _add_batches(commands: Any) -> None:
    parser = _subcommand(commands, "batches", "list what is kept of a site", list_batches)
    parser.add_argument("paths", metavar="PATH", nargs="*", help="list only batches that hold one of these")
    parser.add_argument(
        "--report",
        metavar="FILE",
        help="make a page of the batches in FILE, with pictures, on which you choose what to restore",
    )


def _add_restore(commands: Any) -> None:
    parser = _subcommand(commands, "restore", "restore what a batch holds", restore_batch)
    parser.advice = "The command batches lists what can be restored."
    parser.add_argument("batch", metavar="BATCH", help=_BATCH)
    parser.add_argument(
        "paths",
        metavar="PATH",
        nargs="*",
        help="restore only these files, written as in results, and the rows that referenced them",
    )
    parser.add_argument("--dry-run", action="store_true", help="only show what would be restored")
    _add_accept(parser)
    parser.add_argument("--force", action="store_true", help="do not ask before restoring")


def _add_purge(commands: Any) -> None:
    parser = _subcommand(commands, "purge", "delete batches for good", purge_batches)
    parser.add_argument(
        "paths",
        metavar="BATCH",
        nargs="*",
        help=f"{_BATCH}; paths behind it: of the batch only these, written as in results, with the rows that "
        "referenced them",
    )
    parser.add_argument(
        "--older-than-days",
        metavar="N",
        type=_whole,
        help="all that were removed at least so many days ago, and announced by a purge a day ago or more",
    )
    parser.add_argument("--dry-run", action="store_true", help="only show which batches would be deleted")
    _add_accept(parser)
    parser.add_argument("--force", action="store_true", help="do not ask before deleting")
    _add_monitoring(parser)


def _add_accept(parser: argparse.ArgumentParser) -> None:
    accept, flag = next(flagged for flagged in flagged_options(JOBS[0]) if flagged[0].name == "accept")
    _add_flag(parser, accept, flag)


def _add_pin(commands: Any) -> None:
    for name, does in (
        ("pin", "keep a batch from every purge"),
        ("unpin", "let purges delete a batch again"),
    ):
        parser = _subcommand(commands, name, does, pin_batch)
        parser.add_argument("batch", metavar="BATCH", help=_BATCH)
        parser.add_argument("--dry-run", action="store_true", help="change nothing")


def _add_discover(commands: Any) -> None:
    does = "ask a Django project for the description of its site, and print it as YAML"
    add_options(
        commands.add_parser(
            "discover",
            help=does,
            description=f"{does[0].upper()}{does[1:]}.",
            epilog=_MEANING,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
    )


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number of 0 or more")
    return int(text)


# A path is one of the folder in which the command is given: the site's process works in another.
_FLAG_TYPES: dict[str, Callable[[str], object]] = {"int": _whole, "path": os.path.abspath}

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
import sys
import time
from itertools import zip_longest
from typing import Any, Callable, Iterator, NoReturn, Sequence, TextIO, Union

from . import inspection, jobs, monitoring, site_file
from .ending import Exit, Run, UnconfirmedError, status_of, worst
from .errors import CleanupError, SiteError
from .site import ACCEPTABLE, OrphansJob, RecordsJob
from .terminal import Progress, is_confirmed, write

Job = Union[OrphansJob, RecordsJob]

VERSION = "1.0.0"
CONFIG = "/etc/media-cleanup"
_SITES = "sites"
# Tells the interpreter that a site names that it was chosen already.
_CHOSEN = "MEDIA_CLEANUP_PYTHON"


_MEANING = """\
exit status:
  0  done, or nothing to do
  1  failed: the database or the disk refused
  2  unusable: the command line, the site file, or what they name
  3  refused: a guard turned the plan down
  4  partial: not everything could be seen, so nothing was removed
  5  busy: another run works on the site
  6  unconfirmed: nobody typed yes
A dry run ends with the status that the run would have had.
"""
_JOBS = {
    "orphans": "remove files that no row names",
    "incomplete": "remove rows that were never attached to anything, with their files",
    "missing": "remove rows whose file is gone",
}


def main(arguments: Sequence[str] | None = None, launcher: str | None = None) -> int:
    """Run the command and return its exit status; ``launcher`` is the script that called.

    With a launcher, a site that names its ``python`` is cleaned by that interpreter: the process
    is replaced. Leaves through SystemExit where the command line itself is wrong.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    written = list(sys.argv[1:] if arguments is None else arguments)
    options = _parser().parse_args(written)
    options.written, options.launcher = written, launcher
    try:
        status: Exit = options.act(options)
        sys.stdout.flush()
    except CleanupError as error:
        _complain(str(error))
        return status_of(error)
    except KeyboardInterrupt:
        _complain("interrupted. What was done stays done; run it again for the rest.")
        return 130
    except BrokenPipeError:
        # Nobody reads any more; the interpreter must not stumble over it once again at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.FAILED
    return status


def _complain(message: str) -> None:
    write(f"media-cleanup: {message}\n", sys.stderr)


# The command line.


class _Parser(argparse.ArgumentParser):
    """Says in one line what is wrong, and where help is."""

    def error(self, message: str) -> NoReturn:
        self.exit(Exit.UNUSABLE, f"{self.prog}: {message}. See {self.prog} --help.\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="media-cleanup",
        description="Compare the uploads of a Django site with its database, and remove what has lost "
        "its counterpart.",
        epilog=_MEANING,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"media-cleanup {VERSION}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for add in (_add_cleaning, _add_check):
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
        "--quiet", action="store_true", help="print nothing unless something was removed or went wrong"
    )
    return parser


def _add_cleaning(commands: Any) -> None:
    for name, does in _JOBS.items():
        parser = _subcommand(commands, name, does, _clean)
        parser.add_argument("--dry-run", action="store_true", help="only show what would be removed")
        parser.add_argument("--verbose", action="store_true", help="list every item, up to max_listed")
        parser.add_argument("--force", action="store_true", help="do not ask before removing")
        parser.add_argument(
            "--older-than-hours",
            metavar="N",
            type=_whole,
            help="how old a thing must be to go, instead of what the site file says",
        )
        parser.add_argument(
            "--max-removal-percent",
            metavar="N",
            type=_whole,
            help="allow a larger share to go this once; 100 lifts the guard",
        )
        parser.add_argument(
            "--accept",
            metavar="GUARD",
            action="append",
            choices=ACCEPTABLE,
            help=f"accept this once what a guard found ({', '.join(ACCEPTABLE)}); may be repeated",
        )
        review = parser.add_mutually_exclusive_group()
        review.add_argument(
            "--save-plan", metavar="FILE", help="only plan, and keep the plan in FILE for --approve"
        )
        review.add_argument(
            "--approve",
            metavar="FILE",
            help="remove what the plan in FILE lists and nothing else, without asking",
        )
        _add_leaving(parser)


def _add_leaving(parser: argparse.ArgumentParser) -> None:
    leaving = parser.add_argument_group("for those who watch (a dry run leaves nothing)")
    leaving.add_argument("--outcome", metavar="FILE", help="keep the last outcome in FILE, as JSON")
    leaving.add_argument("--metrics", metavar="FILE", help="keep metrics in FILE, as Prometheus reads them")
    leaving.add_argument("--log", metavar="FILE", help="add what was done to FILE")


def _add_check(commands: Any) -> None:
    parser = _subcommand(commands, "check", "look whether a site can be cleaned by this user", _check)
    parser.set_defaults(verbose=False)


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number of 0 or more")
    return int(text)


# Cleaning.


def _clean(options: argparse.Namespace) -> Exit:
    """Plan, ask if need be, carry out; then tell."""
    began = time.time()
    options.dry_run = options.dry_run or options.save_plan is not None
    site_jobs = _site_jobs(options, options.command)
    try:
        runs, is_confirmed = _runs(site_jobs, options)
    except CleanupError as error:
        _leave(options, [Run(job, error=error) for job in site_jobs], status_of(error), began)
        raise
    status = worst([run.status for run in runs])
    if not is_confirmed:
        status = worst([status, Exit.UNCONFIRMED])
    _tell(options, runs, _outcome(options, runs, status, began))
    if options.save_plan:
        _save_plan(options, runs)
    if status == Exit.UNCONFIRMED:
        _complain("nothing was removed, because nobody typed yes.")
    return _leave(options, runs, status, began)


def _runs(site_jobs: Sequence[Job], options: argparse.Namespace) -> tuple[list[Run], bool]:
    """Run all jobs; one that fails does not keep the others from running."""
    if options.dry_run or options.force or options.approve:
        tokens = _approved(options, site_jobs) if options.approve else []
        pairs = zip_longest(site_jobs, tokens)
        return [_attempt(job, options.dry_run, token, options) for job, token in pairs], True
    return _runs_after_asking(site_jobs, options)


def _runs_after_asking(site_jobs: Sequence[Job], options: argparse.Namespace) -> tuple[list[Run], bool]:
    if not sys.stdin.isatty():
        raise UnconfirmedError(
            "nobody can be asked, for there is no terminal, so nothing was examined. Add --force to remove "
            "without asking, or --dry-run to look."
        )
    planned = [_attempt(job, True, None, options) for job in site_jobs]
    going = [run for run in planned if run.has_something and run.status == Exit.DONE]
    if not going:
        return planned, True
    for run in planned:
        _print(run.words(options.verbose), sys.stderr)
    if not is_confirmed(going):
        return planned, False
    return [
        _attempt(run.job, False, run.plan.token, options) if run in going and run.plan else run
        for run in planned
    ], True


def _attempt(job: Job, check: bool, approved: str | None, options: argparse.Namespace) -> Run:
    progress = Progress(job, options.quiet or options.json)
    try:
        plan, outcome = jobs.run(job, check, approved, progress.tell if progress.is_shown else None)
    except CleanupError as error:
        return Run(job, error=error)
    finally:
        progress.end()
    return Run(job, plan, outcome)


def _site_jobs(options: argparse.Namespace, job: str) -> list[Job]:
    site, source = _site(options)
    overrides = {
        name: getattr(options, name, None)
        for name in ("older_than_hours", "max_removal_percent", "accept")
        if getattr(options, name, None) is not None
    }
    return site_file.jobs_of(site, job, source, overrides)


def _site(options: argparse.Namespace) -> tuple[dict[str, Any], str]:
    """The description of the site, and the file that it came from."""
    directory = os.path.join(options.config, _SITES)
    site = site_file.read(directory, options.site)
    _go_on_with(site.get("python"), options)
    return site, os.path.join(directory, f"{options.site}.json")


def _go_on_with(python: Any, options: argparse.Namespace) -> None:
    """Replace this process by the interpreter that the site names, if it is another one."""
    chosen = os.environ.get(_CHOSEN)
    if not isinstance(python, str) or not options.launcher or python in ("", chosen, sys.executable):
        return
    os.environ[_CHOSEN] = python
    try:
        os.execv(python, [python, "-IBXutf8", options.launcher, *options.written])  # noqa: S606
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise SiteError(
            f"the interpreter {python!r} that the site names cannot be run: {reason}. Correct python in "
            "the description of the site."
        ) from None


# Plans that somebody reviews.


def _save_plan(options: argparse.Namespace, runs: Sequence[Run]) -> None:
    if any(run.plan is None for run in runs):
        raise SiteError(f"not every plan could be made, so {options.save_plan} was not written.")
    plans = [
        {"heading": run.heading, "plan_id": run.plan.plan_id, "plan": run.plan.token}
        for run in runs
        if run.plan
    ]
    content = {"site": options.site, "job": options.command, "plans": plans}
    monitoring.replace_private(options.save_plan, content)


def _approved(options: argparse.Namespace, site_jobs: Sequence[Job]) -> list[str]:
    """The tokens of the approved plan, one for each job. Raises SiteError if it is another's."""
    path = options.approve
    try:
        with open(path, encoding="utf-8") as file:
            content = json.load(file)
        made_for = (content["site"], content["job"])
        plans = [(str(plan["heading"]), str(plan["plan"])) for plan in content["plans"]]
    except OSError as error:
        raise SiteError(f"the plan {path} cannot be read: {error.strerror}.") from None
    except (ValueError, KeyError, TypeError, RecursionError):
        raise SiteError(f"{path} is no plan that --save-plan wrote.") from None
    headings = [Run(job).heading for job in site_jobs]
    planned = [heading for heading, _plan in plans]
    if made_for != (options.site, options.command) or planned != headings:
        raise SiteError(
            f"the plan {path} was made for {' '.join(map(str, made_for))} ({', '.join(planned)}), and "
            f"this run is for {options.site} {options.command} ({', '.join(headings)}). Plan again."
        )
    return [plan for _heading, plan in plans]


# Telling.


def _tell(options: argparse.Namespace, runs: Sequence[Run], outcome: dict[str, Any]) -> None:
    if options.json:
        matters = any(run.has_something or run.status for run in runs)
        if matters or not options.quiet:
            _print([json.dumps(outcome, indent=2)], sys.stdout)
        return
    for run in runs:
        if run.has_something or run.status or not options.quiet:
            # What went well can be thrown away by >/dev/null; trouble is heard all the same.
            _print(run.words(options.verbose), sys.stderr if run.status else sys.stdout)


def _print(lines: Sequence[str], stream: TextIO) -> None:
    write("\n".join(lines) + "\n", stream)


def _outcome(options: argparse.Namespace, runs: Sequence[Run], status: Exit, began: float) -> dict[str, Any]:
    ended = time.time()
    return {
        "site": options.site,
        "job": options.command,
        "version": VERSION,
        "dry_run": options.dry_run,
        "status": status.name.lower(),
        "exit_status": int(status),
        "began": round(began, 3),
        "ended": round(ended, 3),
        "seconds": round(ended - began, 3),
        "runs": [run.data(options.verbose) for run in runs],
    }


def _leave(options: argparse.Namespace, runs: Sequence[Run], status: Exit, began: float) -> Exit:
    """Leave behind what was asked for; a run that cannot has failed, as nobody could watch it."""
    if options.dry_run:
        return status
    outcome = _outcome(options, runs, status, began)
    for path, leave in (
        (options.outcome, monitoring.write_outcome),
        (options.metrics, monitoring.write_metrics),
        (options.log, _write_log),
    ):
        if path and not _is_left(path, leave, outcome):
            status = worst([status, Exit.FAILED])
    return status


def _is_left(path: str, write: Callable[[str, Any], None], outcome: dict[str, Any]) -> bool:
    try:
        write(path, outcome)
    except monitoring.LeavingError as error:
        _complain(str(error))
        return False
    return True


def _write_log(path: str, outcome: dict[str, Any]) -> None:
    monitoring.append_log(path, _log_lines(outcome))


def _log_lines(outcome: dict[str, Any]) -> Iterator[str]:
    for run in outcome["runs"]:
        if "summary" in run:
            yield from run["summary"].splitlines()
        else:
            yield f"{run['heading']} ({run['status']})"
        if run["message"]:
            yield f"  {run['message']}"


# Checking.


def _check(options: argparse.Namespace) -> Exit:
    """Tell of everything that cleaning the site needs whether it is so."""
    site, source = _site(options)
    found: list[tuple[str, inspection.Finding]] = []
    for name in site_file.JOBS:
        for job in site_file.jobs_of(site, name, source, {}) if site.get(name) else ():
            heading = Run(job).heading
            progress = Progress(job, options.quiet or options.json)
            told = inspection.findings(job, progress.tell if progress.is_shown else None)
            found += [(heading, finding) for finding in told]
            progress.end()
            about_quarantine = inspection.quarantine_finding(job.site)
    if not found:
        raise SiteError(f"site {options.site!r} describes no job in {source}.")
    if about_quarantine:
        found.append((options.site, about_quarantine))
    _tell_findings(options, found)
    return Exit.FAILED if any(finding.trouble for _heading, finding in found) else Exit.DONE


def _tell_findings(options: argparse.Namespace, found: Sequence[tuple[str, inspection.Finding]]) -> None:
    if options.json:
        content = [{"heading": heading, **finding._asdict()} for heading, finding in found]
        _print([json.dumps({"site": options.site, "findings": content}, indent=2)], sys.stdout)
        return
    for heading, finding in found:
        if finding.trouble:
            _print([f"NOT OK  {heading}: {finding.what}", f"        {finding.trouble}"], sys.stderr)
        elif not options.quiet:
            _print([f"ok      {heading}: {finding.what}"], sys.stdout)

# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What passes between the modules and the work on a site, as data: a request in, an answer out.

A request has the ``task``, the module's ``options``, and whether to ``check`` only, to be ``verbose`` and to
make a ``diff``. An answer has the module's ``result``, its ``warnings``, and the ``failure``: why the module
fails, or nothing.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import Any, Callable, Iterable, Iterator, Mapping, NamedTuple

from .errors import NOT_UNDONE, CleanupError
from .text import printable

# Takes a part of a text; None after the last one.
Emit = Callable[["str | None"], Any]
Request = Mapping[str, Any]
Answer = Mapping[str, Any]


class Files(NamedTuple):
    """What takes the texts of the files that are wanted beside the answer."""

    listed: Emit
    reported: Emit


def _each(is_one: Callable[[Any], bool]) -> Callable[[Any], bool]:
    """Whether a value is a dictionary in which each value is like that."""
    return lambda value: isinstance(value, dict) and all(map(is_one, value.values()))


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_list(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, (str, dict)) for item in value)


_are_numbers, _are_texts = _each(_is_number), _each(_is_text)

# Every key that a result may have, and what it holds. A site's process could else send keys that mean
# something to Ansible, and what ends the work on other hosts.
RESULT: Mapping[str, Callable[[Any], bool]] = {
    **dict.fromkeys(("changed", "truncated"), lambda value: isinstance(value, bool)),
    **dict.fromkeys(("batch", "plan", "plan_id", "status", "summary"), _is_text),
    **dict.fromkeys(("batches_total", "left_alone_total", "young"), _is_number),
    **dict.fromkeys(("announced", "batches", "left_alone", "not_removed", "orphans", "paths"), _is_list),
    **dict.fromkeys(("records", "refused", "relinks", "unlisted"), _is_list),
    **dict.fromkeys(("cleared", "examined", "found", "labels", "purged"), _are_numbers),
    **dict.fromkeys(("relinked", "removed", "restored"), _are_numbers),
    "dependents": _each(_are_numbers),
    **dict.fromkeys(("diff", "identity"), _are_texts),
    # Of django_site_info.
    **dict.fromkeys(("known", "site"), lambda value: isinstance(value, dict)),
    **dict.fromkeys(("missing", "review"), _is_list),
    "yaml": _is_text,
}
# How deep a result is at most.
DEEPEST = 10
_DIFF_KEYS = {"before", "before_header", "after", "after_header"}


def as_printable(value: Any, depth: int = DEEPEST) -> Any:
    """A value of JSON with all its texts as a terminal may show them. Raises CleanupError if too deep."""
    if not depth:
        raise CleanupError(f"the site's process sent what is nested too deep. {NOT_UNDONE}")
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, list):
        return [as_printable(each, depth - 1) for each in value]
    if isinstance(value, dict):
        return {printable(key): as_printable(each, depth - 1) for key, each in value.items()}
    return value


def no_list(_text: str | None) -> None:
    raise CleanupError("the site's process sent a list, and none is wanted.")


def no_report(_text: str | None) -> None:
    raise CleanupError("the site's process sent a report, and none is wanted.")


def validated(answer: Any) -> Answer:
    """Raise CleanupError for what is no answer; the process that sent it belongs to the site's user."""
    parts = (("result", dict), ("warnings", list), ("failure", str))
    if not isinstance(answer, dict) or not all(isinstance(answer.get(part), kind) for part, kind in parts):
        raise CleanupError(f"the site's process sent no answer of this version. {NOT_UNDONE}")
    for key, value in answer["result"].items():
        if key not in RESULT or not RESULT[key](value):
            raise CleanupError(
                f"the site's process sent {key[:50]!r}, which is no part of a result. {NOT_UNDONE}"
            )
    if not set(answer["result"].get("diff", {})) <= _DIFF_KEYS or not all(map(_is_text, answer["warnings"])):
        raise CleanupError(f"the site's process sent what is no diff or warning. {NOT_UNDONE}")
    return answer


@contextmanager
def answering(answers: dict[int, Answer], numbers: Iterable[int]) -> Iterator[None]:
    """Make the reason the answer to these requests where plans cannot be made."""
    try:
        yield
    except CleanupError as error:
        status = error.exit_status.name.lower()
        answer = {"result": {"status": status}, "warnings": [], "failure": str(error)}
        answers.update(dict.fromkeys(numbers, answer))

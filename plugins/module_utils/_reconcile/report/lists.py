# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Whole lists of what plans hold, for other programs: every item, however many there are.

The text of a list has each byte that is not UTF-8 as a surrogate escape; a file has the byte itself.
"""

from __future__ import annotations

import json
import os
import tempfile
from contextlib import suppress
from itertools import islice
from types import TracebackType
from typing import TYPE_CHECKING, Any, Callable, Iterator, Mapping

from ..answers import Emit
from ..config.trust.paths import require_own_folder
from ..errors import CleanupError
from ..text import escaped, remedy

if TYPE_CHECKING:
    from ..config.site import Job
    from ..plan.plan import Plan
    from .description import Description

# Bytes of a report that are no list: the token of the plan, notes and messages.
BESIDE_LISTS = 1 << 20

# Characters that a file may have: paths of many hundred millions of files.
LONGEST = 1 << 36

_ITEMS_AT_ONCE = 1_000


def emit_list(job: Job, plan: Plan, form: str, emit: Emit) -> None:
    """Emit all items of a plan, in their order and in one of the formats. Ends no list."""
    # The parent of a site's process writes lists, and makes none.
    from .describe import describe

    of = describe(job, plan, None)
    written = (text for item in plan.items for text in _FORMATS[form](of, item))
    for some in iter(lambda: "".join(islice(written, _ITEMS_AT_ONCE)), ""):
        emit(some)


def _lines(of: Description, item: Any) -> Iterator[str]:
    return (f"{escaped(path)}\n" for path in of.item_paths(item))


def _nul(of: Description, item: Any) -> Iterator[str]:
    return (f"{_text(path)}\0" for path in of.item_paths(item))


def _json(of: Description, item: Any) -> Iterator[str]:
    # The name is for people; the paths are for programs.
    paths = [_text(path) for path in of.item_paths(item)]
    yield json.dumps({"job": of.job.name, **of.item_data(item), "paths": paths}) + "\n"


_FORMATS: Mapping[str, Callable[[Description, Any], Iterator[str]]] = {
    "lines": _lines,
    "nul": _nul,
    "json": _json,
}


def _text(path: bytes) -> str:
    return path.decode("utf-8", "surrogateescape")


class ListFile:
    """A text that is written beside its place, and put there as a whole; not at all if it did not end.

    Its owner alone can read it. A link in its place is replaced, never followed. A context manager.
    Raises SiteError where root would write into a folder that somebody else may change.
    """

    def __init__(self, path: str, what: str = "the list", longest: int | None = None) -> None:
        self._path = os.path.abspath(path)
        self._what = what
        self._longest = longest or LONGEST
        directory, name = os.path.split(self._path)
        require_own_folder(path, what)
        self._is_whole = False
        self._length = 0
        try:
            # Private, and of a name that nobody can have guessed.
            handle, self._temporary = tempfile.mkstemp(prefix=f".{name[:100]}.", dir=directory)
        except OSError as error:
            raise self._not_written(error) from None
        self._file = open(handle, "wb")  # noqa: SIM115 (closed by __exit__)

    def __enter__(self) -> ListFile:
        return self

    def emit(self, text: str | None) -> None:
        """Write a part of the list; None says that it is whole."""
        self._is_whole = text is None
        self._length += len(text or "")
        if self._length > self._longest:
            raise CleanupError(
                f"{self._what} {self._path} would be longer than {self._longest:,} characters."
            )
        try:
            self._file.write((text or "").encode("utf-8", "surrogateescape"))
        except UnicodeEncodeError:
            raise CleanupError(f"what came for {self._what} {self._path} is no text.") from None
        except OSError as error:
            raise self._not_written(error) from None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            with self._file:
                if self._is_whole and error is None:
                    self._file.flush()
                    os.fsync(self._file.fileno())
                    os.rename(self._temporary, self._path)
        except OSError as trouble:
            raise self._not_written(trouble) from None
        finally:
            with suppress(FileNotFoundError):
                os.unlink(self._temporary)

    def _not_written(self, error: OSError) -> CleanupError:
        return CleanupError(
            f"{self._what} {self._path} could not be written: {error.strerror}. "
            f"{remedy(error, 'Let this user write there, or choose another place.')} What was removed is not "
            "undone."
        )

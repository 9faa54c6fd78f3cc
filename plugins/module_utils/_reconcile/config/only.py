# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The option ``only``: which rows of a table a record job is about."""

from __future__ import annotations

from typing import Any, Mapping, Optional, Tuple

from ..errors import SiteError

# Columns, each with the values of which a row must have one there, or None where it must have NULL.
Only = Tuple[Tuple[str, Optional[Tuple[Any, ...]]], ...]


def only_of(written: Mapping[Any, Any]) -> Only:
    """What a description says of columns. Raises SiteError where it cannot be compared."""
    return tuple((_column(name), _values(name, value)) for name, value in written.items())


def only_words(only: Only) -> str:
    """The condition for people; empty where there is none."""
    return " and ".join(
        f"{name} is {'null' if values is None else ' or '.join(map(_shown, values))}" for name, values in only
    )


def _column(name: Any) -> str:
    if not isinstance(name, str) or not name:
        raise SiteError("only: the name of a column is empty, or no text. Write only as {column: value}.")
    return name


def _values(name: str, value: Any) -> tuple[Any, ...] | None:
    if value is None:
        return None
    if not isinstance(value, (list, tuple)):
        return (_scalar(name, value),)
    if not value:
        raise _wrong(name, "an empty list, which no row can meet")
    if None in value:
        raise _wrong(name, "null in a list; a column is compared with null alone, or with values")
    if any(isinstance(each, (list, tuple)) for each in value):
        raise _wrong(name, "a list in a list")
    return tuple(_scalar(name, each) for each in value)


def _scalar(name: str, value: Any) -> Any:
    if isinstance(value, Mapping):
        raise _wrong(name, "a mapping")
    if not isinstance(value, (str, int, float)):
        raise _wrong(name, f"a {type(value).__name__}")
    if isinstance(value, str) and "\0" in value:
        raise _wrong(name, "a text with a NUL byte, which no column can hold")
    return value


def _wrong(name: str, what: str) -> SiteError:
    return SiteError(f"only: {name} is {what}. Write a value, a list of values, or null.")


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value)

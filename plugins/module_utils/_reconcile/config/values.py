# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Checks what somebody wrote for options against the table of options.

Every error has the form "NAME is VALUE; it must be WHAT.", and never shows a value that may be secret.
"""

from __future__ import annotations

from dataclasses import replace
from difflib import get_close_matches
from typing import Any, Iterable, Mapping, Sequence

from ..errors import SiteError
from .options import Option

# What Ansible takes for a boolean.
_BOOLEANS = {
    **dict.fromkeys(("y", "yes", "on", "1", "true", "t"), True),
    **dict.fromkeys(("n", "no", "off", "0", "false", "f"), False),
}


def checked(given: Mapping[str, Any], options: Iterable[Option], prefix: str = "") -> dict[str, Any]:
    """Return a value for each of these options, the default where none is given or it is None.

    ``given`` may hold more. Lists come as new lists, those of mappings with a value for each
    suboption; a required list that is not given is empty, for there are better words for that than
    here. Raises SiteError where a value is not of the type, range or choices of its option; its text
    names the option, after ``prefix``.
    """
    # Its project says what else is required.
    has_project = bool(given.get("django"))
    known = [replace(one, required=False) if has_project and one.by_project else one for one in options]
    return {option.name: _checked(given.get(option.name), option, prefix + option.name) for option in known}


def boolean(value: Any, name: str) -> bool:
    """Return a boolean, which may be written as a text, as Ansible reads it. Raises SiteError."""
    if isinstance(value, bool):
        return value
    found = _BOOLEANS.get(str(value).strip().lower()) if isinstance(value, (str, int)) else None
    if found is None:
        raise _wrong(name, value, "true or false")
    return found


def unknown_keys(given: Mapping[str, Any], options: Iterable[Option]) -> str:
    """The keys that are none of these options, each with the nearest that is, as a text; or nothing."""
    known = [option.name for option in options]
    unknown = sorted(set(map(str, given)) - set(known))
    return ", ".join(with_hint(key, known) for key in unknown)


def with_hint(key: str, known: Sequence[str]) -> str:
    """An unknown key with the nearest that is known, if one is near."""
    nearest = get_close_matches(key, known, 1)
    return f"{key} (did you mean {nearest[0]}?)" if nearest else key


def _checked(value: Any, option: Option, name: str) -> Any:
    if option.type == "list":
        return list(option.default or ()) if value is None else _entries(value, option, name)
    if value is None or (value == "" and option.required):
        if option.required:
            raise SiteError(f"{name} is missing; it must be {_wanted(option)}.")
        return option.default
    if option.type == "bool":
        return boolean(value, name)
    if not _fits(value, option):
        raise _wrong(name, value, _wanted(option), option.no_log)
    if option.type == "dict":
        return _suboptions(value, option, name) if option.suboptions else dict(value)
    _refuse_nul(value, name)
    return value


def _fits(value: Any, option: Option) -> bool:
    if option.type == "int":
        is_whole = isinstance(value, int) and not isinstance(value, bool)
        return is_whole and value >= 0 and (option.most is None or value <= option.most)
    if option.type == "dict":
        return isinstance(value, Mapping)
    if option.type == "raw":
        return True
    return isinstance(value, str) and (not option.choices or value in option.choices)


def _entries(value: Any, option: Option, name: str) -> list[Any]:
    if not isinstance(value, (list, tuple)):
        raise _wrong(name, value, _wanted(option))
    return [_entry(entry, option, f"{name}[{index}]") for index, entry in enumerate(value)]


def _entry(value: Any, option: Option, name: str) -> Any:
    if option.suboptions:
        if not isinstance(value, Mapping):
            raise _wrong(name, value, _mapping(option, "a mapping"))
        return _suboptions(value, option, name)
    if not isinstance(value, str) or not value or not _is_choice(value, option):
        raise _wrong(name, value, _one_of(option) or "a text that is not empty")
    _refuse_nul(value, name)
    return value


def _is_choice(value: str, option: Option) -> bool:
    code, _colon, name = value.partition(":")
    return not option.choices or value in option.choices or (code in option.codes and bool(name))


def _suboptions(value: Mapping[str, Any], option: Option, name: str) -> dict[str, Any]:
    unknown = unknown_keys(value, option.suboptions)
    if unknown:
        known = ", ".join(inner.name for inner in option.suboptions)
        raise SiteError(f"{name} has unknown keys: {unknown}. It may have {known}.")
    return checked(value, option.suboptions, f"{name}.")


def _refuse_nul(value: Any, name: str) -> None:
    if isinstance(value, str) and "\0" in value:
        raise SiteError(f"{name} holds a NUL byte, which no path and no name can.")


def _wanted(option: Option) -> str:
    if option.type == "int":
        return f"a whole number {'of 0 or more' if option.most is None else f'from 0 to {option.most}'}"
    if option.type == "list":
        return f"a list of {_mapping(option, 'mappings')}" if option.suboptions else "a list of texts"
    if option.type == "dict":
        return "a mapping"
    return _one_of(option) or ("a text that is not empty" if option.required else "a text")


def _mapping(option: Option, noun: str) -> str:
    required = [inner.name for inner in option.suboptions if inner.required]
    return f"{noun} with {' and '.join(required)}"


def _one_of(option: Option) -> str:
    wanted = [*option.choices, *(f"{code}:NAME" for code in option.codes)]
    return f"one of {', '.join(wanted)}" if option.choices else ""


def _wrong(name: str, value: Any, wanted: str, no_log: bool = False) -> SiteError:
    return SiteError(f"{name} is {_shown(value, no_log)}; it must be {wanted}.")


def _shown(value: Any, no_log: bool) -> str:
    """A value as an error shows it; of what may be a secret, or hold one, only its kind."""
    if isinstance(value, (list, tuple)):
        return "a list"
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, str):
        return "a text" if no_log or "://" in value else repr(value)
    return "no text" if no_log else repr(value)

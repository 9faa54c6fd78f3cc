# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Makes the page: one file that loads nothing and runs nothing but its own script.

What comes from the site's processes is their users' word. It is checked here, and only ever data there; what
of it a person may copy to a terminal, or Ansible reads as a variable, is neither command nor template.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import time
from string import Template
from typing import Any, Callable, Iterator, Mapping, NamedTuple, Sequence

from ...errors import CleanupError
from ...plan.approval import DAYS_OF_REVIEW
from ...text import printable
from .document import LAST_MOMENT

_BASE64 = re.compile(r"[A-Za-z0-9+/]*={0,2}")
_SCRIPTS = ("list.js", "cells.js", "export.js", "about.js", "page.js")
_TOKEN = re.compile(r"[A-Za-z0-9_=-]*")
_DATA = re.compile(r'<script type="application/json" id="data">(.*?)</script>', re.DOTALL)
_JOBS = ("orphans", "incomplete", "missing")


class Part(NamedTuple):
    """What a page shows of one job of a host: the document of its plan, or why there is none."""

    host: str
    heading: str
    document: Mapping[str, Any] | None
    message: str = ""


class Page(NamedTuple):
    """What one run has put on a page so far."""

    # What names the run of a playbook; empty where the command has made the page.
    run: str
    parts: Sequence[Part]
    # Hosts of the run that are not on it.
    absent: Sequence[str] = ()
    kind: str = "plan"


def page(parts: Sequence[Part], kind: str = "plan") -> str:
    """The page that a command makes, as HTML."""
    return as_html(Page("", parts, kind=kind))


def as_html(shown: Page) -> str:
    """The page as HTML."""
    parts = shown.parts
    made = [part.document["made"] for part in parts if part.document]
    about = {"made": time.time(), "good_until": min(made, default=time.time()) + DAYS_OF_REVIEW * 86400}
    about.update(run=shown.run, absent=list(shown.absent), is_of_batches=shown.kind == "batch")
    data = json.dumps({**about, "parts": [_shown(part) for part in parts]})
    style, script = _file("page.css"), "".join(map(_file, _SCRIPTS))
    policy = (
        "default-src 'none'; base-uri 'none'; form-action 'none'; img-src data:; "
        f"style-src '{_hash(style)}'; script-src '{_hash(script)}'"
    )
    return Template(_file("page.html")).substitute(
        # In a text of JSON these letters stand in strings only; as escapes, they end no element.
        data=data.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"),
        style=style,
        script=script,
        policy=policy,
    )


def read_page(html: str) -> Page:
    """What a page shows that an earlier batch of hosts made. Raises CleanupError for what is none."""
    found = _DATA.search(html)
    try:
        data = json.loads(found[1] if found else "")
        run, parts = data["run"], [_part(part) for part in data["parts"]]
    except (ValueError, RecursionError, TypeError, KeyError):
        raise CleanupError("it is no page of this release.") from None
    return Page(str(run), parts)


def _part(shown: Mapping[str, Any]) -> Part:
    about = (shown["host"], shown["heading"])
    if shown["message"]:
        return Part(*about, None, shown["message"])
    _require_document(shown)
    return Part(*about, shown)


def read_documents(text: str, kind: str = "plan") -> list[Mapping[str, Any]]:
    """The documents of one kind that were written one a line. Raises CleanupError for what is none."""
    try:
        documents = [_as_printable(json.loads(line)) for line in text.splitlines()]
    except (ValueError, RecursionError):
        raise CleanupError("what the site's process sent for the page cannot be read.") from None
    for document in documents:
        _require_document(document)
        if document["kind"] != kind:
            raise CleanupError(f"what the site's process sent for the page is no {kind} of this version.")
    return documents


def _as_printable(value: Any) -> Any:
    """A value of JSON with all its texts as a terminal may show them."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, list):
        return [_as_printable(each) for each in value]
    if isinstance(value, dict):
        return {printable(key): _as_printable(each) for key, each in value.items()}
    return value


def _shown(part: Part) -> dict[str, Any]:
    about = {"host": part.host, "heading": part.heading, "message": part.message}
    if part.document is None:
        return {**about, "refused": []}
    return {**{name: part.document[name] for name in _FIELDS}, **about}


def _file(name: str) -> str:
    folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "assets")
    with open(os.path.join(folder, name), encoding="utf-8") as file:
        return file.read()


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


# What a document has, and of which form; the script of the page relies on it.


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_line(value: Any) -> bool:
    return isinstance(value, str) and value.isprintable()


def _is_plain(value: Any) -> bool:
    """Whether it is one line that Ansible does not take for a template."""
    return _is_line(value) and "{" not in value


def _is_token(value: Any) -> bool:
    return isinstance(value, str) and bool(_TOKEN.fullmatch(value))


def _is_moment(value: Any) -> bool:
    return _is_number(value) and 0 <= value < LAST_MOMENT


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and -1 <= value < 2**63


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


def _list_of(is_entry: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list) and all(map(is_entry, value))


def _table_of(is_entry: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, dict) and all(map(is_entry, value.values()))


def _row_of(*columns: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: (
        isinstance(value, list)
        and len(value) == len(columns)
        and all(fits(cell) for fits, cell in zip(columns, value))
    )


def _is_refusal(value: Any) -> bool:
    names = ("guard", "message", "lifted_by")
    return isinstance(value, dict) and all(_is_text(value.get(name)) for name in names)


def _is_picture(value: Any) -> bool:
    return isinstance(value, str) and bool(_BASE64.fullmatch(value))


_FIELDS: Mapping[str, Callable[[Any], bool]] = {
    "kind": lambda value: value in ("plan", "batch"),
    "job": lambda value: value in _JOBS,
    **dict.fromkeys(("host", "heading", "site"), _is_plain),
    **dict.fromkeys(("plan_id", "plan"), _is_token),
    "table": _is_text,
    **dict.fromkeys(
        ("young", "items_total", "kept_total", "dependent_rows_total", "relinks_total"), _is_number
    ),
    **dict.fromkeys(("is_itemized", "is_permanent"), _is_flag),
    **dict.fromkeys(("summary", "notes", "unlisted", "dependent_rows"), _list_of(_is_text)),
    "folders": _list_of(_is_line),
    **dict.fromkeys(("examined", "found", "labels", "kept_codes"), _table_of(_is_number)),
    "made": _is_moment,
    "dependents": _table_of(_table_of(_is_number)),
    "refused": _list_of(_is_refusal),
    "relinks": _list_of(_row_of(_is_text, _is_text)),
    "items": _list_of(
        _row_of(
            *(_is_number, _is_line, _is_number, _is_moment, _is_line),
            *(_is_text, _is_text, _list_of(_is_text)),
        )
    ),
    "kept": _list_of(_row_of(_is_text, _is_text, _is_text, _is_text)),
    "pictures": _table_of(_is_picture),
    "no_picture": _table_of(_is_text),
}


def _require_document(document: Any) -> None:
    is_whole = isinstance(document, dict) and all(
        name in document and fits(document[name]) for name, fits in _FIELDS.items()
    )
    totals, folders = ("records", "files", "bytes"), len(document["folders"]) if is_whole else 0
    if (
        not is_whole
        or not all(name in document["found"] for name in totals)
        or any(not isinstance(item[0], int) or not 0 <= item[0] < folders for item in document["items"])
        or (document["kind"] == "plan" and not all(map(_is_plain, _entries(document))))
    ):
        raise CleanupError("what the site's process sent for the page is no plan of this version.")


def _entries(document: Mapping[str, Any]) -> Iterator[str]:
    """What the page would export to keep each item."""
    folders = document["folders"]
    for folder, name, _size, _modified, entry, *_words in document["items"]:
        yield entry or (f"{folders[folder]}/{name}" if folders[folder] else name)

# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Reads the objects of a listed page out of its XML, for which botocore takes many times as long.

botocore signs, retries and reads all else of the answer. What looks odd here is left to botocore as well, and
so is each page where its release is too old to ask.
"""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes
from xml.etree import ElementTree

# What botocore emits before it reads an answer. Who asks for that of any service is called before those who
# ask for that of one, among whom is one of its own, which looks for errors in a whole page.
EVENT = "before-parse.*.ListObjectsV2"
# Where the objects are in what botocore returns.
ENTRIES = "EntriesOfOurs"
_PAGE = "ListBucketResult"
_SECOND, _DIGITS = 1_000_000_000, 9


class Entry(NamedTuple):
    """An object as a listing has it: its time in nanoseconds since 1970, its ETag without quotes."""

    key: str
    size: int
    modified_ns: int
    tag: str


def take_entries(
    response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_more: Any
) -> None:
    """Take the objects out of an answer, and return them beside what botocore makes of the rest.

    In their place is None where one of them has no name, which botocore would give another name.
    """
    if response_dict.get("status_code") != 200:
        return
    try:
        # botocore reads it in the same way.
        root = ElementTree.fromstring(response_dict["body"])  # noqa: S314
        entries = _entries(root)
    except UnicodeDecodeError:
        customized_response_dict[ENTRIES] = None
        return
    except (ElementTree.ParseError, KeyError, ValueError):
        return
    if entries is not None:
        response_dict["body"] = ElementTree.tostring(root)
        customized_response_dict[ENTRIES] = entries


def _entries(root: ElementTree.Element) -> list[Entry] | None:
    """The objects of a page, which are removed from it; None where this is no page."""
    space, _brace, name = root.tag.rpartition("}")
    if name != _PAGE:
        return None
    space += _brace
    contents = f"{space}Contents"
    key, size, modified, tag = (f"{space}{child}" for child in ("Key", "Size", "LastModified", "ETag"))
    is_encoded = root.findtext(f"{space}EncodingType") == "url"
    entries = [
        Entry(
            _key(one.findtext(key, ""), is_encoded),
            int(one.findtext(size, "")),
            _nanoseconds(one.findtext(modified, "")),
            without_quotes(one.findtext(tag, "")),
        )
        for one in root.iterfind(contents)
    ]
    root[:] = [one for one in root if one.tag != contents]
    return entries


def _key(written: str, is_encoded: bool) -> str:
    """Raises ValueError where there is none."""
    if not written:
        raise ValueError("an object without a key")
    if is_encoded and ("%" in written or "+" in written):
        return unquote_to_bytes(written.replace("+", " ")).decode()
    return written


def _nanoseconds(text: str) -> int:
    """A moment such as 2026-11-01T12:00:00.123Z. Raises ValueError for one in another form."""
    fraction = text[20:-1]
    if text[13:17:3] != "::" or text[19:20] not in (".", "Z") or text[-1] != "Z" or len(fraction) > _DIGITS:
        raise ValueError("a moment in another form")
    seconds = _hour(text[:13]) + 60 * int(text[14:16]) + int(text[17:19])
    return seconds * _SECOND + int(fraction.ljust(_DIGITS, "0"))


@lru_cache(maxsize=1000)
def _hour(text: str) -> int:
    """Seconds since 1970 of an hour such as 2026-11-01T12: objects of one folder often share it."""
    return int(datetime.fromisoformat(f"{text}:00:00+00:00").timestamp())


def without_quotes(tag: str) -> str:
    """An ETag without the quotes that a service writes here and leaves out there."""
    return tag[1:-1] if len(tag) > 1 and tag[0] == tag[-1] == '"' else tag

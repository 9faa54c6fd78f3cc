# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What a page shows of one plan, as one JSON document of a bounded length."""

from __future__ import annotations

import base64
import json
import platform
import re
import time
from collections import Counter
from itertools import islice
from typing import Any, Callable, Iterable, Iterator, NamedTuple, Optional, Sequence

from ...answers import Emit
from ...config.site import Job, Site
from ...kept import Kept
from ...media.store import MediaStore
from ...plan.plan import Plan
from ...session import open_store
from ...text import escaped, printable
from ...version import VERSION
from ..describe import describe
from ..description import Description, Subject
from .thumbnails import LONGEST, Thumbnail, Thumbnails

FORMAT = 1
# Where the calendar of browsers and of Python ends, in seconds; file systems go on.
LAST_MOMENT = 253_402_300_800
# Items that a page lists; it counts the others.
MOST_ITEMS = 50_000
# The share of the bytes that names may take; the rest is for pictures.
NAMES_SHARE = 0.6
# Thumbnails of each folder that come before those of the others.
SAMPLES = 12
_MOST_NOTES = 100
_UNREADABLE = f"the file cannot be read, or is larger than {LONGEST >> 20} MiB"
_PICTURE = re.compile(rb"\.(?:jpe?g|jpe|jfif|mpo|png|gif|webp|avif|bmp)\Z", re.IGNORECASE)

# Reads the file of a path; None where it is not there, too long, or unreadable.
Read = Callable[[bytes], Optional[bytes]]


class Limits(NamedTuple):
    """What one document may have."""

    bytes: int
    thumbnails: int


class Lists(NamedTuple):
    """What is kept, what else is shown, and what reads the files of both."""

    kept: Sequence[Kept]
    subjects: Iterable[Subject]
    read: Read


def emit_document(job: Job, plan: Plan, limits: Limits, emit: Emit) -> None:
    """Emit the document of a plan as one line. Ends no report."""
    of = describe(job, plan, None)
    document = {**beginning(job.site, job.name, job.heading), **_about(of)}
    document["kept_codes"] = {code.value: count for code, count in plan.kept_codes.most_common()}
    document["kept_total"] = plan.kept.total
    with open_store(job.site, max_listed=0) as store:
        lists = Lists(plan.kept.items, of.subjects(MOST_ITEMS), _reader(store))
        emit_with_pictures(document, lists, limits, emit)


def _reader(store: MediaStore) -> Read:
    return lambda path: store.content(path, LONGEST) if store.check(path).is_file else None


def emit_with_pictures(
    document: dict[str, Any],
    lists: Lists,
    limits: Limits,
    emit: Emit,
) -> None:
    """Emit a document with its lists, and with pictures as long as there is room."""
    document["kept"] = _kept(lists.kept, limits.bytes // 5)
    listed = _Subjects(lists.subjects, int(limits.bytes * NAMES_SHARE))
    document.update(listed.as_dict())
    wanted = [*_kept_pictures(lists.kept[: len(document["kept"])]), *listed.pictures()]
    room = limits.bytes - len(json.dumps(document))
    why_none = "" if document["job"] == "missing" else _UNREADABLE
    with Thumbnails() as thumbnails:
        pictures = _Pictures(room, why_none)
        contents = ((key, _content(lists.read, paths)) for key, paths in wanted[: limits.thumbnails])
        for key, thumbnail in thumbnails.each(contents):
            pictures.add(key, thumbnail)
    document["pictures"], document["no_picture"] = pictures.found, pictures.lacking
    emit(json.dumps(document) + "\n")


def beginning(site: Site, job: str, heading: str) -> dict[str, Any]:
    """What each document has, with nothing in its lists yet."""
    return {
        "format": FORMAT,
        "release": VERSION,
        "made": time.time(),
        "host": platform.node(),
        "site": site.name,
        "job": job,
        "heading": heading,
        **dict.fromkeys(("table", "plan_id", "plan"), ""),
        **dict.fromkeys(("young", "dependent_rows_total", "relinks_total", "kept_total"), 0),
        **{name: [] for name in ("unlisted", "dependent_rows", "relinks")},
        **{name: {} for name in ("examined", "labels", "dependents", "kept_codes")},
        "is_itemized": True,
        "is_permanent": site.quarantine is None,
    }


def _about(of: Description) -> dict[str, Any]:
    plan = of.plan
    return {
        "kind": "plan",
        "table": getattr(of.job, "table", ""),
        "plan_id": plan.plan_id,
        "plan": plan.token,
        "is_itemized": plan.is_itemized,
        "items_total": len(plan.items),
        "examined": plan.examined,
        "found": plan.found.as_dict(),
        "young": plan.young,
        "summary": list(map(printable, of.lines())),
        "refused": [refusal._asdict() for refusal in plan.refusals],
        "notes": list(map(printable, plan.warnings)),
        "unlisted": [printable(column.words) for column in plan.unlisted[:_MOST_NOTES]],
        "labels": dict(islice(of.labels, _MOST_NOTES)),
        "dependents": of.dependents,
        "dependent_rows": list(map(printable, of.dependents_listed.items)),
        "dependent_rows_total": of.dependents_listed.total,
        "relinks": [
            [escaped(each.record.file or b""), escaped(each.record.moved_to)] for each in of.relinks.items
        ],
        "relinks_total": of.relinks.total,
    }


def _kept(items: Sequence[Kept], room: int) -> list[list[str]]:
    kept: list[list[str]] = []
    for each in items:
        entry = [escaped(each.name), each.code.value, printable(each.reason), escaped(each.other)]
        room -= sum(map(len, entry)) + 20
        if room < 0:
            break
        kept.append(entry)
    return kept


def _kept_pictures(kept: Sequence[Kept]) -> Iterator[tuple[str, list[bytes]]]:
    """What a person compares: a file that is likely one with another that a record is missing."""
    for number, each in enumerate(kept):
        if each.other:
            yield f"kept-{number}", [each.name, each.other]


class _Subjects:
    """The items as a page lists them, up to some bytes; their folders are listed once."""

    def __init__(self, subjects: Iterable[Subject], room: int) -> None:
        self._rows: list[list[Any]] = []
        self._paths: list[list[bytes]] = []
        self._folders: dict[bytes, int] = {}
        for subject in subjects:
            row = self._row(subject)
            room -= len(json.dumps(row)) + 2
            if room < 0:
                break
            self._rows.append(row)
            self._paths.append(subject.pictures)

    def _row(self, subject: Subject) -> list[Any]:
        folder, _slash, name = subject.path.rpartition(b"/")
        number = self._folders.setdefault(folder, len(self._folders))
        entry = "" if subject.entry == escaped(subject.path) else subject.entry
        modified = subject.modified if 0 < subject.modified < LAST_MOMENT else 0
        words = [subject.about, subject.owner, list(subject.details)]
        return [number, escaped(name), subject.size, modified, entry, *words]

    def as_dict(self) -> dict[str, Any]:
        return {"folders": list(map(escaped, self._folders)), "items": self._rows}

    def pictures(self) -> Iterator[tuple[str, list[bytes]]]:
        """The items that are pictures, by number: first some of each folder, then the others."""
        numbers = [number for number, paths in enumerate(self._paths) if any(map(_PICTURE.search, paths))]
        seen: Counter[int] = Counter()
        first = []
        for number in numbers:
            folder = self._rows[number][0]
            seen[folder] += 1
            if seen[folder] <= SAMPLES:
                first.append(number)
        for number in dict.fromkeys([*first, *numbers]):
            yield str(number), self._paths[number]


def _content(read: Read, paths: Iterable[bytes]) -> bytes | None:
    """The first of these files that is a picture and can be read."""
    contents = (read(path) for path in paths if _PICTURE.search(path))
    return next((content for content in contents if content is not None), None)


class _Pictures:
    """The thumbnails of a document, as long as there is room."""

    def __init__(self, room: int, why_none: str) -> None:
        # Empty where it is no news that a file is not there.
        self._why_none = why_none
        self._room = room
        self.found: dict[str, str] = {}
        self.lacking: dict[str, str] = {}

    def add(self, key: str, thumbnail: Thumbnail | None) -> None:
        """Add a thumbnail, or why there is none."""
        if thumbnail is None:
            if self._why_none:
                self._note(key, self._why_none)
            return
        text = base64.b64encode(thumbnail.jpeg).decode()
        if not text:
            self._note(key, printable(thumbnail.why))
        elif len(text) + len(key) + 8 > self._room:
            self._note(key, "the page has no room for more pictures")
        else:
            self.found[key] = text
            self._room -= len(text) + len(key) + 8

    def _note(self, key: str, why: str) -> None:
        if len(why) + len(key) + 8 <= self._room:
            self.lacking[key] = why
            self._room -= len(why) + len(key) + 8

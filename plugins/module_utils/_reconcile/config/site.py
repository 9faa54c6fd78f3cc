# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What is compared with what: the options of a site and its jobs, validated once.

Both the modules and the command hand their options over as a plain mapping with the names that
the documentation uses; what comes out needs no further check until it meets the disk and the
database.
"""

from __future__ import annotations

import os
import posixpath
from dataclasses import dataclass, field
from typing import Any, Iterator, Mapping, Sequence

from ..errors import SiteError
from ..text import escaped, escaped_value
from .guards import ACCEPTABLE

AGE_STAMPS = ("newest", "mtime", "ctime")
SELECTIONS = ("missing", "incomplete")
ACTIONS = ("delete", "set_null", "restrict")


@dataclass(frozen=True, order=True)
class Column:
    """A column as the user writes it; the table may carry its schema: ``gallery.photo``.

    ``size`` and ``checksum`` are columns of the same table that say of what is in the named file.
    """

    table: str
    name: str
    size: str | None = field(default=None, compare=False)
    checksum: str | None = field(default=None, compare=False)

    def __str__(self) -> str:
        return f"{self.table}.{self.name}"


@dataclass(frozen=True)
class Site:
    """One database and one media root that belong together, with the limits that both obey."""

    name: str
    database_url: str
    media_root: bytes
    media_url: bytes
    quarantine: bytes | None
    marker: bytes | None
    max_removal_percent: int
    accept: tuple[str, ...]
    include_likely_moves: bool
    low_priority: bool
    max_listed: int

    @property
    def quarantine_in_root(self) -> bytes | None:
        """The quarantine relative to the media root, if it lies below it; it is never scanned."""
        below = self.media_root.rstrip(b"/") + b"/"
        if self.quarantine is None or not self.quarantine.startswith(below):
            return None
        return self.quarantine[len(below) :]


@dataclass(frozen=True)
class AgeLimit:
    """How old a thing must be to go, and which time stamp of a file tells its age."""

    older_than_hours: int
    age_stamp: str

    @property
    def seconds(self) -> int:
        return self.older_than_hours * 3600


@dataclass(frozen=True)
class OrphansJob:
    site: Site
    directories: tuple[bytes, ...]
    references: tuple[Column, ...]
    age_limit: AgeLimit
    exclude: tuple[str, ...]
    derived: tuple[str, ...]

    name = "orphans"

    @property
    def heading(self) -> str:
        """What a report calls the job."""
        return f"{self.site.name} · {self.name}"


@dataclass(frozen=True)
class DependentRule:
    """What the user says becomes of the rows that a column ties to a removed record.

    The column holds the record's key, a key that a content type tells apart (Django's generic
    relation), or, with ``holds_path``, the path of the removed file.
    """

    column: Column
    action: str
    content_type: tuple[str, str] | None = None
    content_type_column: str = "content_type_id"
    holds_path: bool = False


@dataclass(frozen=True)
class RecordsJob:
    site: Site
    table: str
    file_column: str
    size_column: str | None
    checksum_column: str | None
    companion_columns: tuple[str, ...]
    select: str
    unattached_column: str
    uploaded_at_column: str
    time_zone: str | None
    age_limit: AgeLimit
    label: str | None
    dependents: tuple[DependentRule, ...]
    max_dependents: int
    references: tuple[Column, ...]
    derived: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.select

    @property
    def heading(self) -> str:
        """What a report calls the job."""
        return f"{self.site.name} · {self.name} · {self.table}"

    @property
    def deciding_column(self) -> Column:
        return Column(self.table, self.file_column, self.size_column, self.checksum_column)

    @property
    def own_columns(self) -> tuple[Column, ...]:
        return (self.deciding_column, *(Column(self.table, name) for name in self.companion_columns))


def orphans_job(options: Mapping[str, Any]) -> OrphansJob:
    """Build the job ``orphans`` from a module's or a site file's options."""
    references = _columns(options, "references")
    if not references:
        raise SiteError(
            "references is empty: without a column that names files, every file would be an orphan. "
            "List the columns, such as {table: collection_photo, column: image}."
        )
    return OrphansJob(
        site=site(options),
        directories=_directories(_texts(options, "directories")),
        references=references,
        age_limit=_age_limit(options),
        exclude=tuple(_texts(options, "exclude")),
        derived=tuple(_texts(options, "derived")),
    )


def records_job(options: Mapping[str, Any]) -> RecordsJob:
    """Build the job ``missing`` or ``incomplete`` from a module's or a site file's options."""
    select = options.get("select") or "missing"
    if select not in SELECTIONS:
        raise SiteError(f"select is {select!r}; it must be one of {', '.join(SELECTIONS)}.")
    label = options.get("label")
    if label is not None and len(str(label).split(".")) < 2:
        raise SiteError(f"label {label!r} must lead over a foreign key to a column, such as album_id.title.")
    references = _columns(options, "references")
    deciding = _deciding_column(options, references)
    return RecordsJob(
        site=site(options),
        table=deciding.table,
        file_column=deciding.name,
        size_column=deciding.size,
        checksum_column=deciding.checksum,
        companion_columns=_companions(options),
        select=select,
        unattached_column=str(options.get("unattached_column") or "content_type_id"),
        uploaded_at_column=str(options.get("uploaded_at_column") or "uploaded_at"),
        time_zone=options.get("time_zone"),
        age_limit=_age_limit(options),
        label=label,
        dependents=tuple(_dependents(options)),
        max_dependents=_number(options, "max_dependents", 100),
        references=references,
        derived=tuple(_texts(options, "derived")),
    )


def _deciding_column(options: Mapping[str, Any], references: Sequence[Column]) -> Column:
    """The file column; what the site's references say of it need not be said again."""
    column = Column(_text(options, "table"), _text(options, "file_column"))
    told = next((reference for reference in references if reference == column), column)
    return Column(
        column.table,
        column.name,
        options.get("size_column") or told.size,
        options.get("checksum_column") or told.checksum,
    )


def _companions(options: Mapping[str, Any]) -> tuple[str, ...]:
    """The companion columns, each once; the file column is none."""
    names = dict.fromkeys(_texts(options, "companion_columns"))
    names.pop(str(options.get("file_column")), None)
    return tuple(names)


def _dependents(options: Mapping[str, Any]) -> Iterator[DependentRule]:
    columns = _columns(options, "dependents")
    entries = options.get("dependents") or ()
    if len(columns) < len(entries):
        raise SiteError("dependents names one column twice; one rule a column, please.")
    for column, entry in zip(columns, entries):
        action = entry.get("action")
        if action not in ACTIONS:
            raise SiteError(
                f"dependents: the action for {column} is {action!r}; it must be one of {', '.join(ACTIONS)}."
            )
        content_type = entry.get("content_type")
        parts = tuple(str(content_type).split(".")) if content_type else None
        if parts is not None and len(parts) != 2:
            raise SiteError(
                f"dependents: content_type {content_type!r} of {column} must be APP.MODEL, "
                "such as album.photo."
            )
        holds = entry.get("holds") or "key"
        if holds not in ("key", "path"):
            raise SiteError(f"dependents: holds of {column} is {holds!r}; it must be key or path.")
        yield DependentRule(
            column=column,
            action=action,
            content_type=(parts[0], parts[1]) if parts else None,
            content_type_column=str(entry.get("content_type_column") or "content_type_id"),
            holds_path=holds == "path",
        )


def site(options: Mapping[str, Any]) -> Site:
    """Build the site that every job needs; see the documentation of the shared options."""
    media_root = _text(options, "media_root")
    if not media_root.startswith("/"):
        raise SiteError(f"media_root {media_root!r} is not an absolute path. Write it from / on.")
    marker = options.get("marker")
    found = Site(
        name=escaped_value(options.get("name") or media_root),
        database_url=_text(options, "database_url"),
        media_root=os.fsencode(posixpath.normpath(media_root)),
        media_url=str(options.get("media_url") or "").encode(),
        quarantine=_quarantine(options.get("quarantine")),
        marker=None if marker is None else _below_root("marker", str(marker)),
        max_removal_percent=_number(options, "max_removal_percent", 50, most=100),
        accept=_accepted(options),
        include_likely_moves=bool(options.get("include_likely_moves")),
        low_priority=bool(options.get("low_priority")),
        max_listed=_number(options, "max_listed", 100),
    )
    _check_quarantine(found, bool(options.get("quarantine_in_media_root")))
    return found


def _accepted(options: Mapping[str, Any]) -> tuple[str, ...]:
    accepted = tuple(_texts(options, "accept"))
    unknown = [guard for guard in accepted if guard not in ACCEPTABLE]
    if unknown:
        raise SiteError(f"accept names {unknown[0]!r}; it may name {', '.join(ACCEPTABLE)}.")
    return accepted


def _quarantine(written: Any) -> bytes | None:
    if written is None:
        return None
    if not str(written).startswith("/"):
        raise SiteError(f"quarantine {written!r} is not an absolute path. Write it from / on.")
    return os.fsencode(posixpath.normpath(str(written)))


def _check_quarantine(site: Site, is_allowed_in_root: bool) -> None:
    """A web server publishes the media root, and what was removed should not be published."""
    if site.quarantine is None:
        return
    real, root = os.path.realpath(site.quarantine), os.path.realpath(site.media_root)
    shown = escaped(site.quarantine)
    if real == root or root.startswith(real.rstrip(b"/") + b"/"):
        raise SiteError(f"quarantine '{shown}' holds the media root itself. Name a folder of its own.")
    if real.startswith(root.rstrip(b"/") + b"/") and not is_allowed_in_root:
        raise SiteError(
            f"quarantine '{shown}' lies inside media_root, which a web server publishes. Name a folder "
            "beside it, on the same file system; or set quarantine_in_media_root if you mean it."
        )


def _age_limit(options: Mapping[str, Any]) -> AgeLimit:
    age_stamp = options.get("age_stamp") or "newest"
    if age_stamp not in AGE_STAMPS:
        raise SiteError(f"age_stamp is {age_stamp!r}; it must be one of {', '.join(AGE_STAMPS)}.")
    return AgeLimit(_number(options, "older_than_hours", 24), age_stamp)


def _number(options: Mapping[str, Any], name: str, default: int, most: int | None = None) -> int:
    value = options.get(name)
    if value is None:
        return default
    whole = isinstance(value, int) and not isinstance(value, bool)
    if not whole or value < 0 or (most is not None and value > most):
        limits = "a whole number of 0 or more" if most is None else f"a whole number from 0 to {most}"
        raise SiteError(f"{name} is {value!r}; it must be {limits}.")
    return int(value)


def _text(options: Mapping[str, Any], name: str) -> str:
    value = options.get(name)
    if not isinstance(value, str) or not value:
        raise SiteError(f"{name} is missing; it must be a text that is not empty.")
    if "\0" in value:
        raise SiteError(f"{name} holds a NUL byte, which no path and no name can.")
    return value


def _texts(options: Mapping[str, Any], name: str) -> Sequence[str]:
    values = options.get(name) or ()
    if isinstance(values, str) or not all(isinstance(value, str) and value for value in values):
        raise SiteError(f"{name} must be a list of texts that are not empty.")
    return values


def _columns(options: Mapping[str, Any], name: str) -> tuple[Column, ...]:
    columns = []
    for entry in options.get(name) or ():
        if not isinstance(entry, Mapping) or not entry.get("table") or not entry.get("column"):
            raise SiteError(
                f"{name} holds {entry!r}; each entry must name a table and a column, "
                "such as {table: collection_photo, column: image}."
            )
        about = (str(entry[key]) if entry.get(key) else None for key in ("size_column", "checksum_column"))
        columns.append(Column(str(entry["table"]), str(entry["column"]), *about))
    return tuple(dict.fromkeys(columns))


def _below_root(option: str, written: str) -> bytes:
    path = posixpath.normpath(written)
    if "\0" in written:
        raise SiteError(f"{option} {written!r} holds a NUL byte, which no path can.")
    if path.startswith("/"):
        raise SiteError(
            f"{option} {written!r} is absolute. Write it relative to media_root, such as item_photos."
        )
    if ".." in written.split("/"):
        raise SiteError(f"{option} {written!r} holds '..', which could lead out of media_root.")
    return b"" if path == "." else os.fsencode(path)


def _directories(written: Sequence[str]) -> tuple[bytes, ...]:
    """Normalize the listed directories, in byte order; ``.`` is the whole media root."""
    if not written:
        raise SiteError("directories is empty: name at least one directory below media_root.")
    paths = sorted({_below_root("directories: the entry", entry) for entry in written})
    if len(paths) < len(written):
        raise SiteError(f"directories names one directory twice: {', '.join(sorted(written))}.")
    for outer in paths:
        for inner in paths:
            if inner != outer and (not outer or inner.startswith(outer + b"/")):
                raise SiteError(
                    f"directories overlap: {escaped(inner)} lies in {escaped(outer) or '.'}. "
                    "Keep one of the two, so that no file is judged twice."
                )
    # The order in which their contents come in the byte order of whole paths.
    return tuple(sorted(paths, key=lambda path: path + b"/"))

# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""A site and its jobs as data, as ``jobs.py`` builds them."""

from __future__ import annotations

import os
import posixpath
import re
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Sequence, Union

from ..errors import SiteError
from ..kept import Code, Doubt
from ..media.s3.place import UNCONDITIONAL_DELETE, StorageOptions
from .only import Only
from .options import AGE_STAMPS

_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
# One spelling only, in every encoding of a database, and nothing that SQL would understand.
_PREFIX = re.compile(r"[A-Za-z0-9_~-][A-Za-z0-9._~-]*(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*")


@dataclass(frozen=True, order=True)
class Column:
    """A column as the user writes it; the table may carry its schema: ``gallery.photo``.

    ``size`` and ``checksum`` are columns of the same table that say of what is in the named file. What it
    holds are paths below ``prefix``, a folder of the media store; raises SiteError for one that is not plain.
    """

    table: str
    name: str
    size: str | None = field(default=None, compare=False)
    checksum: str | None = field(default=None, compare=False)
    prefix: str = ""

    def __post_init__(self) -> None:
        if self.prefix and not is_plain_prefix(self.prefix):
            raise SiteError(
                f"the prefix {self.prefix!r} of the column {self} is no plain folder. Write it relative to "
                "the media root, without a slash at its ends, of letters, digits and . _ ~ - of ASCII only."
            )

    @property
    def written(self) -> list[str]:
        """What it is, as a batch and the state write it."""
        return [self.table, self.name, *([self.prefix] if self.prefix else [])]

    def __str__(self) -> str:
        return f"{self.table}.{self.name}"


def column_of(written: Sequence[str]) -> Column:
    """The column that was written so. Raises SiteError for a prefix that none has."""
    table, name, *prefix = written
    return Column(table, name, prefix="".join(prefix))


def is_plain_prefix(folder: str) -> bool:
    """Whether a folder has a name by which references may be completed."""
    return bool(_PREFIX.fullmatch(folder))


@dataclass(frozen=True)
class ProjectParts:
    """What one run compares with what the Django project of a site had at the last one.

    A column is that of a file field. A receiver of delete signals is written with its model.
    """

    columns: tuple[Column, ...]
    delete_receivers: tuple[str, ...]


@dataclass(frozen=True)
class Keep:
    """What no job removes: files, by paths and globs, and rows, by table and key as reports show them."""

    paths: tuple[bytes, ...]
    rows: tuple[tuple[str, str], ...]
    # Paths that are no globs, whatever they hold.
    files: tuple[bytes, ...] = ()
    # The defaults of a project's file fields. The record of such a file is not kept for its sake.
    defaults: tuple[bytes, ...] = ()


@dataclass(frozen=True)
class Reviewed:
    """Which plan a reviewer has seen, and what of it that person keeps."""

    plan_id: str
    keep: Keep


@dataclass(frozen=True)
class Site:
    """One database and one media root that belong together, with the limits that both obey.

    ``switches`` are the boolean options: a new one needs no field here.
    """

    name: str
    database_url: str
    media_root: bytes
    media_url: bytes
    quarantine: bytes | None
    state_directory: bytes | None
    marker: bytes | None
    max_removal_percent: int
    accept: tuple[str, ...]
    max_listed: int
    confirm_scans: int | None
    confirm_after_hours: int
    switches: tuple[tuple[str, bool], ...]
    keep: Keep
    # Tables and columns that the sweep does not search, as TABLE or TABLE.COLUMN.
    sweep_exclude: tuple[str, ...]
    # Whether nobody has named the quarantine: it has to be on the file system of the media, then.
    has_default_quarantine: bool
    # Where it has a Django project.
    project: ProjectParts | None = None
    review: Reviewed | None = None
    # How the service is reached where media root and quarantine are in a bucket.
    storage_options: StorageOptions = StorageOptions()  # noqa: RUF009 (it is frozen)
    # Whether its Django project writes to no key of the bucket at which an object is.
    uses_names_once: bool = False

    def enabled(self, option: str) -> bool:
        """Whether a boolean option is set. Raises KeyError for a name that is none of them."""
        return dict(self.switches)[option]

    def accepts(self, code: Code, name: bytes) -> bool:
        """Whether the doubt with this code about the thing of this name was accepted."""
        return f"{code.value}:{os.fsdecode(name)}" in self.accept

    @property
    def accepts_unconditional_delete(self) -> bool:
        """Whether an object may be deleted where the service does not ensure that it is still the same."""
        return self.uses_names_once or UNCONDITIONAL_DELETE in self.accept

    @property
    def file_name(self) -> str:
        """What a file or a folder is called after it; a digest where its name is not fit for that."""
        if _FILE_NAME.fullmatch(self.name):
            return self.name
        return blake2b(self.name.encode(), digest_size=16).hexdigest()

    def accepted_names(self, code: Code) -> frozenset[bytes]:
        """The names of the things about which the doubt with this code was accepted."""
        begin = f"{code.value}:"
        names = (entry[len(begin) :] for entry in self.accept if entry.startswith(begin))
        return frozenset(os.fsencode(posixpath.normpath(name)) for name in names if name)

    @property
    def quarantine_in_root(self) -> bytes | None:
        """The quarantine relative to the media root, if it is below it; it is never scanned."""
        below = self.media_root.rstrip(b"/") + b"/"
        if self.quarantine is None or not self.quarantine.startswith(below):
            return None
        return self.quarantine[len(below) :]


@dataclass(frozen=True)
class AgeLimit:
    """How old a thing must be to be removed, and which time stamp of a file is its age."""

    older_than_hours: int
    age_stamp: str = AGE_STAMPS[0]

    @property
    def seconds(self) -> int:
        return self.older_than_hours * 3600


@dataclass(frozen=True)
class Claims:
    """What the fields of a Django project say about the folders of a job ``orphans``.

    Its directories need not be there yet. The folders of what ``columns`` reference are judged as well, for
    code decides where their files go. What no field claims is reported, and not judged.
    """

    columns: tuple[Column, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class OrphansJob:
    site: Site
    directories: tuple[bytes, ...]
    references: tuple[Column, ...]
    age_limit: AgeLimit
    exclude: tuple[str, ...]
    derived: tuple[str, ...]
    claims: Claims | None = None
    # The file that lists what is judged; None where the store is listed.
    candidates: bytes | None = None

    name = "orphans"

    @property
    def referencing_columns(self) -> tuple[Column, ...]:
        """All columns that may reference the files of the job."""
        return self.references

    @property
    def path_columns(self) -> tuple[Column, ...]:
        """All columns that may hold the paths of its files."""
        return self.references

    @property
    def heading(self) -> str:
        """What a report calls the job."""
        return f"{self.site.name} · {self.name}"


@dataclass(frozen=True)
class DependentRule:
    """What the user says becomes of the rows that a column ties to a removed record.

    The column holds the record's key, a key that a content type completes (Django's generic
    relation), or, with ``holds_path``, the path of the removed file. ``parents`` says what
    becomes of the parents of rows that are deleted.

    ``target`` is the table whose rows it references, where that is not the table of the records and no
    foreign key of the catalog says so, and ``target_column`` its column there, if not the primary key. With
    ``is_implied`` it is the project's rule: it may have no effect, ``name`` is what ``accept`` calls it,
    ``why`` says why rows keep their records, and ``value`` is what it sets the column to.
    """

    column: Column
    action: str
    content_type: tuple[str, str] | None = None
    content_type_column: str = "content_type_id"
    holds_path: bool = False
    parents: str | None = None
    target: str | None = None
    target_column: str = ""
    is_implied: bool = False
    name: str = ""
    value: str | float | None = None
    why: str = ""


@dataclass(frozen=True)
class GenericTargets:
    """Where the objects are at which the rows of a generic foreign key point.

    ``tables`` has the table and the key column of each content type, which is written APP.MODEL.
    """

    content_type_column: str
    object_id_column: str
    tables: tuple[tuple[str, Column], ...]


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
    uploaded_at_column: str | None
    time_zone: str | None
    age_limit: AgeLimit
    label: str | None
    dependents: tuple[DependentRule, ...]
    parents: str | None
    only: Only
    on_missing: str
    max_dependents: int
    relink: bool
    references: tuple[Column, ...]
    derived: tuple[str, ...]
    # Of a Django project: other columns that are NULL in a row that is not attached, where the objects are to
    # which rows are attached, why none of the records may be removed, and what a person should know.
    # ``parent_links`` are the columns of each of its tables that lead to the rows of parents.
    more_unattached_columns: tuple[str, ...] = ()
    dangling: GenericTargets | None = None
    doubt: Doubt | None = None
    notes: tuple[str, ...] = ()
    parent_links: tuple[tuple[str, tuple[str, ...]], ...] = ()
    # The folders of the media store below which its own columns hold paths, by the name of the column.
    prefixes: tuple[tuple[str, str], ...] = ()

    @property
    def name(self) -> str:
        return self.select

    @property
    def unattached_columns(self) -> tuple[str, ...]:
        """Columns of which one is NULL in a row that is attached to nothing."""
        return (self.unattached_column, *self.more_unattached_columns)

    @property
    def clears(self) -> bool:
        """Whether rows are kept and lose their files."""
        return self.on_missing == "clear"

    @property
    def file_columns(self) -> tuple[str, ...]:
        """The columns that are emptied where rows are kept."""
        return (self.file_column, *self.companion_columns)

    @property
    def heading(self) -> str:
        """What a report calls the job."""
        return f"{self.site.name} · {self.name} · {self.table}"

    @property
    def deciding_column(self) -> Column:
        prefix = self._prefix_of(self.file_column)
        return Column(self.table, self.file_column, self.size_column, self.checksum_column, prefix)

    @property
    def companions(self) -> tuple[Column, ...]:
        return tuple(
            Column(self.table, name, prefix=self._prefix_of(name)) for name in self.companion_columns
        )

    def _prefix_of(self, column: str) -> str:
        return dict(self.prefixes).get(column, "")

    @property
    def own_columns(self) -> tuple[Column, ...]:
        return (self.deciding_column, *self.companions)

    @property
    def referencing_columns(self) -> tuple[Column, ...]:
        """All columns that may reference the files of the records."""
        return tuple(dict.fromkeys((*self.own_columns, *self.references)))

    @property
    def path_columns(self) -> tuple[Column, ...]:
        """All columns that may hold the paths of the records, those of dependent rows included."""
        dependents = [rule.column for rule in self.dependents if rule.holds_path]
        return tuple(dict.fromkeys((*self.referencing_columns, *dependents)))


# A job of any kind.
Job = Union[OrphansJob, RecordsJob]

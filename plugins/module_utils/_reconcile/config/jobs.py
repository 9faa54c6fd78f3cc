# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Builds a site and its jobs from options, which are checked here, once.

Both the modules and the command hand their options over as a plain mapping with the names of the
table of options, which says what each must be and what it is by default; this file adds the rules that
relate options to each other. What comes out needs no further check until it meets the disk and the
database.
"""

from __future__ import annotations

import os
import posixpath
from typing import Any, Callable, Iterable, Mapping, Sequence
from urllib.parse import unquote

from ..errors import SiteError
from ..media.paths import is_below
from ..media.s3.place import bucket_place, is_in_bucket, storage_options
from ..text import escaped, escaped_value
from .keep import below_root, globs_below_root, keep_of
from .only import only_of
from .options import ON_MISSING, SELECTIONS, module_options, shared_options
from .site import AgeLimit, Column, DependentRule, Job, OrphansJob, RecordsJob, Reviewed, Site
from .values import checked

# What Django's own documentation begins with, and where most sites have the photos of a generic relation.
MEDIA_URL = "/media/"
UNATTACHED_COLUMN = "content_type_id"

# What the media root has behind its name in that of its quarantine, where none is named.
QUARANTINE_SUFFIX = "-quarantine"


def orphans_job(options: Mapping[str, Any]) -> OrphansJob:
    """Build the job ``orphans`` from a module's or a site file's options. Raises SiteError."""
    values = checked(options, module_options("orphans"))
    if not values["references"]:
        raise SiteError(
            "references is empty: without a column that references files, every file would be an orphan. "
            "List the columns, such as {table: collection_photo, column: image}."
        )
    candidates = values["candidates"]
    return OrphansJob(
        site=_site(values),
        directories=_directories(values["directories"]),
        references=columns_of(values["references"]),
        age_limit=AgeLimit(values["older_than_hours"], values["age_stamp"]),
        exclude=_globs("exclude: the entry", values["exclude"]),
        derived=tuple(values["derived"]),
        candidates=None if candidates is None else absolute("candidates", candidates),
    )


def _globs(option: str, entries: Iterable[str]) -> tuple[str, ...]:
    return tuple(os.fsdecode(glob) for entry in entries for glob in globs_below_root(option, entry))


def records_job(options: Mapping[str, Any]) -> RecordsJob:
    """Build the job ``missing`` or ``incomplete``, as ``select`` says. Raises SiteError."""
    values = checked(options, module_options(SELECTIONS[0]))
    if values["dangling"]:
        raise SiteError("dangling is for the job incomplete of a model of a Django project. Leave it out.")
    references = columns_of(values["references"])
    deciding = _deciding_column(values, references)
    companions = _companions(values)
    return RecordsJob(
        site=_site(values),
        table=deciding.table,
        file_column=deciding.name,
        size_column=deciding.size,
        checksum_column=deciding.checksum,
        companion_columns=companions,
        select=values["select"],
        unattached_column=values["unattached_column"] or UNATTACHED_COLUMN,
        uploaded_at_column=values["uploaded_at_column"],
        time_zone=values["time_zone"],
        age_limit=AgeLimit(values["older_than_hours"], values["age_stamp"]),
        label=values["label"],
        dependents=_dependents(values["dependents"]),
        parents=values["parents"],
        only=only_of(values["only"] or {}),
        on_missing=_on_missing(values),
        max_dependents=values["max_dependents"],
        relink=values["relink"],
        references=references,
        derived=tuple(values["derived"]),
        prefixes=_prefixes(deciding.table, (deciding.name, *companions), references),
    )


_BUILDERS: Mapping[str, Callable[[Mapping[str, Any]], Job]] = {
    "orphans": orphans_job,
    "incomplete": records_job,
    "missing": records_job,
}


def build_job(job: str, options: Mapping[str, Any]) -> Job:
    """Build a job of that kind. Raises SiteError where an option is not usable."""
    return _BUILDERS[job](options)


def _on_missing(values: Mapping[str, Any]) -> str:
    on_missing: str = values["on_missing"]
    if values["select"] != SELECTIONS[0] and on_missing != ON_MISSING[0]:
        raise SiteError(
            f"on_missing is {on_missing}, and the job is {values['select']}, which asks for no file. "
            f"Leave it out, or use it in the job {SELECTIONS[0]}."
        )
    return on_missing


def _deciding_column(values: Mapping[str, Any], references: Sequence[Column]) -> Column:
    """The file column; what the site's references say of it need not be said again."""
    column = Column(values["table"], values["file_column"])
    listed = _listed(column, references)
    return Column(
        column.table,
        column.name,
        values["size_column"] or listed.size,
        values["checksum_column"] or listed.checksum,
    )


def _listed(column: Column, references: Sequence[Column]) -> Column:
    """A column as the site's references have it first."""
    same = (one for one in references if (one.table, one.name) == (column.table, column.name))
    return next(same, column)


def _prefixes(table: str, names: Sequence[str], references: Sequence[Column]) -> tuple[tuple[str, str], ...]:
    """The folders below which columns of a table hold paths, as the site's references say."""
    listed = ((name, _listed(Column(table, name), references).prefix) for name in names)
    return tuple((name, prefix) for name, prefix in listed if prefix)


def _companions(values: Mapping[str, Any]) -> tuple[str, ...]:
    """The companion columns, each once; the file column is none."""
    names = dict.fromkeys(values["companion_columns"])
    names.pop(values["file_column"], None)
    return tuple(names)


def _dependents(entries: Sequence[Mapping[str, Any]]) -> tuple[DependentRule, ...]:
    columns = columns_of(entries)
    if len(columns) < len(entries):
        raise SiteError("dependents has two rules for one column. Keep one of them.")
    return tuple(map(_dependent_rule, columns, entries))


def _dependent_rule(column: Column, entry: Mapping[str, Any]) -> DependentRule:
    content_type = entry["content_type"] or None
    app, _dot, model = (content_type or "").partition(".")
    if content_type and (not app or not model or "." in model):
        raise SiteError(
            f"dependents: content_type {content_type!r} of {column} must be APP.MODEL, such as album.photo."
        )
    return DependentRule(
        column=column,
        action=entry["action"],
        content_type=(app, model) if content_type else None,
        content_type_column=entry["content_type_column"],
        holds_path=entry["holds"] == "path",
        parents=entry["parents"],
    )


def site(options: Mapping[str, Any]) -> Site:
    """Build the site of a quarantine, without a job. Raises SiteError."""
    return _site(checked(options, shared_options()))


def _site(values: Mapping[str, Any]) -> Site:
    marker = values["marker"]
    kept_in = quarantine_of(values)
    media_root = place_in("media_root", values["media_root"])
    state = values["state_directory"]
    found = Site(
        name=escaped_value(values["name"] or values["media_root"]),
        database_url=values["database_url"],
        media_root=media_root,
        media_url=(values["media_url"] or MEDIA_URL).encode(),
        quarantine=None if kept_in is None else place_in("quarantine", kept_in),
        state_directory=None if state is None else absolute("state_directory", state),
        marker=None if marker is None else below_root("marker", marker),
        max_removal_percent=values["max_removal_percent"],
        accept=tuple(values["accept"]),
        max_listed=values["max_listed"],
        confirm_scans=values["confirm_scans"],
        confirm_after_hours=values["confirm_after_hours"],
        switches=tuple((name, value) for name, value in values.items() if isinstance(value, bool)),
        keep=keep_of(values["keep"]),
        sweep_exclude=tuple(values["sweep_exclude"]),
        review=_review(values["review"]),
        has_default_quarantine=kept_in is not None and values["quarantine"] is None,
        storage_options=storage_options(values["storage_options"]),
    )
    _check_quarantine(found)
    return found


def sqlite_path(url: str) -> str:
    """The path that the URL of a SQLite database names; empty for another database."""
    scheme, _separator, rest = url.partition("://")
    return unquote(rest.partition("?")[0])[1:] if scheme.lower() == "sqlite" else ""


def place_in(option: str, written: str) -> bytes:
    """A folder by its absolute path, or a place in a bucket by its URL. Raises SiteError."""
    if is_in_bucket(written):
        return bucket_place(option, written).url.encode()
    return absolute(option, written)


def absolute(option: str, written: str) -> bytes:
    if not written.startswith("/"):
        is_media = option in ("media_root", "quarantine")
        raise SiteError(
            f"{option} {written!r} is not an absolute path. Write it from / on"
            f"{', or a place in a bucket as s3://BUCKET/PREFIX' if is_media else ''}."
        )
    try:
        return os.fsencode(posixpath.normpath(written))
    except UnicodeEncodeError:
        raise SiteError(f"{option} holds half of a surrogate pair, which is no text.") from None


def quarantine_of(options: Mapping[str, Any]) -> str | None:
    """The quarantine that options mean: the one they name, or a folder beside the media root.

    None where what is removed is deleted for good. Raises SiteError where both are said.
    """
    named: str | None = options.get("quarantine")
    if not options.get("permanent"):
        return named or _beside(str(options["media_root"]))
    if named:
        raise SiteError(
            f"quarantine and permanent are both set. Remove permanent to keep what is removed in {named!r}, "
            "or quarantine to delete it for good."
        )
    return None


def _beside(media_root: str) -> str:
    """The quarantine that nobody has named. Raises SiteError where none can be beside the media root."""
    if not is_in_bucket(media_root):
        return posixpath.normpath(media_root) + QUARANTINE_SUFFIX
    place = bucket_place("media_root", media_root)
    if not place.prefix:
        raise SiteError(
            f"media_root '{place.url}' is a whole bucket, so no quarantine can be beside it. Set quarantine "
            "to a place in another bucket of the same service, or permanent to delete for good."
        )
    return place.url + QUARANTINE_SUFFIX


def _check_quarantine(site: Site) -> None:
    """A web server publishes the media root, and what was removed should not be published."""
    if site.quarantine is None:
        return
    if is_in_bucket(site.media_root) or is_in_bucket(site.quarantine):
        _check_quarantine_in_bucket(site, site.quarantine)
        return
    real, root = os.path.realpath(site.quarantine), os.path.realpath(site.media_root)
    shown = escaped(site.quarantine)
    if real == root or root.startswith(real.rstrip(b"/") + b"/"):
        raise SiteError(f"quarantine '{shown}' holds the media root itself. Set it to a folder of its own.")
    is_inside = real.startswith(root.rstrip(b"/") + b"/")
    if is_inside and not site.enabled("quarantine_in_media_root"):
        raise SiteError(
            f"quarantine '{shown}' is inside media_root, which a web server publishes. Use a folder "
            "beside it, on the same file system; or set quarantine_in_media_root to allow it."
        )


def _check_quarantine_in_bucket(site: Site, quarantine: bytes) -> None:
    if is_in_bucket(site.media_root) != is_in_bucket(quarantine):
        raise SiteError(
            f"media_root is '{escaped(site.media_root)}' and quarantine '{escaped(quarantine)}': one of them "
            "is in a bucket, and files are not carried from one to the other. Set quarantine to a place of "
            "the same kind."
        )
    root, kept = bucket_place("media_root", site.media_root), bucket_place("quarantine", quarantine)
    if kept.holds(root):
        raise SiteError(
            f"quarantine '{kept.url}' holds the media root itself. Set it to a prefix of its own."
        )
    if root.holds(kept):
        raise SiteError(
            f"quarantine '{kept.url}' is inside media_root, which is published. Use a prefix beside it, or "
            "another bucket of the same service."
        )


def columns_of(entries: Iterable[Mapping[str, Any]]) -> tuple[Column, ...]:
    """The columns of these entries, each once."""
    return tuple(dict.fromkeys(map(_column, entries)))


def _column(entry: Mapping[str, Any]) -> Column:
    size, checksum = entry.get("size_column"), entry.get("checksum_column")
    prefix = (entry.get("prefix") or "").rstrip("/")
    return Column(entry["table"], entry["column"], size or None, checksum or None, prefix)


def _review(given: Mapping[str, Any] | None) -> Reviewed | None:
    return None if given is None else Reviewed(given["plan_id"], keep_of(given["keep"]))


def _directories(written: Sequence[str]) -> tuple[bytes, ...]:
    """Normalize the listed directories, in byte order; ``.`` is the whole media root."""
    if not written:
        raise SiteError("directories is empty: list at least one directory below media_root.")
    paths = sorted({below_root("directories: the entry", entry) for entry in written})
    if len(paths) < len(written):
        raise SiteError(f"directories lists one directory twice: {', '.join(sorted(written))}.")
    for outer in paths:
        for inner in paths:
            if inner != outer and is_below(inner, outer):
                raise SiteError(
                    f"directories overlap: {escaped(inner)} is in {escaped(outer) or '.'}. "
                    "Keep one of the two, so that no file is examined twice."
                )
    # The order in which their contents come in the byte order of whole paths.
    return tuple(sorted(paths, key=lambda path: path + b"/"))

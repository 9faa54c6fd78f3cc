# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The files of a Django project: which columns reference those of a store, and into which folders they go."""

from __future__ import annotations

import posixpath
from glob import escape
from itertools import chain
from typing import Iterable, Iterator, Mapping, NamedTuple

from ...errors import SiteError
from ..django.facts import Facts, FieldFacts, ModelFacts, Scalar
from ..site import is_plain_prefix
from .place import Place, is_of_tenants

Thumbnails = Mapping[str, Mapping[str, Scalar]]

# By library, the setting that says how its files are called, and the value that puts the source into a name.
_IMAGEKIT = (
    "imagekit",
    "IMAGEKIT_SPEC_CACHEFILE_NAMER",
    "imagekit.cachefiles.namers.source_name_as_path",
)
_EASY_THUMBNAILS = ("easy_thumbnails", "THUMBNAIL_NAMER", "easy_thumbnails.namers.default")


class FileField(NamedTuple):
    """A file field of a model; the folder in the store where its storage begins, if it is below it."""

    model: ModelFacts
    field: FieldFacts
    prefix: str | None

    def __str__(self) -> str:
        return f"{self.model.label}.{self.field.name}"

    @property
    def column(self) -> dict[str, str]:
        prefix = {"prefix": self.prefix} if self.prefix else {}
        return {"table": self.model.table, "column": self.field.column, **prefix}


class Files(NamedTuple):
    """What the file fields of a project say about the files of one store."""

    # The columns that reference files, and those that may do so: nobody knows what their storage is.
    references: list[dict[str, str]]
    # The folders that fields write to, and the columns whose references show it where code decides.
    directories: list[str]
    claiming: list[dict[str, str]]
    derived: list[str]
    keep: list[str]
    # Files that many rows may share, and that nobody uploaded.
    defaults: list[str]
    notes: list[str]


def judged_fields(facts: Facts, place: Place, files: Files, model: ModelFacts) -> dict[FieldFacts, str]:
    """The file fields of a model whose files are all judged, with the folders where their storages begin."""
    found = {}
    for field in model.fields:
        prefix = place.prefix_of_field(facts, field) if field.kind == "file" else None
        if prefix is not None and FileField(model, field, prefix).column in files.references:
            found[field] = prefix
    return found


def file_fields(facts: Facts) -> Iterator[tuple[ModelFacts, FieldFacts]]:
    """All file fields of all tables."""
    for model in facts.models:
        if not model.swapped:
            yield from ((model, field) for field in model.fields if field.kind == "file")


def files_of(facts: Facts, place: Place) -> Files:
    """What is known of the files of the store. Raises SiteError where a reference to them cannot be read."""
    if is_of_tenants(place.database):
        raise SiteError(
            f"django: {place.database.engine} keeps the tables of each tenant in a schema of its own, and "
            "the files of all tenants in one store. Describe the site without django, with the columns of "
            "every schema."
        )
    fields = list(_of_store(facts, place))
    recorded = list(_recorded_thumbnails(facts))
    kept = list(_below_and_kept(fields, bool(recorded)))
    compared = [file for file in fields if file not in kept]
    claiming = [file for file in compared if _is_shown_by_references(facts, place, file)]
    if all(file.prefix for file in claiming) and not any(file.prefix == "" for file in fields):
        raise SiteError(
            f"django: no file field of the project has the storage in {place.store.where!r}, so nothing "
            "would be known of its files. Choose the storage by its alias in storage of django."
        )
    for file in fields:
        _require_same_database(facts, file, place)
    folders, notes = _folders(file for file in compared if file.prefix is not None)
    derived, caches = _derived(facts.thumbnails)
    return Files(
        references=_each_once(chain((file.column for file in compared), recorded)),
        directories=outermost([*folders, *caches]),
        claiming=_each_once(file.column for file in claiming),
        derived=derived,
        keep=[
            *dict.fromkeys(chain.from_iterable(_kept_folder(file.prefix or "") for file in kept)),
            *_caches_without_source(facts.thumbnails),
        ],
        defaults=list(dict.fromkeys(_defaults(fields))),
        notes=[
            *notes,
            *_notes(fields, kept),
            *_notes_of_databases(facts, place, fields),
            *_notes_of_service(place),
        ],
    )


def _of_store(facts: Facts, place: Place) -> Iterator[FileField]:
    """The fields that reference files of the store, or may do so: then their prefix is None."""
    for model, field in file_fields(facts):
        storages = [field.storage, *field.other_storages]
        known = [facts.storages[index] for index in storages if index is not None]
        for storage in known:
            if place.lies_in(storage):
                raise SiteError(
                    f"django: the storage of {model.label}.{field.name} in {storage.where!r} holds the "
                    f"folder of the site's storage, {place.store.where!r}. What references a file in both "
                    "is not known. Describe the site without django."
                )
        found = [place.prefix_of(storage) for storage in known]
        is_unknown = field.storage is None or any(map(place.is_unknown, known))
        prefixes = {prefix for prefix in found if prefix is not None}
        if is_unknown or (field.storage_by_row and prefixes):
            yield FileField(model, field, None)
        else:
            yield from (FileField(model, field, prefix) for prefix in prefixes)


def _below_and_kept(fields: list[FileField], are_thumbnails_recorded: bool) -> Iterator[FileField]:
    """The fields with a storage below the store of which nothing is judged.

    A field whose storage is not known may have files in there, and so may recorded thumbnails: what they
    hold begins nobody knows where.
    """
    is_known = not are_thumbnails_recorded and all(file.prefix is not None for file in fields)
    for file in fields:
        if file.prefix and not (is_known and is_plain_prefix(file.prefix)):
            yield file


def _is_shown_by_references(facts: Facts, place: Place, file: FileField) -> bool:
    """Whether only what a field references shows the folders that it writes to in the store."""
    if file.prefix is not None:
        return file.field.upload_to is None
    others = [facts.storages[index] for index in file.field.other_storages]
    return file.field.storage_by_row and any(place.prefix_of(storage) == "" for storage in others)


def _require_same_database(facts: Facts, file: FileField, place: Place) -> None:
    other = next((one for one in _databases(file.model) if not place.is_same_database(facts, one)), "")
    if other == "":
        return
    where = f"the database {other!r}" if other else "a database that a request decides"
    raise SiteError(
        f"django: {file} references files of the store and is in {where}, not in "
        f"{place.database_alias!r}. A run reads one database, so every file of it would be an orphan. Give "
        "that field a storage of its own; or describe the site without django, with the folders of its files "
        "in keep. Is that database a replica? Its settings say so by TEST: {'MIRROR': "
        f"{place.database_alias!r}}}."
    )


def _databases(model: ModelFacts) -> tuple[str | None, str | None]:
    """Where its rows are written, and where they are read; None where a request decides it."""
    return model.database, model.reads_from


def _folders(fields: Iterator[FileField]) -> tuple[list[str], list[str]]:
    """The folders that fields write to, as far as these are static, and notes about the others."""
    folders: dict[str, None] = {}
    notes: list[str] = []
    for file in fields:
        if file.field.upload_to is None:
            continue
        folder = static_folder(file.field.upload_to)
        if folder:
            folders[posixpath.join(file.prefix or "", folder)] = None
        else:
            where = f"the folder {file.prefix!r} of its storage" if file.prefix else "the media root"
            notes.append(
                f"{file} has no folder of its own in upload_to, so it claims none: files that it writes into "
                f"{where} itself are not judged"
            )
    return list(folders), notes


def static_folder(upload_to: str) -> str:
    """The folder that all uploads of a field go to: what comes before a part that the date decides."""
    parts: list[str] = []
    for part in posixpath.normpath(upload_to or ".").split("/"):
        if part in ("", ".", "..") or "%" in part:
            break
        parts.append(part)
    return "/".join(parts)


def _derived(thumbnails: Thumbnails) -> tuple[list[str], list[str]]:
    """The patterns of the installed thumbnail libraries, and the folders that only they write to."""
    patterns, caches = [], []
    if _names_by_source(thumbnails, _IMAGEKIT):
        cache = _folder(thumbnails["imagekit"], "IMAGEKIT_CACHEFILE_DIR") or "CACHE/images"
        patterns.append(f"{cache}/{{dir}}/{{stem}}/*")
        caches.append(cache)
    if _names_by_source(thumbnails, _EASY_THUMBNAILS):
        settings = thumbnails["easy_thumbnails"]
        before, below = _folder(settings, "THUMBNAIL_BASEDIR"), _folder(settings, "THUMBNAIL_SUBDIR")
        begin = f"{settings.get('THUMBNAIL_PREFIX') or ''}{{name}}"
        patterns.append("/".join(filter(None, [before, "{dir}", below, f"{begin}.*_q*.*"])))
        caches += [before] if before else []
    return patterns, caches


def _names_by_source(thumbnails: Thumbnails, namer: tuple[str, str, str]) -> bool:
    """Whether a library is installed and the names of its files say what they were made from."""
    library, setting, usual = namer
    return library in thumbnails and thumbnails[library].get(setting) in (None, usual)


def _recorded_thumbnails(facts: Facts) -> Iterator[dict[str, str]]:
    """Where easy-thumbnails keeps the names of its files, which nothing else says then."""
    recorded = facts.model("easy_thumbnails.Thumbnail")
    if recorded and not _names_by_source(facts.thumbnails, _EASY_THUMBNAILS):
        yield {"table": recorded.table, "column": "name"}


def _caches_without_source(thumbnails: Thumbnails) -> Iterator[str]:
    """What keeps the folders of files whose names are hashes: their own library knows them."""
    if "sorl.thumbnail" in thumbnails:
        folder = _folder(thumbnails["sorl.thumbnail"], "THUMBNAIL_PREFIX") or "cache"
        yield from _kept_folder(folder)
    if "imagekit" in thumbnails and not _names_by_source(thumbnails, _IMAGEKIT):
        yield from _kept_folder(_folder(thumbnails["imagekit"], "IMAGEKIT_CACHEFILE_DIR") or "CACHE/images")


def _kept_folder(folder: str) -> list[str]:
    """What keeps a folder with all that is in it, also where its name looks like a glob."""
    plain = escape(folder)
    return [folder] if plain == folder else [plain, f"{plain}/*"]


def _folder(settings: Mapping[str, Scalar], name: str) -> str:
    return str(settings.get(name) or "").strip("/")


def _defaults(fields: list[FileField]) -> Iterator[str]:
    for file in fields:
        value = file.field.default.value
        if file.field.default.kind == "value" and isinstance(value, str) and value.strip("/"):
            path = posixpath.normpath(posixpath.join(file.prefix or "", value.lstrip("/")))
            if ".." not in path.split("/"):
                yield path


def _notes(fields: list[FileField], kept: list[FileField]) -> Iterator[str]:
    for file in fields:
        if file.prefix is None:
            yield (
                f"where the files of {file} are is not known for each row: what it references is kept, and "
                "no row is judged to be missing its file"
            )
        if file.field.default.kind in ("callable", "unknown"):
            yield (
                f"the default of {file} is decided by code, which does not say it: if it is a file of the "
                "store, add it to keep"
            )
    for file in kept:
        yield (
            f"the storage of {file} is in {file.prefix!r} of the store, and nothing in there is judged: "
            "its name is not plain, or not all that may reference files in there is known"
        )


def _notes_of_databases(facts: Facts, place: Place, fields: list[FileField]) -> Iterator[str]:
    for alias in facts.databases:
        if place.is_same_database(facts, alias):
            continue
        models = dict.fromkeys(file.model.label for file in fields if alias in file.model.databases)
        if models:
            yield (
                f"no router says that the database {alias!r} has no rows of {', '.join(models)}: files that "
                "only rows there reference are orphans here. If code writes such rows, add the folders "
                "of their files to keep"
            )


def _notes_of_service(place: Place) -> Iterator[str]:
    unused = place.store.service.not_used
    if unused:
        yield (
            f"the storage in {place.store.where!r} sets {', '.join(unused)}, for which there is no option in "
            "storage_options: the service is reached without. If it cannot be, say the same in the "
            "configuration of AWS of the site's user, such as ca_bundle in ~/.aws/config"
        )


def outermost(folders: Iterable[str]) -> list[str]:
    """The folders that are in no other one of them."""
    found = sorted(set(folders))
    return [one for one in found if not any(one.startswith(f"{other}/") for other in found)]


def _each_once(columns: Iterable[dict[str, str]]) -> list[dict[str, str]]:
    return [dict(pairs) for pairs in dict.fromkeys(tuple(column.items()) for column in columns)]

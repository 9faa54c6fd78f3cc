# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The description of a site that its Django project gives: to paste, to review, and as data.

It says nothing that is a secret: of a database the kind, the host and the name.
"""

from __future__ import annotations

from typing import Any, Iterator, Mapping, NamedTuple

from ..config.django.facts import Facts, FieldFacts, ModelFacts
from ..config.django_jobs.files import Files, files_of, judged_fields
from ..config.django_jobs.place import Place, place_of, place_options
from ..errors import SiteError
from ..text import counted
from .yaml_text import comment, entries, entry, flow

_INDENT = "    "
# What the field is called that says since when a row is there, where Django does not set it.
_USUAL_TIME = "uploaded_at"


class Discovered(NamedTuple):
    """What a project says of its site.

    ``site`` is the description, and ``missing`` are jobs that nobody should run unread: they delete rows.
    ``review`` says what is not known, and what else a person should read before the first run.
    """

    site: Mapping[str, Any]
    missing: list[dict[str, Any]]
    known: Mapping[str, Any]
    review: list[str]


def discover(facts: Facts, site: Mapping[str, Any]) -> Discovered:
    """What follows from the facts; ``site`` has the ``name``, the ``user`` and ``django`` that were asked.

    Raises SiteError where the project has no such database or storage.
    """
    django = site["django"]
    place = place_of(facts, django.get("database"), django.get("storage"))
    files, why_not = _files(facts, place)
    owners = [model for model in facts.models if _judged_fields(facts, place, files, model)]
    found = {**site, **({"orphans": {}} if files else {})}
    incomplete = [job for model in owners for job in _incomplete(model)]
    if incomplete:
        found["incomplete"] = incomplete
    missing = [_missing(model, _judged_fields(facts, place, files, model)) for model in owners]
    review = [*why_not, *(files.notes if files else ()), *_elsewhere(facts, place)]
    review += [note for model in owners for note in _about_deletion(facts, model)]
    return Discovered(found, missing, _known(facts, place, files), review)


def as_data(found: Discovered) -> dict[str, Any]:
    """The result of the module django_site_info."""
    return {
        "changed": False,
        "site": dict(found.site),
        "missing": found.missing,
        "known": dict(found.known),
        "review": found.review,
        "yaml": as_yaml(found),
        "summary": _summary(found),
    }


def as_yaml(found: Discovered) -> str:
    """The description as a person pastes it, with all else as comments."""
    name, *others = found.site
    lines = ["---", "media_cleanup_sites:", f"  - {name}: {flow(found.site[name])}"]
    for key in others:
        value = found.site[key]
        written = entries(key, value) if isinstance(value, list) else entry(key, value)
        lines += [f"{_INDENT}{line}" for line in written]
    return "\n".join([*lines, *(f"{_INDENT}{line}" for line in _comments(found)), ""])


def _comments(found: Discovered) -> Iterator[str]:
    if found.missing:
        yield comment("Rows whose file is missing. Choose which of them may be removed, or cleared:")
        yield from map(comment, entries("missing", found.missing))
    yield comment("")
    yield comment("What the project says today. It is asked again at every run.")
    for name, value in found.known.items():
        shown = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        yield comment(f"  {name.replace('_', ' ')}: {shown or 'none'}")
    if found.review:
        yield comment("")
        yield comment("To review:")
        yield from (comment(f"  - {note}") for note in found.review)


def _summary(found: Discovered) -> str:
    columns, notes = len(found.known["references"]), len(found.review)
    return (
        f"site {found.site['name']}: {counted(columns, 'column')} that reference files of "
        f"{found.known['media_root']}; {counted(notes, 'note')} to review"
    )


def _files(facts: Facts, place: Place) -> tuple[Files | None, list[str]]:
    """What is known of the files of the store, or why orphans cannot be told."""
    try:
        return files_of(facts, place), []
    except SiteError as error:
        return None, [f"no job orphans is possible. {error}"]


def _known(facts: Facts, place: Place, files: Files | None) -> dict[str, Any]:
    database = place.database
    where = [database.engine.rpartition(".")[2], database.host, database.name]
    columns = files.references if files else []
    return {
        "django": facts.django,
        "python": facts.python,
        "settings": facts.settings,
        "database": f"{place.database_alias} ({' '.join(filter(None, where))})",
        **_media(facts, place),
        "directories": files.directories if files else [],
        "references": [f"{column['table']}.{column['column']}" for column in columns],
        "derived": files.derived if files else [],
        "keep": [*files.keep, *files.defaults] if files else [],
    }


def _media(facts: Facts, place: Place) -> Mapping[str, str]:
    try:
        return place_options(facts, place)
    except SiteError:
        # That is among what orphans are refused for.
        return {"media_root": place.store.where, "media_url": facts.media_url}


def _judged_fields(facts: Facts, place: Place, files: Files | None, model: ModelFacts) -> list[FieldFacts]:
    """The file fields of a model by which its rows can be judged."""
    if model.swapped or not model.managed or model.database != place.database_alias or files is None:
        return []
    return list(judged_fields(facts, place, files, model))


def _incomplete(model: ModelFacts) -> Iterator[dict[str, Any]]:
    """The job for a model whose rows may wait to be attached to something, if a field says since when."""
    if len(model.generic_foreign_keys) != 1:
        return
    column = model.generic_foreign_keys[0].content_type_column
    if not any(key.column == column and key.null for key in model.foreign_keys):
        return
    if sum(field.auto_now_add for field in model.fields) == 1:
        yield {"model": model.label}
    elif any(field.name == _USUAL_TIME for field in model.fields):
        yield {"model": model.label, "uploaded_at": _USUAL_TIME}


def _missing(model: ModelFacts, fields: list[FieldFacts]) -> dict[str, Any]:
    """The job for a model; where every file of a row is optional, the row is more than its file."""
    needed = [field for field in fields if not field.null]
    job = {"model": model.label, "field": (needed or fields)[0].name}
    return job if needed else {**job, "on_missing": "clear"}


def _elsewhere(facts: Facts, place: Place) -> Iterator[str]:
    """Fields whose files are in another storage: they do not count for this site."""
    for model in facts.models:
        for field in model.fields:
            if field.kind != "file" or model.swapped or field.storage is None or field.storage_by_row:
                continue
            storage = facts.storages[field.storage]
            if place.prefix_of(storage) is None and not place.is_unknown(storage):
                where = storage.bucket or storage.location or storage.class_name
                yield f"{model.label}.{field.name} has another storage, {where!r}: a site of its own"


def _about_deletion(facts: Facts, model: ModelFacts) -> Iterator[str]:
    """What of Django's own deletion of a model would not happen, or cannot be known."""
    if model.tree:
        accepted = f"tree_model:{model.label}"
        yield f"{model.label} is a tree of {model.tree}: its rows are kept, unless {accepted} is accepted"
    if model.delete_receivers:
        receivers = ", ".join(model.delete_receivers)
        yield f"receivers that do not run when rows of {model.label} are removed: {receivers}"
    if model.overrides_delete:
        yield f"{model.label} has a delete() of its own, which is not called (nor is it by queryset.delete())"
    if model.queryset_with_delete:
        yield f"queryset.delete() of {model.label} is {model.queryset_with_delete}'s, which is not called"
    for other in facts.models:
        for key in other.foreign_keys:
            if key.to == model.label and not other.swapped:
                yield from _about_key(other, key.name, key.on_delete, key.value.kind)


def _about_key(model: ModelFacts, key: str, on_delete: str, kind: str) -> Iterator[str]:
    where = f"{model.label}.{key}"
    if on_delete == "unknown":
        yield f"what becomes of {where} is decided by code of the project: say it in dependents"
    elif on_delete in ("SET", "SET_DEFAULT") and kind in ("callable", "unknown"):
        accepted = f"set_callable:{where}"
        yield f"{where} is set by code: what it references is kept, unless {accepted} is accepted"

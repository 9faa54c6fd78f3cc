# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""A job on the records of a model: its table and columns, from Django's own names."""

from __future__ import annotations

from typing import Any, Mapping, NamedTuple

from ...errors import SiteError
from ..django.facts import Facts, FieldFacts, GenericForeignKeyFacts, ModelFacts
from ..site import Column, GenericTargets
from .files import Files, judged_fields
from .place import Place


class Records(NamedTuple):
    """The records of a model, as options of their job say it."""

    model: ModelFacts
    options: dict[str, Any]
    # The columns of which one is NULL in a row that is not attached; empty where the description says it.
    unattached: tuple[str, ...]
    # Where what its generic foreign key points at would be, if rows that point at nothing are meant as well.
    dangling: GenericTargets | None
    # The folders of the store below which its columns hold paths.
    prefixes: tuple[tuple[str, str], ...]


def records_of(facts: Facts, place: Place, files: Files, said: Mapping[str, Any]) -> Records:
    """The options of the job that a description asks for by ``model`` and ``field``. Raises SiteError."""
    model = _model(facts, place, said["model"])
    judged = judged_fields(facts, place, files, model)
    field = _file_field(model, judged, place, said)
    options: dict[str, Any] = {
        "table": model.table,
        "file_column": field.column,
        "companion_columns": [other.column for other in judged if other != field],
        "time_zone": place.database.time_zone or facts.time_zone or None,
        "uploaded_at_column": _time_column(model, said),
    }
    if said.get("label"):
        options["label"] = _label(facts, model, said["label"])
    if said.get("only"):
        options["only"] = {_column(model, name): value for name, value in said["only"].items()}
    is_incomplete = said.get("select") == "incomplete"
    if said.get("dangling") and not is_incomplete:
        raise SiteError("dangling is for the job incomplete. Leave it out.")
    return Records(
        model,
        options,
        _unattached(model, said) if is_incomplete else (),
        _targets(facts, place, model, said) if said.get("dangling") else None,
        tuple((own.column, prefix) for own, prefix in judged.items() if prefix),
    )


def _model(facts: Facts, place: Place, label: str) -> ModelFacts:
    model = facts.model(label)
    if model is None or model.swapped:
        known = ", ".join(model.label for model in facts.models if _has_files(model))
        raise SiteError(
            f"model is {label!r}, and the Django project has no such model. Those with file fields are: "
            f"{known or 'none'}."
        )
    for alias in (model.database, model.reads_from):
        if not place.is_same_database(facts, alias):
            where = f"the database {alias!r}" if alias else "a database that a request decides"
            raise SiteError(
                f"model {model.label} is in {where}, not in {place.database_alias!r}. Set database of "
                "django to that alias. If it is a replica, its settings say so by TEST: "
                f"{{'MIRROR': {place.database_alias!r}}}."
            )
    return model


def _has_files(model: ModelFacts) -> bool:
    return any(field.kind == "file" for field in model.fields)


def _file_field(
    model: ModelFacts, judged: Mapping[FieldFacts, str], place: Place, said: Mapping[str, Any]
) -> FieldFacts:
    """The field of the files; where it decides nothing, the first one of the model."""
    fields = [field for field in model.fields if field.kind == "file"]
    named = said.get("field")
    decides = said.get("select", "missing") == "missing"
    if named:
        fields = [field for field in fields if named in (field.name, field.column)]
    if not fields:
        what = f"no file field {named!r}" if named else "no file field"
        above = ", ".join(label for label, _column in model.parents)
        more = f" A field that it inherits belongs to the model {above}: use that one." if above else ""
        raise SiteError(f"field: the model {model.label} has {what} in its table.{more}")
    if len(fields) > 1 and decides:
        names = ", ".join(field.name for field in fields)
        raise SiteError(f"field is missing: {model.label} has {names}. Say whose missing files are meant.")
    ours = [field for field in fields if field in judged]
    if not ours:
        by_row = any(field.storage_by_row for field in fields)
        why = "depends on the row" if by_row else "is not that of the site, or a folder in it that is kept"
        raise SiteError(
            f"field: the storage of {model.label}.{fields[0].name} {why}, so a file that is not in "
            f"{place.store.where!r} need not be missing. "
            + ("Its rows are not judged." if by_row else "Set storage of django to that of the field.")
        )
    return ours[0]


def _time_column(model: ModelFacts, said: Mapping[str, Any]) -> str | None:
    """The column that says when a row was made: that of the description, else the only one of its kind."""
    if said.get("uploaded_at"):
        return _column(model, said["uploaded_at"])
    if said.get("uploaded_at_column"):
        return str(said["uploaded_at_column"])
    found = [field.column for field in model.fields if field.auto_now_add]
    if len(found) == 1:
        return found[0]
    if said.get("select") != "incomplete":
        return None
    what = "several fields" if found else "no field"
    raise SiteError(
        f"uploaded_at is missing: {model.label} has {what} with auto_now_add, so when a row was made is not "
        "known. Set uploaded_at to the field that says it."
    )


def _unattached(model: ModelFacts, said: Mapping[str, Any]) -> tuple[str, ...]:
    """The columns by which a row is attached to something, all of them filled."""
    generic = _generic_key(model, said)
    if generic:
        return generic.content_type_column, generic.object_id_column
    if said.get("unattached"):
        return (_column(model, said["unattached"]),)
    if said.get("unattached_column"):
        return (str(said["unattached_column"]),)
    what = "several generic foreign keys" if model.generic_foreign_keys else "no generic foreign key"
    raise SiteError(
        f"unattached is missing: {model.label} has {what}, so what attaches a row is not known. Set "
        "unattached to the foreign key that is NULL until then."
    )


def _generic_key(model: ModelFacts, said: Mapping[str, Any]) -> GenericForeignKeyFacts | None:
    """The generic foreign key by which a row is attached: that of the description, else the only one."""
    keys = model.generic_foreign_keys
    if said.get("unattached"):
        return next((key for key in keys if key.name == said["unattached"]), None)
    return keys[0] if len(keys) == 1 and not said.get("unattached_column") else None


def _targets(facts: Facts, place: Place, model: ModelFacts, said: Mapping[str, Any]) -> GenericTargets:
    """The tables of all content types that are in the database of the model."""
    generic = _generic_key(model, said)
    if generic is None:
        raise SiteError(
            f"dangling: rows of {model.label} are not attached by a generic foreign key. Leave it out; any "
            "other key has a constraint, so that it cannot point at nothing."
        )
    tables = [
        (label.lower(), Column(other.table, other.primary_key))
        for other in facts.models
        if other.database == place.database_alias and other.primary_key and not other.swapped
        for label in (other.label, *other.proxies)
    ]
    return GenericTargets(generic.content_type_column, generic.object_id_column, tuple(tables))


def _column(model: ModelFacts, name: str) -> str:
    """The column of a field of that name, or of that column's name."""
    columns = {
        **{field.name: field.column for field in model.fields},
        **{key.name: key.column for key in model.foreign_keys},
    }
    if name in columns or name in columns.values():
        return columns.get(name, name)
    names = sorted(columns)
    raise SiteError(f"the model {model.label} has no field {name!r}. Its own fields are: {', '.join(names)}.")


def _label(facts: Facts, model: ModelFacts, label: str) -> str:
    """A path over foreign keys, such as ``album.title``, in the names of columns."""
    *steps, last = label.split(".")
    columns = []
    for step in steps:
        key = next((key for key in model.foreign_keys if step in (key.name, key.column)), None)
        target = facts.model(key.to) if key else None
        if key is None or target is None:
            raise SiteError(f"label {label!r}: the model {model.label} has no foreign key {step!r}.")
        columns.append(key.column)
        model = target
    return ".".join([*columns, _column(model, last)])

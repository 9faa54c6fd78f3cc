# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Builds the facts of a project from what its probe sent, which is the word of the site's user.

Every part is validated and bounded: what is not as it must be ends the run, for a fact that is left out
could be the one that protects a file.
"""

from __future__ import annotations

import re
from typing import Any, Callable, Iterable, Mapping, Pattern, Sequence, TypeVar

from ...errors import SiteError
from .facts import (
    FIELD_KINDS,
    ON_DELETE,
    STORAGE_KINDS,
    TREES,
    VALUE_KINDS,
    DatabaseFacts,
    Facts,
    FieldFacts,
    ForeignKeyFacts,
    GenericForeignKeyFacts,
    GenericRelationFacts,
    ManyToManyFacts,
    ModelFacts,
    Scalar,
    ServiceFacts,
    StorageFacts,
    Value,
)

# Characters of one text, and entries of one list; the whole is bounded where it is received.
LONGEST = 10_000
MOST = 10_000

_LABEL = re.compile(r"\w+\.\w+")
_QUOTED = re.compile(r'"?\."?')
_AWS_VARIABLE = re.compile(r"AWS_[A-Z0-9_]+")

Made = TypeVar("Made")


def facts_of(sent: Any) -> Facts:
    """Build the facts from JSON. Raises SiteError, which says what is not as it must be."""
    part = _Part(sent, "the answer")
    facts = Facts(
        django=part.text("django"),
        python=part.text("python"),
        directory=part.text("directory"),
        settings=part.text("settings"),
        media_root=part.text("media_root"),
        media_url=part.text("media_url"),
        time_zone=part.text("time_zone"),
        databases=part.mapping("databases", _database),
        storages=part.each("storages", _storage),
        models=part.each("models", _model),
        thumbnails={
            library: settings.scalars() for library, settings in part.mapping("thumbnails", _itself).items()
        },
        aws_environment=part.part("aws_environment").variables(_AWS_VARIABLE),
        imported=(*part.texts("imported"), *part.texts("compiled")),
    )
    _check_names(facts)
    return facts


class _Part:
    """A mapping of the answer, whose values are taken out by name and type."""

    def __init__(self, value: Any, where: str) -> None:
        if not isinstance(value, dict) or len(value) > MOST:
            raise _wrong(where, "a mapping")
        self._values = value
        self._where = where

    def text(self, name: str) -> str:
        return _text(self._values.get(name), self._named(name))

    def optional_text(self, name: str) -> str | None:
        return None if self._get(name) is None else self.text(name)

    def choice(self, name: str, choices: Sequence[str]) -> str:
        value = self.text(name)
        if value not in choices:
            raise _wrong(self._named(name), f"one of {', '.join(map(repr, choices))}")
        return value

    def flag(self, name: str) -> bool:
        value = self._values.get(name)
        if not isinstance(value, bool):
            raise _wrong(self._named(name), "true or false")
        return value

    def index(self, name: str) -> int | None:
        value = self._get(name)
        return None if value is None else _index(value, self._named(name))

    def indices(self, name: str) -> tuple[int, ...]:
        return tuple(_index(value, self._named(name)) for value in self._list(name))

    def scalar(self, name: str) -> Scalar:
        return _scalar(self._get(name), self._named(name))

    def texts(self, name: str) -> tuple[str, ...]:
        return tuple(_text(value, self._named(name)) for value in self._list(name))

    def pairs(self, name: str) -> tuple[tuple[str, str], ...]:
        found = []
        for pair in self._list(name):
            if not isinstance(pair, list) or len(pair) != 2:
                raise _wrong(self._named(name), "a list of pairs")
            found.append((_text(pair[0], self._named(name)), _text(pair[1], self._named(name))))
        return tuple(found)

    def part(self, name: str) -> _Part:
        return _Part(self._get(name), self._named(name))

    def each(self, name: str, make: Callable[[_Part], Made]) -> tuple[Made, ...]:
        entries = enumerate(self._list(name))
        return tuple(make(_Part(value, self._named(f"{name}[{index}]"))) for index, value in entries)

    def mapping(self, name: str, make: Callable[[_Part], Made]) -> dict[str, Made]:
        part = self.part(name)
        return {
            _text(key, part._where): make(_Part(value, part._named(key)))
            for key, value in part._values.items()
        }

    def scalars(self) -> dict[str, Scalar]:
        return {_text(key, self._where): self.scalar(key) for key in self._values}

    def variables(self, name: Pattern[str]) -> dict[str, str]:
        """The environment variables with names of this form; others are none of ours."""
        return {key: self.text(key) for key in self._values if name.fullmatch(key)}

    def options(self, name: str) -> dict[str, Scalar | Mapping[str, Scalar]]:
        """A mapping of scalars, or of mappings of these."""
        part = self.part(name)
        return {
            _text(key, part._where): part.part(key).scalars() if isinstance(value, dict) else part.scalar(key)
            for key, value in part._values.items()
        }

    def _get(self, name: str) -> Any:
        if name not in self._values:
            raise SiteError(f"{self._named(name)} is missing in what the Django project answered.")
        return self._values[name]

    def _list(self, name: str) -> Sequence[Any]:
        value = self._values.get(name)
        if not isinstance(value, list) or len(value) > MOST:
            raise _wrong(self._named(name), f"a list of at most {MOST:,} entries")
        return value

    def _named(self, name: str) -> str:
        return f"{self._where}: {name[:100]}"


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str) or len(value) > LONGEST or "\0" in value:
        raise _wrong(where, f"a text of at most {LONGEST:,} characters without a NUL byte")
    try:
        # A path that is not UTF-8 has its bytes as Python writes them.
        value.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise _wrong(where, "a text without half of a surrogate pair") from None
    return value


def _scalar(value: Any, where: str) -> Scalar:
    if value is None or isinstance(value, (bool, int, float)):
        return value
    return _text(value, where)


def _index(value: Any, where: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise _wrong(where, "the number of a storage")
    return value


def _wrong(where: str, wanted: str) -> SiteError:
    # The value may be a secret.
    return SiteError(f"the Django project's answer cannot be used: {where} must be {wanted}.")


def _itself(part: _Part) -> _Part:
    return part


def _name(written: str) -> str:
    """A table or column as our options have it: Django passes on what somebody has quoted himself."""
    return _QUOTED.sub(".", written).strip('"') if '"' in written else written


def _database(part: _Part) -> DatabaseFacts:
    return DatabaseFacts(
        engine=part.text("engine"),
        name=part.text("name"),
        host=part.text("host"),
        port=part.text("port"),
        user=part.text("user"),
        password=part.text("password"),
        options=part.options("options"),
        mirror=part.text("mirror"),
        time_zone=part.text("time_zone"),
    )


def _storage(part: _Part) -> StorageFacts:
    return StorageFacts(
        kind=part.choice("kind", STORAGE_KINDS),
        class_name=part.text("class_name"),
        location=part.text("location"),
        base_url=part.text("base_url"),
        bucket=part.text("bucket"),
        endpoint_url=part.text("endpoint_url"),
        aliases=part.texts("aliases"),
        file_overwrite=part.flag("file_overwrite"),
        is_plain=part.flag("is_plain"),
        service=_service(part.part("service")),
    )


def _service(part: _Part) -> ServiceFacts:
    return ServiceFacts(
        region_name=part.text("region_name"),
        access_key=part.text("access_key"),
        secret_key=part.text("secret_key"),
        security_token=part.text("security_token"),
        addressing_style=part.text("addressing_style"),
        session_profile=part.text("session_profile"),
        not_used=part.texts("not_used"),
    )


def _model(part: _Part) -> ModelFacts:
    return ModelFacts(
        label=part.text("label"),
        table=_name(part.text("table")),
        managed=part.flag("managed"),
        swapped=part.flag("swapped"),
        auto_created=part.flag("auto_created"),
        database=part.optional_text("database"),
        reads_from=part.optional_text("reads_from"),
        databases=part.texts("databases"),
        primary_key=_name(part.text("primary_key")),
        parents=tuple((label, _name(column)) for label, column in part.pairs("parents")),
        proxies=part.texts("proxies"),
        fields=part.each("fields", _field),
        foreign_keys=part.each("foreign_keys", _foreign_key),
        generic_foreign_keys=part.each("generic_foreign_keys", _generic_foreign_key),
        generic_relations=part.each("generic_relations", _generic_relation),
        many_to_many=part.each("many_to_many", _many_to_many),
        overrides_delete=part.flag("overrides_delete"),
        queryset_with_delete=part.text("queryset_with_delete"),
        delete_receivers=part.texts("delete_receivers"),
        tree=part.choice("tree", TREES),
    )


def _field(part: _Part) -> FieldFacts:
    return FieldFacts(
        name=part.text("name"),
        column=_name(part.text("column")),
        kind=part.choice("kind", FIELD_KINDS),
        class_name=part.text("class_name"),
        null=part.flag("null"),
        unique=part.flag("unique"),
        auto_now_add=part.flag("auto_now_add"),
        default=_value(part.part("default")),
        storage=part.index("storage"),
        storage_by_row=part.flag("storage_by_row"),
        other_storages=part.indices("other_storages"),
        upload_to=part.optional_text("upload_to"),
    )


def _foreign_key(part: _Part) -> ForeignKeyFacts:
    return ForeignKeyFacts(
        name=part.text("name"),
        column=_name(part.text("column")),
        to=part.text("to"),
        to_column=_name(part.text("to_column")),
        null=part.flag("null"),
        unique=part.flag("unique"),
        on_delete=part.choice("on_delete", ON_DELETE),
        value=_value(part.part("value")),
        db_constraint=part.flag("db_constraint"),
        is_parent_link=part.flag("is_parent_link"),
    )


def _value(part: _Part) -> Value:
    return Value(part.choice("kind", VALUE_KINDS), part.scalar("value"))


def _generic_foreign_key(part: _Part) -> GenericForeignKeyFacts:
    return GenericForeignKeyFacts(
        name=part.text("name"),
        content_type_column=_name(part.text("content_type_column")),
        object_id_column=_name(part.text("object_id_column")),
        for_concrete_model=part.flag("for_concrete_model"),
    )


def _generic_relation(part: _Part) -> GenericRelationFacts:
    return GenericRelationFacts(
        name=part.text("name"),
        to=part.text("to"),
        content_type_column=_name(part.text("content_type_column")),
        object_id_column=_name(part.text("object_id_column")),
        content_type=part.text("content_type"),
    )


def _many_to_many(part: _Part) -> ManyToManyFacts:
    return ManyToManyFacts(name=part.text("name"), to=part.text("to"), through=part.text("through"))


def _check_names(facts: Facts) -> None:
    """What the parts say of each other: each model once, and what is referenced must be there."""
    labels = [model.label for model in facts.models]
    if len({label.lower() for label in labels}) < len(labels):
        raise SiteError("the Django project's answer cannot be used: it has a model twice.")
    for label in labels:
        if not _LABEL.fullmatch(label):
            raise _wrong(f"the model {label!r}", "named APP.MODEL")
    known = set(labels)
    for model in facts.models:
        unknown = sorted(set(_mentioned(model)) - known)
        if unknown:
            raise SiteError(
                f"the Django project's answer cannot be used: {model.label} refers to {unknown[0]}, which is "
                "no model of it."
            )
        if not {model.database, model.reads_from, *model.databases} <= {None, *facts.databases}:
            raise _wrong(f"the database of {model.label}", "one of DATABASES")
        for field in model.fields:
            used = [*field.other_storages, *([] if field.storage is None else [field.storage])]
            if any(index >= len(facts.storages) for index in used):
                raise _wrong(f"the storage of {model.label}.{field.name}", "one of its storages")


def _mentioned(model: ModelFacts) -> Iterable[str]:
    yield from (label for label, _column in model.parents)
    yield from (key.to for key in model.foreign_keys)
    yield from (relation.to for relation in model.generic_relations)
    for many in model.many_to_many:
        yield from (many.to, many.through)

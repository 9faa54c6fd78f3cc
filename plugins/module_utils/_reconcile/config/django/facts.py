# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What a Django project says of itself, as data. ``answer.py`` builds it of what the probe sends.

Names of models are labels, ``collection.Photo``; in lower case such a label is that of the model's content
type. Names of tables are written as the options have them: without quotes, and with a dot between schema and
table. A proxy is no model of its own here: what references one references its concrete model.

A text that does not apply is empty; None is said only where that means something else.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Mapping, Union

Scalar = Union[str, int, float, bool, None]

# What on_delete may be; what is none of Django's own rules is unknown, and nothing may rely on it.
ON_DELETE = (
    "CASCADE",
    "PROTECT",
    "RESTRICT",
    "SET_NULL",
    "SET_DEFAULT",
    "SET",
    "DO_NOTHING",
    "DB_CASCADE",
    "DB_SET_NULL",
    "DB_SET_DEFAULT",
    "unknown",
)
STORAGE_KINDS = ("filesystem", "s3", "other")
FIELD_KINDS = ("file", "text", "json", "array", "datetime", "date", "other")
# "none" is also a default that was not given; "unknown" is a value without a form in JSON, such as a Decimal.
VALUE_KINDS = ("none", "value", "callable", "unknown")
TREES = ("", "treebeard", "mptt")


@dataclass(frozen=True)
class Value:
    """A default, or what SET() sets; ``value`` counts for the kind "value" alone, and may be None then.

    A model instance is what the foreign key holds of it, usually its primary key.
    """

    kind: str = "none"
    value: Scalar = None


@dataclass(frozen=True)
class DatabaseFacts:
    """One entry of DATABASES. ``name`` is as it is written, so that of a SQLite file may be relative."""

    engine: str
    name: str
    host: str
    port: str
    user: str
    password: str = field(repr=False)
    # Those whose values are texts, numbers or booleans, or a mapping of these, such as MySQL's ssl.
    options: Mapping[str, Scalar | Mapping[str, Scalar]] = field(repr=False)
    # The alias of the database of which this one is a replica, where the settings say so (TEST: MIRROR).
    mirror: str
    # In which a time without a zone is stored.
    time_zone: str


@dataclass(frozen=True)
class ServiceFacts:
    """How a storage reaches the service of its bucket besides its endpoint, as django-storages says it."""

    region_name: str
    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    security_token: str = field(repr=False)
    addressing_style: str
    session_profile: str
    # The names of settings of its client for which there is no option here.
    not_used: tuple[str, ...]


@dataclass(frozen=True)
class StorageFacts:
    """A storage that a field uses, or that is one of STORAGES; each once.

    ``location`` is an absolute path, or the prefix in a bucket.
    """

    kind: str
    class_name: str
    location: str
    base_url: str
    bucket: str
    endpoint_url: str
    # Under which STORAGES has it; Django before 4.2 has only "default".
    aliases: tuple[str, ...]
    # In a bucket, true as well where code of the project's own chooses the names.
    file_overwrite: bool
    # Nothing but the code of Django or django-storages decides where its files are. If not, its files may be
    # anywhere: what references them may be protected, and never judged.
    is_plain: bool
    service: ServiceFacts

    @property
    def where(self) -> str:
        """Its place as ``media_root`` has it."""
        if self.kind != "s3":
            return self.location
        return f"s3://{self.bucket}/{self.location.strip('/')}".rstrip("/")


@dataclass(frozen=True)
class FieldFacts:
    """A column of the model's own table; ``storage`` and ``upload_to`` are those of a file field.

    ``storage`` is an index of ``Facts.storages``, None where it is not known. With ``storage_by_row``, each
    row decides which of ``other_storages`` holds its file, as filer's public and private files.
    ``upload_to`` is as it is written, strftime's ``%Y`` included, and None where code decides.
    """

    name: str
    column: str
    kind: str
    class_name: str
    null: bool
    unique: bool
    auto_now_add: bool
    default: Value
    storage: int | None
    storage_by_row: bool
    other_storages: tuple[int, ...]
    upload_to: str | None


@dataclass(frozen=True)
class ForeignKeyFacts:
    """A foreign or one-to-one key of the model's own table.

    Where a key has several columns, ``column`` and ``to_column`` are empty, and ``on_delete`` is unknown.
    ``value`` is what SET or SET_DEFAULT writes.
    """

    name: str
    column: str
    to: str
    to_column: str
    null: bool
    unique: bool
    on_delete: str
    value: Value
    db_constraint: bool
    is_parent_link: bool


@dataclass(frozen=True)
class GenericForeignKeyFacts:
    name: str
    content_type_column: str
    object_id_column: str
    # If not, a proxy's rows have the proxy's content type.
    for_concrete_model: bool


@dataclass(frozen=True)
class GenericRelationFacts:
    """Rows of ``to`` that are deleted with a row of the model, where they have this content type."""

    name: str
    to: str
    content_type_column: str
    object_id_column: str
    content_type: str


@dataclass(frozen=True)
class ManyToManyFacts:
    name: str
    to: str
    through: str


@dataclass(frozen=True)
class ModelFacts:
    label: str
    table: str
    managed: bool
    swapped: bool
    # The table of a many-to-many field that has no model of its own.
    auto_created: bool
    # Where the routers write it and read it; None where that cannot be known without a request. For a replica
    # and for a router that only reads, the two differ.
    database: str | None
    reads_from: str | None
    # To which aliases the routers let it migrate; without a router, to all of them.
    databases: tuple[str, ...]
    # Its column; empty where it has several.
    primary_key: str
    # Of multi-table inheritance: the label of each direct parent, and this table's column that leads there.
    parents: tuple[tuple[str, str], ...]
    proxies: tuple[str, ...]
    fields: tuple[FieldFacts, ...]
    foreign_keys: tuple[ForeignKeyFacts, ...]
    generic_foreign_keys: tuple[GenericForeignKeyFacts, ...]
    generic_relations: tuple[GenericRelationFacts, ...]
    many_to_many: tuple[ManyToManyFacts, ...]
    # It, or what it inherits from, has a delete() of its own; queryset.delete() does not call that either.
    overrides_delete: bool
    # The class of its default manager's querysets, if that has a delete() of its own, as for soft deletion.
    queryset_with_delete: str
    # The receivers of pre_delete and post_delete, those for all models included.
    delete_receivers: tuple[str, ...]
    tree: str

    @property
    def content_type(self) -> str:
        return self.label.lower()


@dataclass(frozen=True)
class Facts:
    """``directory`` is where the project was asked: a relative name of a SQLite file starts there.

    Without a MEDIA_ROOT, ``media_root`` is empty, and the default storage says that it is in ``directory``.
    """

    django: str
    python: str
    directory: str
    settings: str
    media_root: str
    media_url: str
    time_zone: str
    databases: Mapping[str, DatabaseFacts] = field(repr=False)
    storages: tuple[StorageFacts, ...]
    models: tuple[ModelFacts, ...]
    # The effective settings of the installed thumbnail libraries, by the app: "easy_thumbnails",
    # "sorl.thumbnail", "imagekit".
    thumbnails: Mapping[str, Mapping[str, Scalar]]
    # The variables of its environment by which clients of buckets find what nothing else says.
    aws_environment: Mapping[str, str] = field(repr=False)
    # The files of the modules that it has imported; asked for by root alone.
    imported: tuple[str, ...] = field(repr=False)

    def model(self, label: str) -> ModelFacts | None:
        """The model of that label, whatever its case."""
        return next((model for model in self.models if model.content_type == label.lower()), None)

# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What the models of a project say."""

import re
import sys
from typing import Any, Dict, Iterable, List, Optional, Set, Tuple
from uuid import UUID

from .storages import Storages, unwrapped
from .values import is_scalar, named, text

_MOST_RECEIVERS = 100
_ON_DELETE = re.compile(r"(?:django\.db\.)?models\.(?:deletion\.)?([A-Z_]+)")


def _label(model: Any) -> str:
    if isinstance(model, str):
        raise LookupError(f"a model refers to {model}, which is not installed")
    return str(model._meta.concrete_model._meta.label)


def model_facts(model: Any, everything: Iterable[Any], storages: Storages) -> Dict[str, Any]:
    from django.db import models

    meta = model._meta
    is_real = not meta.swapped
    keys = (
        [field for field in meta.local_fields if isinstance(field, models.ForeignObject)] if is_real else []
    )
    columns = [field for field in meta.local_concrete_fields if not isinstance(field, models.ForeignObject)]
    proxies = [other for other in everything if other._meta.proxy and other._meta.concrete_model is model]
    return {
        "label": str(meta.label),
        "table": str(meta.db_table),
        "managed": bool(meta.managed),
        "swapped": not is_real,
        "auto_created": bool(meta.auto_created),
        "primary_key": text(meta.pk.column),
        "parents": [[_label(parent), link.column] for parent, link in meta.parents.items() if link in keys],
        "proxies": [str(proxy._meta.label) for proxy in proxies],
        "fields": [_field(field, storages) for field in columns],
        "foreign_keys": [_foreign_key(field) for field in keys],
        "many_to_many": [_many_to_many(field) for field in meta.local_many_to_many] if is_real else [],
        "overrides_delete": _overrides_delete(model),
        "queryset_with_delete": _queryset_with_delete(model),
        # Django sends no signals for the tables of many-to-many fields.
        "delete_receivers": [] if meta.auto_created else _delete_receivers(model),
        "tree": _tree(model),
        **_routes(model),
        **_generic(model),
    }


def _routes(model: Any) -> Dict[str, Any]:
    from django.db import connections, router

    written, read = _routed(router.db_for_write, model), _routed(router.db_for_read, model)
    return {
        "database": written if written in connections.databases else None,
        "reads_from": read if read in connections.databases else None,
        "databases": [alias for alias in connections if _routed(router.allow_migrate_model, alias, model)],
    }


def _routed(route: Any, *arguments: Any) -> Any:
    """What the routers say, and None where they cannot: one may want a request, or a tenant."""
    try:
        return route(*arguments)
    except Exception as error:
        # A router is code of the project, which may raise anything.
        sys.stderr.write(f"no router says where {arguments[-1]._meta.label} is: {type(error).__name__}\n")
        return None


def _field(field: Any, storages: Storages) -> Dict[str, Any]:
    kind = _kind(field)
    storage = getattr(field, "storage", None) if kind == "file" else None
    others = getattr(field, "storages", None) if kind == "file" else None
    return {
        "name": str(field.name),
        "column": str(field.column),
        "kind": kind,
        "class_name": named(type(field)),
        "null": bool(field.null),
        "unique": bool(field.unique),
        "auto_now_add": bool(getattr(field, "auto_now_add", False)),
        "default": _default_of_file(field) if kind == "file" else _default(field),
        "storage": None if storage is None else storages.number(storage),
        "storage_by_row": kind == "file" and _is_storage_by_row(field),
        "other_storages": [storages.number(each) for each in others.values()]
        if isinstance(others, dict)
        else [],
        "upload_to": _upload_to(field) if kind == "file" else None,
    }


def _is_storage_by_row(field: Any) -> bool:
    """Whether the file of a row may have another storage than its field, as filer's have."""
    # A file usually gets the storage of its field, which no class has as an attribute.
    if hasattr(field.attr_class, "storage"):
        return True
    try:
        return field.attr_class(None, field, "").storage is not field.storage
    except Exception:
        # Code of the project looks at its row, which is none here, and fails in its own way.
        return True


def _kind(field: Any) -> str:
    from django.db import models

    if isinstance(field, models.FileField):
        return "file"
    if isinstance(field, (models.CharField, models.TextField, models.FilePathField)):
        return "text"
    if isinstance(field, models.DateField):
        return "datetime" if isinstance(field, models.DateTimeField) else "date"
    kinds = {"JSONField": "json", "HStoreField": "json", "ArrayField": "array"}
    names = [each.__name__ for each in type(field).__mro__]
    return next((kinds[name] for name in names if name in kinds), "other")


def _upload_to(field: Any) -> Optional[str]:
    """The folder of new files; None where code decides."""
    from django.core.files.storage import Storage
    from django.db.models import FileField

    decided = callable(field.upload_to) or type(field).generate_filename is not FileField.generate_filename
    storage = unwrapped(getattr(field, "storage", None))
    if decided or getattr(type(storage), "generate_filename", None) is not Storage.generate_filename:
        return None
    return str(field.upload_to)


def _default(field: Any, key: str = "pk") -> Dict[str, Any]:
    from django.db.models import NOT_PROVIDED

    if field.default is not NOT_PROVIDED:
        return _value(field.default, key)
    in_database = getattr(field, "db_default", NOT_PROVIDED)
    if in_database is NOT_PROVIDED or in_database is None:
        return {"kind": "none", "value": None}
    # An expression of the database has a value of its own only if it is a literal.
    return _value(getattr(in_database, "value", object()) if not is_scalar(in_database) else in_database)


def _default_of_file(field: Any) -> Dict[str, Any]:
    """The default of a file field, also where code says it, as it does for each new row."""
    said = _default(field)
    if said["kind"] != "callable":
        return said
    try:
        value, again = text(field.default()), text(field.default())
    except Exception as error:
        # It may want a request, or a service that is not there: anything may be raised.
        sys.stderr.write(f"the default of {field} is not known: {type(error).__name__}\n")
        return said
    # What is another one each time is no file that rows share.
    return _value(value) if value == again else said


def _value(value: Any, key: str = "pk") -> Dict[str, Any]:
    """A value; of a model's instance what a foreign key has of it, which is this attribute."""
    from django.db.models import Model

    if isinstance(value, Model):
        value = getattr(value, key)
    if isinstance(value, UUID):
        value = str(value)
    if is_scalar(value):
        return {"kind": "value", "value": value}
    return {"kind": "callable" if callable(value) else "unknown", "value": None}


def _foreign_key(field: Any) -> Dict[str, Any]:
    from django.db import models

    is_simple = isinstance(field, models.ForeignKey)
    to = _label(field.remote_field.model)
    key = str(field.target_field.attname) if is_simple else "pk"
    rule, value = _on_delete(field.remote_field.on_delete, key)
    if rule in ("SET_DEFAULT", "DB_SET_DEFAULT"):
        value = _default(field, key)
    return {
        "name": str(field.name),
        "column": str(field.column) if is_simple else "",
        "to": to,
        "to_column": str(field.target_field.column) if is_simple else "",
        "null": bool(field.null),
        "unique": bool(field.unique),
        "on_delete": rule if is_simple else "unknown",
        "value": value,
        "db_constraint": bool(getattr(field, "db_constraint", False)),
        "is_parent_link": bool(field.remote_field.parent_link),
    }


def _on_delete(rule: Any, key: str) -> Tuple[str, Dict[str, Any]]:
    """The name of a rule, and what it sets."""
    from django.db.migrations.serializer import serializer_factory

    value: Dict[str, Any] = {"kind": "none", "value": None}
    if hasattr(rule, "deconstruct"):
        path, arguments, _named_arguments = rule.deconstruct()
        if path in ("django.db.models.SET", "django.db.models.deletion.SET") and len(arguments) == 1:
            return "SET", _value(arguments[0], key)
    try:
        # Its own name may be a lie: others wrap the rules of Django, and teach migrations to unwrap them.
        match = _ON_DELETE.fullmatch(serializer_factory(rule).serialize()[0])
    except (ValueError, TypeError):
        match = None
    return match.group(1) if match else "unknown", value


def _many_to_many(field: Any) -> Dict[str, Any]:
    remote = field.remote_field
    return {"name": str(field.name), "to": _label(remote.model), "through": _label(remote.through)}


def _generic(model: Any) -> Dict[str, Any]:
    """Relations by content types."""
    from django.apps import apps

    keys = []
    relations = []
    if apps.is_installed("django.contrib.contenttypes"):
        from django.contrib.contenttypes.fields import GenericForeignKey, GenericRelation

        for field in model._meta.private_fields:
            if isinstance(field, GenericRelation):
                relations.append(_generic_relation(field, model))
            # The columns of an inherited key are in the parent's table.
            elif isinstance(field, GenericForeignKey) and not getattr(field, "mti_inherited", False):
                keys.append(_generic_foreign_key(field, model))
    return {"generic_foreign_keys": keys, "generic_relations": relations}


def _generic_foreign_key(field: Any, model: Any) -> Dict[str, Any]:
    return {
        "name": str(field.name),
        "content_type_column": str(model._meta.get_field(field.ct_field).column),
        "object_id_column": str(model._meta.get_field(field.fk_field).column),
        "for_concrete_model": bool(field.for_concrete_model),
    }


def _generic_relation(field: Any, model: Any) -> Dict[str, Any]:
    related = field.remote_field.model
    content_type = related._meta.get_field(field.content_type_field_name)
    owner = model._meta.concrete_model if field.for_concrete_model else model
    return {
        "name": str(field.name),
        "to": _label(content_type.model),
        "content_type_column": str(content_type.column),
        "object_id_column": str(related._meta.get_field(field.object_id_field_name).column),
        "content_type": str(owner._meta.label_lower),
    }


def _overrides_delete(model: Any) -> bool:
    return _defines_delete(model)


def _queryset_with_delete(model: Any) -> str:
    # Of what get_queryset() returns nothing is known before it runs, and it may ask the database.
    queryset = getattr(getattr(model, "_default_manager", None), "_queryset_class", None)
    return named(queryset) if queryset and not _tree(model) and _defines_delete(queryset) else ""


def _defines_delete(kind: Any) -> bool:
    """Whether a class has a delete() that is not Django's own."""
    owners = [each for each in kind.__mro__ if "delete" in vars(each)]
    return any(not each.__module__.startswith("django.db.models.") for each in owners)


def _delete_receivers(model: Any) -> List[str]:
    from django.db.models.signals import post_delete, pre_delete

    names: Set[str] = set()
    for signal in (pre_delete, post_delete):
        found = signal._live_receivers(model)
        # Since Django 5.0 those that are asynchronous come apart.
        both = [*found[0], *found[1]] if isinstance(found, tuple) else found
        names.update(named(receiver) for receiver in both)
    return sorted(names)[:_MOST_RECEIVERS]


def _tree(model: Any) -> str:
    modules = [each.__module__.partition(".")[0] for each in model.__mro__]
    return next((library for library in ("treebeard", "mptt") if library in modules), "")

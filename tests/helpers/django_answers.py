# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""What the probe sends of a project, as JSON, from what a test says of it; the rest is usual."""

from __future__ import annotations

from typing import Any, Dict

Json = Dict[str, Any]

NO_VALUE: Json = {"kind": "none", "value": None}


def answer(*models: Json, **parts: Any) -> Json:
    """A project with these models, one SQLite database, and its media in /srv/media."""
    return {
        "django": "5.2.1",
        "python": "3.11.7",
        "directory": "/srv/project",
        "settings": "config.settings",
        "media_root": "/srv/media",
        "media_url": "/media/",
        "time_zone": "UTC",
        "databases": {"default": database()},
        "storages": [storage(aliases=["default"])],
        "models": list(models),
        "thumbnails": {},
        "aws_environment": {},
        **{name: [] for name in ("imported", "compiled")},
        **parts,
    }


def database(**parts: Any) -> Json:
    return {
        "engine": "django.db.backends.sqlite3",
        "name": "/srv/project/db.sqlite3",
        **dict.fromkeys(("host", "port", "user", "password"), ""),
        "options": {},
        "mirror": "",
        "time_zone": "UTC",
        **parts,
    }


def storage(location: str = "/srv/media", **parts: Any) -> Json:
    return {
        "kind": "filesystem",
        "class_name": "django.core.files.storage.filesystem.FileSystemStorage",
        "location": location,
        "base_url": "/media/",
        **dict.fromkeys(("bucket", "endpoint_url"), ""),
        "aliases": [],
        "file_overwrite": False,
        "is_plain": True,
        "service": service(),
        **parts,
    }


def service(**parts: Any) -> Json:
    """How a storage reaches the service of its bucket: nothing of it is said."""
    names = ("region_name", "access_key", "secret_key", "security_token", "addressing_style")
    return {**dict.fromkeys((*names, "session_profile"), ""), "not_used": [], **parts}


def model(label: str, *fields: Json, **parts: Any) -> Json:
    """A model with these fields and keys; its table is called as Django calls it."""
    return {
        "label": label,
        "table": label.lower().replace(".", "_"),
        "managed": True,
        **dict.fromkeys(("swapped", "auto_created", "overrides_delete"), False),
        "database": "default",
        "reads_from": "default",
        "databases": ["default"],
        "primary_key": "id",
        **{name: [] for name in ("parents", "proxies", "generic_foreign_keys", "generic_relations")},
        **{name: [] for name in ("many_to_many", "delete_receivers")},
        **dict.fromkeys(("tree", "queryset_with_delete"), ""),
        "fields": [field for field in fields if "to" not in field],
        "foreign_keys": [field for field in fields if "to" in field],
        **parts,
    }


def field(name: str, kind: str = "other", **parts: Any) -> Json:
    return {
        "name": name,
        "column": name,
        "kind": kind,
        "class_name": f"django.db.models.fields.{kind}",
        **dict.fromkeys(("null", "unique", "auto_now_add", "storage_by_row"), False),
        "default": NO_VALUE,
        "storage": None,
        "other_storages": [],
        "upload_to": None,
        **parts,
    }


def file_field(name: str, upload_to: str | None = "photos", **parts: Any) -> Json:
    return field(name, "file", **{"storage": 0, "upload_to": upload_to, **parts})


def foreign_key(name: str, to: str, on_delete: str = "CASCADE", **parts: Any) -> Json:
    return {
        "name": name,
        "column": f"{name}_id",
        "to": to,
        "to_column": "id",
        **dict.fromkeys(("null", "unique", "is_parent_link"), False),
        "on_delete": on_delete,
        "value": NO_VALUE,
        "db_constraint": True,
        **parts,
    }

# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Lets Django itself fill a project, and say what is right; run in the project by its interpreter.

    python ask.py build | judge [APP.MODEL FIELD …]

What it says goes to standard output as JSON. It runs without anything of the engine or the tests.
"""

from __future__ import annotations

import json
import os
import sys
from importlib import import_module
from pathlib import Path

import django
from django.apps import apps
from django.conf import settings
from django.core.files.base import File
from django.core.management import call_command
from django.db import connection, models, transaction

LONG_AGO = 1e9


def build() -> None:
    """Make the tables, and let the project's own code fill them and the media root."""
    call_command("migrate", run_syncdb=True, verbosity=0)
    import_module(f"{Path.cwd().name}.filling").fill()
    for file in Path(settings.MEDIA_ROOT).rglob("*"):
        os.utime(file, (LONG_AGO, LONG_AGO))


def judge(*missing: str) -> dict[str, object]:
    """What no file field references, and what is left when Django deletes the records without a file."""
    unreferenced, before = sorted(files() - referenced()), rows()
    with transaction.atomic():
        for label, field in zip(missing[::2], missing[1::2]):
            model = apps.get_model(label)
            without = [row.pk for row in model._base_manager.all() if is_missing(getattr(row, field))]
            model._base_manager.filter(pk__in=without).delete()
        connection.check_constraints()
    return {"unreferenced": unreferenced, "before": before, "after": rows()}


def files() -> set[str]:
    root = Path(settings.MEDIA_ROOT)
    return {str(file.relative_to(root)) for file in root.rglob("*") if file.is_file()}


def referenced() -> set[str]:
    """Every file below the media root that a file field references or that is made from one."""
    root = Path(settings.MEDIA_ROOT)
    found = set()
    for model in apps.get_models(include_auto_created=True):
        for field in model._meta.local_concrete_fields:
            if not isinstance(field, models.FileField):
                continue
            for row in model._base_manager.all():
                for file in with_thumbnails(getattr(row, field.name)):
                    path = Path(file.storage.path(file.name))
                    found |= {str(path.relative_to(root))} if root in path.parents else set()
    return found


def with_thumbnails(file: File) -> list[File]:
    if not file:
        return []
    thumbnails = getattr(file, "get_thumbnails", list)
    return [file, *thumbnails()]


def is_missing(file: File) -> bool:
    return bool(file) and file.name != file.field.default and not file.storage.exists(file.name)


def rows() -> dict[str, list[str]]:
    """Every row of every table, as text."""
    found = {}
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            found[table] = sorted(map(repr, cursor.fetchall()))
    return found


if __name__ == "__main__":
    sys.path.insert(0, os.getcwd())
    django.setup()
    action = {"build": build, "judge": judge, "rows": rows}[sys.argv[1]]
    print(json.dumps(action(*sys.argv[2:])))

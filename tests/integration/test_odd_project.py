# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""One real project with much that is odd, described in a few lines: what goes and what stays.

Its settings print, need a variable and are named by no manage.py; it has two databases with a router, a user
model of its own, and tables that it does not manage, one of them with quotes in its name.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engine.apply.restore import restore
from engine.config.django_jobs.from_options import job_of
from engine.report import words
from helpers.builders import found, run
from helpers.django_projects import PYTHON, needs_django, run_code, write_project

SETTINGS = """
import os
print("loading settings")
SECRET_KEY = "of no use"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "gallery"]
AUTH_USER_MODEL = "gallery.Member"
HERE = os.environ["SITE_FOLDER"]
SQLITE = "django.db.backends.sqlite3"
DATABASES = {
    "default": {"ENGINE": SQLITE, "NAME": f"{HERE}/db"},
    "statistics": {"ENGINE": SQLITE, "NAME": f"{HERE}/statistics"},
}
DATABASE_ROUTERS = ["site_router.Router"]
MEDIA_ROOT = f"{HERE}/media"
"""
ROUTER = """
class Router:
    def _database(self, model_name):
        return "statistics" if model_name == "view" else "default"
    def db_for_read(self, model, **hints):
        return self._database(model._meta.model_name)
    db_for_write = db_for_read
    def allow_migrate(self, db, app_label, model_name=None, **hints):
        return db == self._database(model_name)
"""
MODELS = """
from django.contrib.auth.models import AbstractUser
from django.db import models

print("loading models")

class Member(AbstractUser):
    avatar = models.FileField(upload_to="avatars", blank=True)

class View(models.Model):
    path = models.CharField(max_length=200)

class Old(models.Model):
    scan = models.FileField(upload_to="old", db_column="Scan")
    owner = models.ForeignKey(Member, models.CASCADE, null=True, db_constraint=False)
    class Meta:
        managed = False
        db_table = '"Old Docs"'

class Older(models.Model):
    name = models.CharField(max_length=50, primary_key=True)
    scan = models.FileField(upload_to="older")
    class Meta:
        managed = False
        db_table = 'select'
"""
FILL = """
from django.core.files.base import ContentFile
from django.core.management import call_command
from django.db import connection
for alias in ("default", "statistics"):
    call_command("migrate", run_syncdb=True, verbosity=0, database=alias)
with connection.cursor() as cursor:
    cursor.execute('CREATE TABLE "Old Docs" (id integer PRIMARY KEY, "Scan" varchar(100), owner_id integer)')
    cursor.execute('CREATE TABLE "select" (name varchar(50) PRIMARY KEY, scan varchar(100))')
made = [models.Member(username="a"), models.Old(), models.Older(name="a")]
for row in made:
    field = "avatar" if isinstance(row, models.Member) else "scan"
    for name in ("replaced", "there"):
        getattr(row, field).save(f"{name}.txt", ContentFile(b"x"), save=True)
models.Older.objects.create(name="gone", scan="older/gone.txt")
models.Member.objects.create(username="b", avatar="avatars/gone.txt")
models.View.objects.create(path="/avatars/replaced.txt")
"""
LEFT = """
print([*models.Member.objects.values_list("username", "avatar"), *models.Older.objects.values_list("name")])
"""


@needs_django
@pytest.mark.promise(10)
@pytest.mark.promise(14)
def test_what_is_odd_in_a_project_is_understood(tmp_path: Path) -> None:
    folder = write_project(tmp_path / "project", MODELS, SETTINGS, site_router=ROUTER)
    environment = {"SITE_FOLDER": str(tmp_path)}
    run_code(folder, FILL, **environment)

    def job(kind: str, **said: Any) -> Any:
        django = {
            "project": str(folder),
            "python": PYTHON,
            "settings": "site_settings",
            "environment": environment,
        }
        limits = {"max_removal_percent": 100, "older_than_hours": 0, "confirm_scans": 1}
        return job_of(kind, {"name": "odd", "django": django, **limits, **said})

    plan, outcome = run(job("orphans"))
    assert words.problems(outcome) == ""
    assert found(plan) == [b"avatars/replaced.txt", b"old/replaced.txt", b"older/replaced.txt"]

    before = run_code(folder, LEFT, **environment)
    outcomes = []
    for model, field, more in (
        ("gallery.Older", "scan", {}),
        ("gallery.Member", "avatar", {"on_missing": "clear"}),
        ("gallery.Old", "scan", {}),
    ):
        made = job("missing", model=model, field=field, **more)
        plan, outcome = run(made)
        assert words.problems(outcome) == ""
        assert len(found(plan)) == (model != "gallery.Old")
        outcomes.append((made.site, outcome.batch))
    assert run_code(folder, LEFT, **environment).endswith("[('a', 'avatars/there.txt'), ('b', ''), ('a',)]")

    for site, batch in outcomes[:2]:
        assert restore(site, batch, [], check=False).kept.items == []
    assert run_code(folder, LEFT, **environment) == before

# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""A real project with a storage that is a folder of another one: its records and its orphans."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engine import run as jobs
from engine.apply.restore import restore
from engine.config.django_jobs.from_options import job_of
from engine.report import words
from helpers.builders import found, run
from helpers.django_projects import PYTHON, SETTINGS, needs_django, run_code, write_project

MODELS = """
import os
from django.conf import settings
from django.core.files.storage import FileSystemStorage
from django.db import models

private = FileSystemStorage(os.path.join(settings.MEDIA_ROOT, "private"), "/private/")

class Paper(models.Model):
    title = models.CharField(max_length=20)
    scan = models.FileField(upload_to="scans", storage=private, default="scans/none.pdf")
    small = models.FileField(upload_to="small", storage=private, blank=True)
    cover = models.FileField(upload_to="covers", blank=True)
    added_at = models.DateTimeField()
    signed_by = models.ForeignKey("self", models.SET_NULL, null=True)
"""
FILL = """
import datetime
from django.core.files.base import ContentFile
from django.core.management import call_command
from gallery.models import Paper
call_command("migrate", run_syncdb=True, verbosity=0)
long_ago = datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc)
for title in ("there", "gone", "orphan"):
    paper = Paper(title=title, added_at=long_ago)
    for name in ("scan", "small", "cover"):
        getattr(paper, name).save(f"{title}.{name}", ContentFile(b"x"), save=False)
    paper.save()
Paper.objects.create(title="default", added_at=long_ago)
Paper.objects.filter(title="orphan").delete()
os.remove(Paper.objects.get(title="gone").scan.path)
"""


def job(folder: Path, kind: str, **options: Any) -> Any:
    described = {"project": str(folder), "python": PYTHON, "settings": "site_settings"}
    limits = {"max_removal_percent": 100, "older_than_hours": 0}
    return job_of(kind, {"name": "papers", "django": described, **limits, **options})


@needs_django
@pytest.mark.promise(1)
@pytest.mark.promise(10)
def test_records_and_orphans_of_a_storage_below_the_media_root(tmp_path: Path) -> None:
    media = tmp_path / "media"
    settings = SETTINGS.replace("/srv/gallery/media", str(media)).replace("db.sqlite3", str(tmp_path / "db"))
    folder = write_project(tmp_path / "project", MODELS, settings)
    run_code(folder, FILL)
    titles = "print(*models.Paper.objects.order_by('title').values_list('title', flat=True))"
    before = run_code(folder, "print(list(models.Paper.objects.order_by('pk').values_list()))")

    orphans, outcome = run(job(folder, "orphans", sweep=False))
    assert words.problems(outcome) == ""
    assert found(orphans) == [
        *(b"covers/orphan.cover", b"private/scans/orphan.scan", b"private/small/orphan.small")
    ]

    missing = job(folder, "missing", model="gallery.Paper", field="scan", confirm_scans=1)
    plan, outcome = jobs.run(missing, False)
    assert words.problems(outcome) == ""
    assert found(plan) == [b"private/scans/gone.scan"]
    assert run_code(folder, titles) == "default there"
    left = {str(path.relative_to(media)) for path in media.rglob("*.*")}
    assert left == {"private/scans/there.scan", "private/small/there.small", "covers/there.cover"}

    assert restore(missing.site, outcome.batch, [], check=False).kept.items == []
    assert run_code(folder, "print(list(models.Paper.objects.order_by('pk').values_list()))") == before
    assert run_code(folder, "print(models.Paper.objects.get(title='gone').small.read())") == "b'x'"

# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""A real project with storages of django-storages: its media in a bucket are cleaned and restored."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Callable

import pytest

from engine.apply.restore import restore
from engine.config.django_jobs.from_options import job_of
from engine.media.s3.private.bucket import PrivateBucket
from engine.report import words
from helpers.builders import found, guards, run
from helpers.django_projects import PYTHON, SETTINGS, needs_django, run_code, write_project
from helpers.s3_servers import ACCESS_KEY, MINISTACK, SECRET_KEY, S3Server, Service
from helpers.s3_sites import wait_until_old

pytest.importorskip("storages")
pytestmark = needs_django

STORAGES = """
from storages.backends.s3 import S3Storage

class Media(S3Storage):
    location = "media"

class Papers(S3Storage):
    location = "media/papers"

class Elsewhere(S3Storage):
    location = "elsewhere"
"""
MODELS = """
from bucket_storages import Elsewhere, Papers
from django.db import models

class Photo(models.Model):
    image = models.FileField(upload_to="photos/%Y")
    paper = models.FileField(upload_to="scans", storage=Papers(), blank=True)
    other = models.FileField(upload_to="photos", storage=Elsewhere(), blank=True)
"""
FILL = """
from django.core.files.base import ContentFile
from django.core.management import call_command
from gallery.models import Photo
call_command("migrate", run_syncdb=True, verbosity=0)
for title in ("there", "gone", "orphan"):
    photo = Photo()
    for name in ("image", "paper", "other"):
        getattr(photo, name).save(f"{title}.{name}", ContentFile(title.encode()), save=False)
    photo.save()
Photo.objects.get(image__endswith="orphan.image").delete()
gone = Photo.objects.get(image__endswith="gone.image").image
gone.storage.delete(gone.name)
"""


def written(server: S3Server, bucket: str, folder: Path) -> Path:
    settings = (
        SETTINGS.replace("db.sqlite3", str(folder / "db"))
        + f"""
STORAGES = {{"default": {{"BACKEND": "bucket_storages.Media"}}}}
AWS_STORAGE_BUCKET_NAME = {bucket!r}
AWS_S3_ENDPOINT_URL = {server.url!r}
AWS_S3_REGION_NAME = "us-east-1"
AWS_S3_ACCESS_KEY_ID = {ACCESS_KEY!r}
AWS_S3_SECRET_ACCESS_KEY = {SECRET_KEY!r}
AWS_S3_ADDRESSING_STYLE = "path"
"""
    )
    return write_project(folder / "project", MODELS, settings, bucket_storages=STORAGES)


def job(folder: Path, kind: str, **options: Any) -> Any:
    described = {"project": str(folder), "python": PYTHON, "settings": "site_settings"}
    limits = {"max_removal_percent": 100, "older_than_hours": 0, "confirm_scans": 1}
    return job_of(kind, {"name": "album", "django": described, **limits, **options})


@pytest.mark.promise(1)
@pytest.mark.promise(10)
def test_records_and_orphans_of_a_project_with_storages_in_a_bucket(
    tmp_path: Path, s3_servers: Callable[[Service], S3Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    # The throwaway server lets anybody read.
    monkeypatch.setattr(PrivateBucket, "require_private", lambda _bucket, _key: None)
    server = s3_servers(MINISTACK)
    bucket = server.new_bucket()
    folder = written(server, bucket, tmp_path)
    run_code(folder, FILL)
    year = time.strftime("%Y", time.gmtime())
    wait_until_old()

    def keys() -> list[str]:
        listed = server.client().list_objects_v2(Bucket=bucket)["Contents"]
        return [entry["Key"] for entry in listed if "media-quarantine" not in entry["Key"]]

    before = keys()
    orphans, outcome = run(job(folder, "orphans"))
    assert (guards(orphans), words.problems(outcome)) == ([], "")
    expected = [b"papers/scans/orphan.paper", b"photos/%s/orphan.image" % year.encode()]
    # Django deletes no file with its row, and neither does it in the storage that is no part of the store.
    assert found(orphans) == expected
    assert set(before) - set(keys()) == {f"media/{path.decode()}" for path in expected}

    missing = job(folder, "missing", model="gallery.Photo", field="image")
    plan, gone = run(missing)
    assert (guards(plan), words.problems(gone)) == ([], "")
    assert [item.row.file.rpartition(b"/")[2] for item in plan.items] == [b"gone.image"]
    assert (
        run_code(folder, "print(*models.Photo.objects.values_list('paper', flat=True))")
        == "scans/there.paper"
    )

    for batch in (gone.batch, outcome.batch):
        assert restore(missing.site, batch, [], check=False).kept.items == []
    assert keys() == before
    assert run_code(folder, "print(models.Photo.objects.get(pk=2).paper.read())") == "b'gone'"

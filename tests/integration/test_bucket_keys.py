# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""A site with media in a bucket, whose keys are in a file of root's: the command and a module work on it.

The site's user, whose process does the work, cannot read that file; and nothing shows the keys.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest

from helpers.ansible_runs import Ansible
from helpers.commands import Command
from helpers.django_applications import AT_ONCE
from helpers.django_projects import SETTINGS, write_project
from helpers.hosts import AS_ROOT, USER, given_away, python_of_project
from helpers.processes import CommandLines
from helpers.s3_servers import ACCESS_KEY, RCLONE, SECRET_KEY, S3Server, Service
from helpers.s3_sites import wait_until_old
from helpers.users import open_folder

pytest.importorskip("storages")

SITE = "album"
MODELS = """
from django.db import models

class Photo(models.Model):
    image = models.FileField(upload_to="photos")
"""
# The usual storage of a project: its place in the bucket is its own, its keys are those of the environment.
STORAGES = """
from storages.backends.s3 import S3Storage

class Media(S3Storage):
    location = "media"
    file_overwrite = False
"""
BUCKET_SETTINGS = """
import os
STORAGES = {"default": {"BACKEND": "bucket_storages.Media"}}
AWS_S3_SECRET_ACCESS_KEY = os.environ["BUCKET_SECRET_KEY"]
AWS_S3_ACCESS_KEY_ID = os.environ["BUCKET_ACCESS_KEY"]
AWS_S3_REGION_NAME, AWS_S3_ADDRESSING_STYLE = "us-east-1", "path"
"""
FILL = """
from django.core.files.base import ContentFile
from django.core.management import call_command
from gallery.models import Photo
call_command("migrate", run_syncdb=True, verbosity=0)
for title in ("there", "orphan"):
    Photo().image.save(f"{title}.jpg", ContentFile(title.encode()))
Photo.objects.filter(image__endswith="orphan.jpg").delete()
"""


class Album:
    """The project with its bucket, and the description of the site, which names no key."""

    def __init__(self, folder: Path, server: S3Server) -> None:
        self.server, self.bucket = server, server.new_bucket()
        settings = SETTINGS.replace("db.sqlite3", str(folder / "project" / "db")) + BUCKET_SETTINGS
        settings += f"AWS_STORAGE_BUCKET_NAME, AWS_S3_ENDPOINT_URL = {self.bucket!r}, {server.url!r}\n"
        self.project = write_project(folder / "project", MODELS, settings, bucket_storages=STORAGES)
        self.keys = folder / "bucket.keys"
        self.keys.write_text(f"BUCKET_ACCESS_KEY={ACCESS_KEY}\nBUCKET_SECRET_KEY={SECRET_KEY}\n")
        self.keys.chmod(0o400)
        self.python = python_of_project(self.project, "django", "storages", "boto3")
        self._run(FILL)
        given_away(self.project)
        wait_until_old()

    def _run(self, code: str) -> None:
        keys = dict(line.split("=") for line in self.keys.read_text().splitlines())
        environment = {"PATH": "/usr/bin:/bin", "DJANGO_SETTINGS_MODULE": "site_settings", **keys}
        begin = "import django; django.setup()\n"
        command = [self.python, "-B", "-c", begin + code]
        subprocess.run(command, cwd=self.project, check=True, env=environment, timeout=60)

    @property
    def media(self) -> list[str]:
        listed = self.server.client().list_objects_v2(Bucket=self.bucket, Prefix="media/")
        return [entry["Key"] for entry in listed.get("Contents", ())]

    def stored(self) -> bytes:
        """All that is in the bucket."""
        client = self.server.client()
        keys = [entry["Key"] for entry in client.list_objects_v2(Bucket=self.bucket)["Contents"]]
        return b"\n".join(client.get_object(Bucket=self.bucket, Key=key)["Body"].read() for key in keys)

    @property
    def described(self) -> dict[str, Any]:
        django = {"project": str(self.project), "python": self.python, "settings": "site_settings"}
        django["environment_file"] = str(self.keys)
        limits = {"older_than_hours": 0, "max_removal_percent": 100, "age_stamp": AT_ONCE["age_stamp"]}
        return {"name": SITE, "user": USER.pw_name, "django": django, "orphans": {}, **limits}


@pytest.fixture
def album(s3_servers: Callable[[Service], S3Server]) -> Iterator[Album]:
    with open_folder() as folder:
        yield Album(folder, s3_servers(RCLONE))


def written_below(folder: Path) -> bytes:
    return b"\n".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


@pytest.mark.skipif(not AS_ROOT, reason="only root can keep a file from the site's user")
@pytest.mark.promise(10)
@pytest.mark.promise(12)
@pytest.mark.promise(15)
def test_keys_that_only_root_may_read_clean_and_restore_and_show_nowhere(
    album: Album, command: Command, ansible: Ansible
) -> None:
    both = ["media/photos/orphan.jpg", "media/photos/there.jpg"]
    command.describe(album.described)
    options = {name: value for name, value in album.described.items() if name != "orphans"}
    kept = command.folder / "kept"
    kept.mkdir()
    written = [f"--{name}={kept / name}" for name in ("outcome", "metrics", "log")]
    with CommandLines(every=0.2) as lines:
        module = {"django_media.cleanup.media_orphans": options}
        looked = ansible.tasks(module, arguments=("--check", "--diff", "-vvv"))
        assert [item["path"] for item in looked.results[0]["orphans"]] == ["photos/orphan.jpg"], looked.output
        assert album.media == both

        reported = command.run("orphans", SITE, f"--report={kept / 'page.html'}")
        assert reported.returncode == 0, reported.stderr
        assert album.media == both

        cleaned = command.run("orphans", SITE, "--force", "--verbose", *written)
        assert cleaned.returncode == 0, cleaned.stderr
        assert album.media == both[1:]

        restored = command.run("restore", SITE, "latest", "--force", "--json")
        assert restored.returncode == 0, restored.stderr
        assert album.media == both
    # Those of the engine: the server of the bucket is told its keys there, as are those of other runs.
    processes = [line for line in lines.seen if b"-IBXutf8" in line]
    assert processes
    said = [text for done in (reported, cleaned, restored) for text in (done.stdout, done.stderr)]
    for what in (*said, looked.output, repr(looked.results), repr(processes), repr(album.stored())):
        assert SECRET_KEY not in what
    assert len(list(kept.iterdir())) == len(written) + 1
    assert SECRET_KEY.encode() not in written_below(command.folder)

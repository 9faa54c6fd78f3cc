# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""A Django project is asked by a process of the site's user, with what only root could read for it."""

from __future__ import annotations

import os
import pwd
from pathlib import Path
from typing import Any, Iterator

import django
import pytest

from helpers.commands import Command
from helpers.databases import new_sqlite
from helpers.django_projects import MODELS, write_project
from helpers.modules import ORPHANS, run_module
from helpers.users import NOBODY, give, needs_root, open_folder, python_for_everybody

pytestmark = [needs_root, pytest.mark.promise(15)]

USER = pwd.getpwuid(NOBODY).pw_name if os.geteuid() == 0 else ""
SECRET = "hunter2-of-root"
SETTINGS = """
import os
SECRET_KEY = os.environ["SECRET_KEY"]
INSTALLED_APPS = ["gallery"]
FOLDER = os.path.dirname(os.path.abspath(__file__))
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": FOLDER + "/db.sqlite3"}}
MEDIA_ROOT = FOLDER + "/media"
with open(FOLDER + "/asked", "w") as file:
    file.write(f"{os.getuid()} {os.getgroups()}")
for process in os.listdir("/proc"):
    try:
        with open(f"/proc/{process}/cmdline") as shown:
            assert SECRET_KEY not in shown.read(), "the process list shows it"
    except (OSError, UnicodeDecodeError):
        pass
if os.path.exists(FOLDER + "/fails"):
    print("it is", SECRET_KEY)
    raise RuntimeError("no login with " + SECRET_KEY)
"""
MORE_MODELS = """
        # The class goes on.
    cover = models.FileField()

def purge(**options):
    pass

models.signals.post_delete.connect(purge, sender=Photo)
"""


class Gallery:
    """A project of another user, with one orphan, and an environment file that only root may read."""

    def __init__(self, folder: Path) -> None:
        self.project = folder / "gallery"
        write_project(self.project, settings=SETTINGS)
        self.database = new_sqlite(self.project)
        self.database.run("CREATE TABLE gallery_photo (id integer PRIMARY KEY, image varchar(100))")
        self.database.insert("gallery_photo", [{"id": 1, "image": "photos/kept.jpg"}])
        for name in ("kept", "orphan"):
            file = self.project / f"media/photos/{name}.jpg"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(b"picture")
            os.utime(file, (1e9, 1e9))
        give(self.project)
        self.environment_file = folder / "environment"
        self.environment_file.write_text(f"SECRET_KEY={SECRET}\n")
        self.environment_file.chmod(0o600)

    def deploy(self, models: str) -> None:
        (self.project / "gallery/models.py").write_text(models)
        self.database.run("ALTER TABLE gallery_photo ADD COLUMN cover varchar(100)")

    @property
    def files(self) -> list[str]:
        return sorted(path.name for path in (self.project / "media").rglob("*.jpg"))

    def said(self, **options: Any) -> dict[str, Any]:
        django_of_tests = str(Path(django.__file__).parents[1])
        asked = {
            "project": str(self.project),
            "python": python_for_everybody(),
            "settings": "site_settings",
            "environment_file": str(self.environment_file),
            "environment": {"PYTHONPATH": django_of_tests},
        }
        limits = {"age_stamp": "mtime", "max_removal_percent": 100}
        return {"name": "gallery", "user": USER, "django": asked, **limits, **options}


@pytest.fixture
def gallery() -> Iterator[Gallery]:
    with open_folder() as folder:
        yield Gallery(folder)


@pytest.mark.promise(12)
def test_a_module_lets_the_site_s_user_ask(gallery: Gallery) -> None:
    result = run_module({ORPHANS: gallery.said()})
    assert result["removed"]["files"] == 1, result
    assert gallery.files == ["kept.jpg"]
    uid, groups = (gallery.project / "asked").read_text().split(" ", 1)
    assert (int(uid), groups) == (NOBODY, f"[{pwd.getpwuid(NOBODY).pw_gid}]")


@pytest.mark.promise(12)
def test_a_project_that_fails_removes_nothing_and_shows_no_secret(gallery: Gallery) -> None:
    (gallery.project / "fails").touch()
    result = run_module({ORPHANS: gallery.said()})
    assert result["failed"]
    assert "RuntimeError: no login with ********" in result["msg"]
    assert "it is ********" in result["msg"]
    assert SECRET not in str(result)
    assert gallery.files == ["kept.jpg", "orphan.jpg"]


def test_root_asks_no_project_itself(gallery: Gallery) -> None:
    for user, says in ((None, "Set user"), ("root", "somebody else may exchange it")):
        result = run_module({ORPHANS: gallery.said(user=user)})
        assert says in result["msg"]
    assert not (gallery.project / "asked").exists()


def test_the_command_does_so_too(gallery: Gallery, tmp_path: Path) -> None:
    (gallery.project.parent / "installed").mkdir()
    command = Command(gallery.project.parent / "installed")
    command.describe(gallery.said(orphans={}))
    done = command.run("orphans", "gallery", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "photos/orphan.jpg" in done.stdout
    done = command.run("orphans", "gallery", "--force")
    assert done.returncode == 0, done.stderr
    assert gallery.files == ["kept.jpg"]
    assert (gallery.project / "asked").read_text().startswith(f"{NOBODY} ")
    # What a deployment adds is known at once, and a check says it.
    gallery.deploy(MODELS + MORE_MODELS)
    done = command.run("check", "gallery")
    assert done.returncode == 0, done.stderr
    new = [line.partition(": new since")[2] for line in done.stdout.splitlines() if ": new since" in line]
    assert new == [
        " the last run: the file field with the column gallery_photo.cover, which protects files",
        " the last run: the delete receiver gallery.models.purge of gallery.Photo, which no cleanup runs",
    ]

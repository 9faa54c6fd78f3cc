# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""What a project says of its site, by the subcommand discover and by the module django_site_info."""

from __future__ import annotations

import getpass
import json
import pwd
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from helpers.commands import Command
from helpers.django_applications import SOURCES
from helpers.modules import run_module, undocumented
from helpers.sites import snapshot
from helpers.users import NOBODY, give, needs_root, open_folder, python_for_everybody

SITE_INFO = "django_media.cleanup.django_site_info"
ME = getpass.getuser()


@pytest.fixture
def gallery(tmp_path: Path) -> Path:
    """A project that nobody filled: to be asked, it needs no database."""
    shutil.copytree(SOURCES / "gallery", tmp_path / "gallery", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path / "gallery"


def by_module(project: Path, user: str = ME, **django: Any) -> dict[str, Any]:
    django = {"project": str(project), "python": sys.executable, **django}
    return run_module({SITE_INFO: {"user": user, "django": django}}, check=True)


@pytest.mark.promise(6)
def test_the_module_returns_the_description_and_changes_nothing(gallery: Path) -> None:
    before = snapshot(gallery)

    found = by_module(gallery)

    assert snapshot(gallery) == before
    assert undocumented(found, "django_site_info") == set()
    assert not found["changed"]
    assert found["site"] == {
        "name": "gallery",
        "user": ME,
        "django": {"project": str(gallery), "python": sys.executable, "settings": "gallery.settings"},
        "orphans": {},
    }
    assert found["known"]["media_root"] == str(gallery / "media")
    assert {"model": "gallery.Picture", "field": "image"} in found["missing"]


def test_the_command_prints_what_the_module_returns(gallery: Path, command: Command) -> None:
    line = ("discover", str(gallery), "--user", ME, "--python", sys.executable)

    printed = command.run(*line)
    as_json = command.run(*line, "--json")

    assert printed.returncode == as_json.returncode == 0, printed.stderr + as_json.stderr
    found = by_module(gallery)
    assert printed.stdout == found["yaml"]
    assert yaml.safe_load(printed.stdout) == {"media_cleanup_sites": [found["site"]]}
    assert json.loads(as_json.stdout)["site"] == found["site"]


@pytest.mark.promise(12)
def test_no_value_of_the_environment_is_shown(gallery: Path) -> None:
    settings = gallery / "gallery" / "settings.py"
    settings.write_text(f'{settings.read_text()}\nimport os\nSECRET_KEY = os.environ["KEY_OF_SITE"]\n')

    found = by_module(gallery, environment={"KEY_OF_SITE": "correct horse battery"})

    assert not found["failed"], found
    assert "correct horse" not in json.dumps(found)
    assert any("were given variables" in note for note in found["review"])


def test_a_project_that_cannot_be_asked_is_unusable(tmp_path: Path, command: Command) -> None:
    done = command.run("discover", str(tmp_path), "--user", ME)

    assert done.returncode == 2
    assert str(tmp_path) in done.stderr
    assert done.stdout == ""


@needs_root
@pytest.mark.promise(15)
def test_the_projects_code_runs_as_the_sites_user(gallery: Path) -> None:
    with open_folder() as folder:
        shutil.move(str(gallery), str(folder / "gallery"))
        python = folder / "gallery" / "python"
        python.write_text(f"#!/bin/sh\nid -u > {folder}/gallery/who\n")
        python.chmod(0o755)
        give(folder / "gallery")
        django = {"project": str(folder / "gallery"), "python": "python", "settings": "gallery.settings"}
        options = {"user": pwd.getpwuid(NOBODY).pw_name, "python": python_for_everybody(), "django": django}

        found = run_module({SITE_INFO: options})

        assert found["failed"]
        assert (folder / "gallery" / "who").read_text() == f"{NOBODY}\n"

# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Root runs and changes nothing of a Django project that somebody else may exchange."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path
from typing import Any, Iterator

import pytest

from engine.cli import described
from engine.config.django_jobs.from_options import job_of, quarantine_of_site
from engine.config.trust.site_user import worker_of
from engine.errors import SiteError
from helpers.django_projects import PYTHON, SETTINGS, asked, needs_django, write_project
from helpers.users import give, needs_root, open_folder

PACKAGES = "lib/python3.11/site-packages"
MARK = "import pathlib; pathlib.Path({!r}).touch()"


@pytest.fixture
def folder() -> Iterator[Path]:
    with open_folder() as made:
        yield made


def write(path: Path, text: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def worker(folder: Path, python: Path) -> Any:
    django = {"project": str(folder / "project"), "python": str(python)}
    return worker_of([{"user": "root", "python": sys.executable, "django": django}])


@needs_root
@pytest.mark.promise(15)
@pytest.mark.parametrize("theirs", ["own.py", "hook.pth", "__pycache__/own.pyc", "package/inner.py"])
def test_a_virtual_environment_outside_of_the_project_is_roots_own(folder: Path, theirs: str) -> None:
    (folder / "project").mkdir()
    python = folder / "venv/bin/python"
    python.parent.mkdir(parents=True)
    python.symlink_to("/usr/bin/python3")
    for name in ("own.py", "hook.pth", "__pycache__/own.pyc", "package/inner.py"):
        write(folder / "venv" / PACKAGES / name)
    assert worker(folder, python).uid == 0
    give(folder / "venv" / PACKAGES / theirs)
    with pytest.raises(SiteError, match=r"the modules of its interpreter .* somebody else may exchange it"):
        worker(folder, python)


@needs_root
@pytest.mark.promise(15)
@pytest.mark.parametrize("written", ["{}", "../../../../libs"])
def test_what_a_pth_file_adds_is_roots_own(folder: Path, written: str) -> None:
    (folder / "project").mkdir()
    python = folder / "venv/bin/python"
    python.parent.mkdir(parents=True)
    python.symlink_to("/usr/bin/python3")
    library = write(folder / "libs/library.py")
    write(
        folder / "venv" / PACKAGES / "x.pth",
        f"# of an editable install\nimport sys\n{written}\n".format(library.parent),
    )
    assert worker(folder, python).uid == 0
    give(library)
    with pytest.raises(SiteError, match=r"libs.*somebody else may exchange it"):
        worker(folder, python)


@needs_root
@pytest.mark.promise(15)
def test_a_package_behind_a_link_is_roots_own(folder: Path) -> None:
    (folder / "project").mkdir()
    module = write(folder / "elsewhere/models.py")
    (folder / "project/gallery").symlink_to(module.parent)
    (folder / "project/again").symlink_to(folder / "project")
    assert worker(folder, Path("/usr/bin/python3")).uid == 0
    give(module)
    with pytest.raises(SiteError, match=r"the Django project .* somebody else may exchange it"):
        worker(folder, Path("/usr/bin/python3"))


@needs_root
@pytest.mark.promise(15)
@pytest.mark.parametrize("name", ["media_root", "quarantine", "state_directory", "candidates"])
def test_a_place_that_is_described_is_roots_own(folder: Path, name: str) -> None:
    places = {
        each: str(folder / each) for each in ("media_root", "quarantine", "state_directory", "candidates")
    }
    for place in places.values():
        Path(place).mkdir()
    described = {"user": "root", "database_url": f"sqlite:///{folder}/db", **places}
    assert worker_of([described]).uid == 0
    give(folder / name)
    with pytest.raises(SiteError, match=rf"{name} .* somebody else may exchange it"):
        worker_of([described])


@needs_root
@pytest.mark.promise(15)
def test_a_list_of_the_command_line_is_roots_own(folder: Path) -> None:
    listed = write(folder / "candidates")
    places = {"media_root": str(folder / "media"), "database_url": f"sqlite:///{folder}/db"}
    job = {"directories": ["."], "references": [{"table": "photo", "column": "image"}]}
    site = {"name": "kit", "user": "root", **places, "orphans": job}
    options = Namespace(command="orphans", candidates=str(listed), description=site, source="kit.json")
    assert described.worker(options).uid == 0
    give(listed)
    with pytest.raises(SiteError, match=r"candidates .* somebody else may exchange it"):
        described.worker(options)


@needs_root
@needs_django
@pytest.mark.promise(15)
def test_nothing_runs_of_a_folder_that_the_environment_adds(folder: Path) -> None:
    ran = folder / "ran"
    project = write_project(folder / "project")
    module = write(folder / "libs/sitecustomize.py", MARK.format(str(ran)))
    give(module)
    with pytest.raises(SiteError, match=r"what its interpreter imports, .*libs"):
        asked(project, environment={"PYTHONPATH": f"/nowhere:{module.parent}"})
    assert not ran.exists()


@needs_root
@needs_django
@pytest.mark.promise(15)
def test_nothing_runs_where_the_interpreter_itself_adds_a_folder(folder: Path) -> None:
    """As by code in a .pth file, which nobody can know without running it."""
    ran = folder / "ran"
    project = write_project(folder / "project", settings=f"{MARK.format(str(ran))}\n{SETTINGS}")
    module = write(folder / "libs/library.py")
    python = write(folder / "python", f'#!/bin/sh\nPYTHONPATH={module.parent} exec {PYTHON} "$@"\n')
    python.chmod(0o755)
    asked(project, python=str(python))
    ran.unlink()
    give(module)
    with pytest.raises(SiteError, match=r"what its interpreter imports, .*libs"):
        asked(project, python=str(python))
    assert not ran.exists()


@needs_root
@needs_django
@pytest.mark.promise(15)
def test_what_settings_add_to_the_search_path_ends_the_run(folder: Path) -> None:
    module = write(folder / "libs/library.py")
    settings = f"import sys; sys.path.append({str(module.parent)!r}); import library\n{SETTINGS}"
    project = write_project(folder / "project", settings=settings)
    assert str(module) in asked(project).imported
    give(module)
    with pytest.raises(SiteError, match=r"what the Django project has imported, .*library\.py"):
        asked(project)


@needs_root
@needs_django
@pytest.mark.promise(15)
@pytest.mark.parametrize("theirs", ["data", "data/db", "media", "media-quarantine", "state"])
def test_places_that_only_the_project_names_are_roots_own(folder: Path, theirs: str) -> None:
    for name in ("data", "media", "media-quarantine", "state"):
        (folder / name).mkdir()
    write(folder / "data/db")
    settings = SETTINGS.replace("/srv/gallery/media", f"{folder}/media").replace(
        "db.sqlite3", f"{folder}/data/db"
    )
    # Each asks anew.
    project = write_project(folder / f"project-{theirs.replace('/', '-')}", settings=settings)
    django = {"project": str(project), "python": PYTHON, "settings": "site_settings"}
    options = {"name": "kit", "django": django, "state_directory": str(folder / "state")}
    assert job_of("orphans", options).site.media_root == f"{folder}/media".encode()
    give(folder / theirs)
    with pytest.raises(SiteError, match="somebody else may exchange it"):
        job_of("orphans", options)
    with pytest.raises(SiteError, match="somebody else may exchange it"):
        quarantine_of_site(options)

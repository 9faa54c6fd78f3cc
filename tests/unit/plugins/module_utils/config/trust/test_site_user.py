# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Who does the work on a site that has a Django project, and with which interpreter."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any, Iterator

import pytest

from engine.config.trust.site_user import worker_of
from engine.errors import SiteError
from helpers.users import NOBODY, as_nobody, give, needs_root, open_folder


@pytest.fixture
def folder() -> Iterator[Path]:
    """A project with a virtual environment, which everybody can reach."""
    with open_folder() as made:
        (made / "venv/bin").mkdir(parents=True)
        (made / "venv/bin/python").symlink_to(sys.executable)
        yield made


def site(folder: Path, **options: Any) -> dict[str, Any]:
    return {"django": {"project": str(folder)}, **options}


@needs_root
@pytest.mark.promise(15)
def test_root_asks_no_project_without_a_user(folder: Path) -> None:
    give(folder)
    with pytest.raises(SiteError, match="Set user to the user who runs the site"):
        worker_of([site(folder, media_root=str(folder))])


@needs_root
def test_the_interpreter_of_the_project_does_the_work(folder: Path) -> None:
    worker = worker_of([site(folder, user="nobody")])
    assert (worker.uid, worker.python) == (NOBODY, f"{folder}/venv/bin/python")
    assert not worker.is_this_process
    assert worker_of([site(folder, user="nobody", python="/usr/bin/python3")]).python == "/usr/bin/python3"


def test_who_is_not_root_asks_as_himself(folder: Path) -> None:
    def asked() -> tuple[int, str]:
        worker = worker_of([site(folder)])
        return worker.uid, worker.python

    uid, python = as_nobody(asked)
    assert uid == (NOBODY if os.geteuid() == 0 else os.geteuid())
    assert python == f"{folder}/venv/bin/python"


@needs_root
@pytest.mark.promise(15)
def test_root_runs_no_project_that_somebody_else_may_change(folder: Path) -> None:
    for name, said in (
        ("project", {}),
        ("python", {"python": "x/python"}),
        ("env", {"environment_file": "x/env"}),
    ):
        ours, theirs = folder / name, folder / f"{name}_x"
        for made in (ours, theirs):
            made.mkdir()
        give(theirs)
        (ours / "x").symlink_to(theirs)
        place = theirs if name == "project" else ours
        django = {"project": str(place), **{key: f"{ours}/{value}" for key, value in said.items()}}
        with pytest.raises(SiteError, match="somebody else may exchange it"):
            worker_of([{"user": "root", "django": django}])


@needs_root
@pytest.mark.promise(15)
@pytest.mark.parametrize("theirs", ["gallery", "gallery/models.py", "venv/lib/hook.pth"])
def test_root_runs_no_code_that_somebody_else_may_change(folder: Path, theirs: str) -> None:
    for name in ("gallery/models.py", "venv/lib/hook.pth", "media/photo.jpg"):
        (folder / name).parent.mkdir(exist_ok=True, parents=True)
        (folder / name).touch()
    give(folder / "media")
    said = {"user": "root", **site(folder, python="/usr/bin/python3")}
    said["django"]["python"] = "/usr/bin/python3"
    assert worker_of([said]).uid == 0
    give(folder / theirs)
    with pytest.raises(SiteError, match="somebody else may exchange it"):
        worker_of([said])

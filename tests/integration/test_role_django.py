# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""The role, with a site that its Django project describes: cron asks the project at every run."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any, Iterator

import pytest
from test_demo import build

from helpers.ansible_runs import Ansible
from helpers.django_applications import AT_ONCE
from helpers.hosts import USER, Host, changes, given_away, python_of_project, schedule
from helpers.users import open_folder

SITE = "footycollect"
# What a later deployment adds: a field whose files go to a folder that the others use.
RECEIPT = """

class Receipt(models.Model):
    file = models.FileField(upload_to="item_photos")
"""
UPLOAD = """
from collection.models import Receipt
from django.core.files.base import ContentFile
receipt = Receipt()
receipt.file.save("receipt.pdf", ContentFile(b"paid"))
"""


@pytest.fixture
def site() -> Iterator[Path]:
    """The demo's project, of the jobs' user, in a folder that everybody can reach."""
    with open_folder() as folder:
        build(folder / "demo")
        shutil.move(str(folder / "demo" / SITE), str(folder / SITE))
        (folder / SITE).chmod(0o755)
        given_away(folder / SITE)
        yield folder / SITE


@pytest.fixture
def python(site: Path) -> str:
    """An environment in the project, with our Django."""
    return python_of_project(site, "django", "PIL")


def deploy(site: Path, python: str) -> None:
    """Add a model with a file field, and upload a file by it."""
    models = site / "collection" / "models.py"
    models.write_text(models.read_text() + RECEIPT)
    manage = [python, "-B", "manage.py"]
    for words in (["makemigrations", "collection"], ["migrate"], ["shell", "-v0", "-c", UPLOAD]):
        # The settings of another project that tests may use are not those of this one.
        own = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
        subprocess.run([*manage, *words], cwd=site, check=True, stdout=subprocess.DEVNULL, env=own)
    for file in (site / "media").rglob("*"):
        os.utime(file, (1e9, 1e9))
    given_away(site)


@pytest.mark.promise(14)
def test_a_field_that_a_deployment_adds_is_protected_by_the_next_run_of_cron(
    site: Path, python: str, tmp_path: Path, ansible: Ansible
) -> None:
    described: dict[str, Any] = {
        "name": SITE,
        "user": USER.pw_name,
        "django": {"project": str(site), "python": python, "settings": "config.settings.production"},
        "orphans": {},
        **AT_ONCE,
    }
    with open_folder() as folder:
        host = Host(folder, media_cleanup_sites=[described])
        assert changes(schedule(ansible, {"target": host}))["target"] > 0
        assert set(host.lines) == {(SITE, "orphans"), (SITE, "purge")}
        before = host.as_cron(SITE, "orphans")
        deploy(site, python)
        [receipt] = (site / "media" / "item_photos").glob("receipt*.pdf")
        (site / "media" / "item_photos" / "orphan.jpg").write_bytes(b"nobody references this")
        given_away(site / "media")

        after = host.as_cron(SITE, "orphans")

    assert before.returncode == after.returncode == 0, before.stdout + after.stdout
    assert "orphan.jpg" in after.stdout
    assert receipt.exists()
    assert not (site / "media" / "item_photos" / "orphan.jpg").exists()

# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""A newcomer who has the archive and nothing else does what the README says, word by word."""

from __future__ import annotations

import getpass
import re
import shlex
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Mapping, Sequence

import pytest
import yaml
from test_demo import count

from helpers.ansible_runs import Ansible, Run
from helpers.checkout import REPOSITORY
from helpers.django_projects import PYTHON

SITE = "footycollect"
ORPHAN = "media/item_photos/deleted_item_xyz.jpg"
# What has to be there before: a checkout, and Galaxy with a release. Other tests run the first.
NOT_HERE = ("make",)


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page, re.MULTILINE | re.DOTALL)


def files(page: str) -> Mapping[str, str]:
    """The files that a page shows, by the names in their first lines."""
    shown = [*blocks(page, "yaml"), *blocks(page, "ini")]
    return {block.split("\n")[0].lstrip("# "): block for block in shown}


def commands(page: str) -> list[list[str]]:
    lines = "".join(blocks(page, "console")).replace("\\\n", " ").splitlines()
    split = [shlex.split(line.lstrip("$ "), comments=True) for line in lines]
    return [words for words in split if words[0] not in NOT_HERE]


class Newcomer:
    """A folder and a home with nothing in them; a folder of this machine stands for the host."""

    def __init__(self, folder: Path, archive: Path) -> None:
        self.ansible = Ansible(folder / "home")
        self.ansible.folder = folder / "cleanup"
        # As it is after Ansible was installed: no configuration, no checkout that could be found.
        self.ansible.environment = {
            name: self.ansible.environment[name] for name in ("PATH", "HOME", "LC_ALL", "ANSIBLE_NOCOLOR")
        }
        self.archive = archive
        self.host = folder / "host"
        for made in (self.ansible.home, self.ansible.folder, self.host):
            made.mkdir()
        self.write("group_vars/all.yml", yaml.safe_dump(self.variables()))

    def variables(self) -> Mapping[str, object]:
        return {
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            "media_cleanup_become": False,
            "media_cleanup_manage_packages": False,
            "media_cleanup_manage_service": False,
            "media_cleanup_python": sys.executable,
            "media_cleanup_root": str(self.host),
        }

    def write(self, name: str, text: str) -> None:
        path = self.ansible.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)

    def run(self, words: Sequence[str]) -> Run:
        program, *arguments = words
        if program == "ansible-galaxy":
            # Galaxy has it once it is released.
            arguments = [str(self.archive) if word == "django_media.cleanup" else word for word in arguments]
            return self.ansible.run(program, *arguments, "--offline")
        assert program == "ansible-playbook"
        if arguments == ["cleanup.yml"]:
            return self.ansible.answered(arguments, "yes")
        return self.ansible.run(program, *arguments)


@pytest.fixture
def demo(tmp_path: Path) -> Path:
    """A site of a Django project, such as the README describes."""
    folder = tmp_path / "demo"
    build = [PYTHON, REPOSITORY / "demo" / "build_sites.py", folder]
    subprocess.run(build, check=True, stdout=subprocess.DEVNULL)
    return folder


def test_the_readme_leads_from_the_archive_alone_to_a_scheduled_site(
    archive: Path, demo: Path, tmp_path: Path
):
    newcomer = Newcomer(tmp_path, archive)
    with tarfile.open(archive) as opened:
        readme = opened.extractfile("README.md").read().decode()
    # All files of a demo are new, by the timestamp that nobody can set back.
    here = {
        "user: www-data": f"user: {getpass.getuser()}\n          age_stamp: mtime",
        "/var/www/footycollect": str(demo / SITE),
        "venv/bin/python": PYTHON,
    }
    for name, text in files(readme).items():
        for said, meant in here.items():
            text = text.replace(said, meant)
        newcomer.write(name, text)

    seen = []
    for words in commands(readme):
        run = newcomer.run(words)
        assert run.status == 0, (words, run.output)
        seen.append(((demo / SITE / ORPHAN).exists(), count(demo, SITE, "collection_photo")))

    install, check, apply, batches, restore, schedule = seen
    assert install == check == (True, 125)
    assert apply == batches == (False, 119)
    assert restore == schedule == (False, 125)
    jobs = (newcomer.host / "etc/cron.d/media-cleanup").read_text()
    assert f"orphans {SITE}" in jobs
    command = [newcomer.host / "usr/local/bin/media-cleanup", "orphans", SITE, "--dry-run"]
    subprocess.run([*command, "--config", newcomer.host / "etc/media-cleanup"], check=True)

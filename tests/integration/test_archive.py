# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""The archive that users install: what is in it, and that it works where nothing else is."""

from __future__ import annotations

import getpass
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from helpers.ansible_runs import Ansible
from helpers.checkout import REPOSITORY
from helpers.sites import Site

# What an installed collection holds at its top: what runs, and what is read.
RUN = {"meta", "playbooks", "plugins", "roles"}
READ = {"CHANGELOG.md", "CODE_OF_CONDUCT.md", "CONTRIBUTING.md", "README.md", "SECURITY.md", "docs"}
READ |= {"COPYING", "LICENSES", "MAINTAINERS"}
MADE_BY_GALAXY = {"FILES.json", "MANIFEST.json"}


@pytest.fixture
def installed_collection(archive: Path, ansible: Ansible, tmp_path: Path) -> Path:
    """The folder of an installed collection without what is only read, which Ansible finds alone."""
    path = tmp_path / "collections"
    # Else the checkout, which is there under the same name, would count as installed.
    ansible.environment["ANSIBLE_COLLECTIONS_PATH"] = str(path)
    run = ansible.run("ansible-galaxy", "collection", "install", archive, "-p", path, "--offline")
    assert run.status == 0, run.output
    collection = path / "ansible_collections" / "django_media" / "cleanup"
    # As a newcomer has it, with all that is read, it is in test_newcomer.py.
    for entry in [entry for entry in collection.iterdir() if entry.name not in RUN]:
        shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    return collection


def test_the_archive_holds_what_runs_and_what_is_read_and_nothing_else(archive: Path):
    with tarfile.open(archive) as opened:
        held = {member.name for member in opened.getmembers() if not member.isdir()} - MADE_BY_GALAXY
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=REPOSITORY, check=True, stdout=subprocess.PIPE, text=True).stdout
    paths = listed.rstrip("\0").split("\0")
    known = {path for path in paths if path.split("/")[0] in RUN | READ}
    # Made by a release.
    changelog = {"changelogs/changelog.yaml"}
    assert held - changelog == known - changelog


def test_an_installed_archive_works_where_nothing_else_is(
    installed_collection: Path, sqlite_site: Site, ansible: Ansible, tmp_path: Path
):
    sqlite_site.keep(*(f"photos/{number}.jpg" for number in range(6)))
    sqlite_site.write("photos/orphan.jpg")

    run = ansible.tasks(sqlite_site.orphans(), arguments=["--check", "-vvv"])
    assert f"Using module file {installed_collection}/plugins/modules/media_orphans.py" in run.output
    assert run.results[0]["found"]["files"] == 1
    assert "photos/orphan.jpg" in sqlite_site.files

    hosts = ansible.sites({"web": [sqlite_site.described()]})
    cleanup = ("django_media.cleanup.cleanup", "-e", "media_cleanup_force=true")
    run = ansible.run("ansible-playbook", "-i", hosts, *cleanup)
    assert run.status == 0, run.output
    assert "photos/orphan.jpg" not in sqlite_site.files

    target = ansible.inventory({"web": role_variables(sqlite_site, tmp_path / "root")})
    run = ansible.run("ansible-playbook", "-i", target, "django_media.cleanup.schedule")
    assert run.status == 0, run.output
    sqlite_site.write("photos/orphan_again.jpg")
    root = tmp_path / "root"
    command = [root / "usr/local/bin/media-cleanup", "orphans", sqlite_site.name]
    subprocess.run([*command, "--force", "--config", root / "etc/media-cleanup"], check=True)
    assert "photos/orphan_again.jpg" not in sqlite_site.files


def role_variables(site: Site, root: Path) -> dict[str, object]:
    """The role, for a folder that stands for a host and for whoever runs the tests."""
    return {
        "media_cleanup_root": str(root),
        "media_cleanup_become": False,
        "media_cleanup_manage_packages": False,
        "media_cleanup_manage_service": False,
        "media_cleanup_python": sys.executable,
        "media_cleanup_user": getpass.getuser(),
        "media_cleanup_sites": [site.described()],
    }

# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""A release of a copy of the checkout: all of it or nothing, and an archive that works anywhere."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from helpers.ansible_runs import Ansible
from helpers.releases import NEXT, Copy
from helpers.sites import Site

VERSION = Path("plugins/module_utils/_reconcile/version.py")


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    folder = tmp_path_factory.mktemp("release")
    return Copy(folder / "checkout", folder / "home")


def state(copy: Copy) -> tuple[str, str, str]:
    return copy.git("rev-parse", "HEAD"), copy.git("status", "--porcelain"), copy.git("tag", "--list")


def test_what_is_no_release_is_refused_and_changes_nothing(copy: Copy):
    before = state(copy)
    for version in ("", "1.2", "v1.2.0", "1.2.0-beta", "1.02.0"):
        refused = copy.release(version)
        assert refused.returncode == 1
        assert "give the three numbers of a release" in refused.stdout
    assert state(copy) == before

    (copy.folder / "README.md").write_text("changed")
    assert "not committed" in copy.release(NEXT).stdout
    copy.git("checkout", "--quiet", "README.md")

    # Fails after the versions were set: the checkout is as it was, and so are its fragments.
    (copy.folder / "changelogs/fragments/wrong.yml").write_text("---\nno_section:\n  - Text.\n")
    copy.commit()
    before = state(copy)
    failed = copy.release(NEXT)
    assert failed.returncode == 1
    assert "antsibull-changelog lint ended with" in failed.stdout
    assert state(copy) == before
    (copy.folder / "changelogs/fragments/wrong.yml").unlink()
    copy.commit()


def test_a_release_has_its_version_everywhere_and_its_archive_cleans_a_site(
    copy: Copy, ansible: Ansible, sqlite_site: Site, tmp_path: Path
):
    before = copy.git("rev-parse", "HEAD")
    done = copy.release(NEXT)
    assert done.returncode == 0, done.stdout

    assert yaml.safe_load((copy.folder / "galaxy.yml").read_text())["version"] == NEXT
    assert f'VERSION = "{NEXT}"' in (copy.folder / VERSION).read_text()
    changelog = (copy.folder / "CHANGELOG.md").read_text()
    assert "## v9\\.0\\.0" in changelog
    assert "The first release" in changelog
    assert list((copy.folder / "changelogs/fragments").glob("*.yml")) == []
    assert copy.git("rev-parse", f"{NEXT}^{{commit}}", f"{NEXT}~1").split()[1] == before.strip()
    assert copy.git("status", "--porcelain") == ""
    [archive] = copy.archives
    assert archive.name == f"django_media-cleanup-{NEXT}.tar.gz"

    # There is nothing but Ansible, the archive, and a site.
    kept = ("PATH", "HOME", "LC_ALL", "ANSIBLE_NOCOLOR")
    ansible.environment = {name: ansible.environment[name] for name in kept}
    ansible.folder = tmp_path
    run = ansible.run("ansible-galaxy", "collection", "install", archive, "--offline")
    assert run.status == 0, run.output
    sqlite_site.keep(*(f"photos/{number}.jpg" for number in range(6)))
    sqlite_site.write("photos/orphan.jpg")
    hosts = ansible.sites({"web": [sqlite_site.described()]})
    cleanup = ("django_media.cleanup.cleanup", "-e", "media_cleanup_force=true")
    run = ansible.run("ansible-playbook", "-i", hosts, *cleanup)
    assert run.status == 0, run.output
    assert "photos/orphan.jpg" not in sqlite_site.files


def test_a_version_is_released_once_and_the_next_one_is_newer_and_says_what_it_brings(copy: Copy):
    for version, why in (
        (NEXT, "there is a tag of that name"),
        ("8.9.9", f"{NEXT} was released before"),
        ("9.0.1", "no fragment has a release_summary"),
    ):
        refused = copy.release(version)
        assert refused.returncode == 1
        assert why in refused.stdout
    assert copy.git("tag", "--list").split() == [NEXT]

# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Who may write a site file or an interpreter, and so decide what is removed or run."""

from __future__ import annotations

import grp
import json
import os
import pwd
from pathlib import Path
from typing import Any

import pytest

from engine.config import site_file
from engine.config.trust import paths
from engine.config.trust.paths import why_untrusted
from engine.errors import SiteError

STRANGER = 12_345
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to another user")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A site file in a directory of its own."""
    made = tmp_path / "sites" / "kit.json"
    made.parent.mkdir()
    made.parent.chmod(0o755)
    made.write_text(json.dumps({"name": "kit"}))
    made.chmod(0o600)
    return made


def read(file: Path) -> dict[str, Any]:
    return site_file.read(str(file.parent), "kit")


@pytest.mark.promise(15)
@pytest.mark.parametrize("which", ["file", "directory"])
def test_a_site_file_that_everybody_may_write_is_refused(file: Path, which: str) -> None:
    written = file if which == "file" else file.parent
    written.chmod(written.stat().st_mode | 0o002)
    with pytest.raises(SiteError, match=f"everybody may write {written}. Run: chmod go-w {written}"):
        read(file)
    written.chmod(written.stat().st_mode & ~0o022)
    assert read(file) == {"name": "kit"}


@pytest.mark.promise(15)
def test_a_group_with_other_members_may_not_write(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.chmod(0o660)
    monkeypatch.setattr(paths, "has_other_members", lambda _gid, _trusted: True)
    with pytest.raises(SiteError, match=f"the group of {file} may write it. Run: chmod g-w {file}"):
        read(file)
    monkeypatch.setattr(paths, "has_other_members", lambda _gid, _trusted: False)
    assert read(file) == {"name": "kit"}


def test_a_group_that_is_not_known_has_other_members() -> None:
    assert paths.has_other_members(4_000_000, {0})


@pytest.mark.promise(15)
@pytest.mark.parametrize(
    ("listed", "own_group"), [(["second"], 0), ([], 7)], ids=["on its list", "as his own"]
)
def test_who_has_a_group_for_his_own_is_a_member_of_it(
    monkeypatch: pytest.MonkeyPatch, listed: list[str], own_group: int
) -> None:
    first, second = (
        pwd.struct_passwd((name, "x", uid, gid, "", "/", "/bin/sh"))
        for name, uid, gid in (("first", 1001, 7), ("second", 1002, own_group))
    )
    monkeypatch.setattr(grp, "getgrgid", lambda gid: grp.struct_group(("team", "x", gid, listed)))
    monkeypatch.setattr(pwd, "getpwall", lambda: [first, second])
    monkeypatch.setattr(pwd, "getpwnam", {"first": first, "second": second}.get)
    assert paths.has_other_members(7, {1001})
    assert not paths.has_other_members(7, {1001, 1002})


@needs_root
@pytest.mark.promise(15)
def test_a_directory_of_another_user_is_refused(file: Path) -> None:
    os.chown(file.parent, STRANGER, -1)
    with pytest.raises(SiteError, match=f"{file.parent} belongs to the unknown user {STRANGER}. Run: chown"):
        read(file)


@needs_root
@pytest.mark.promise(15)
def test_a_link_is_as_trusted_as_what_it_leads_to(file: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(file)
    assert why_untrusted(str(link)) is None
    os.chown(file.parent, STRANGER, -1)
    assert str(file.parent) in (why_untrusted(str(link)) or "")


def test_a_sticky_directory_is_safe(tmp_path: Path) -> None:
    tmp_path.chmod(0o1777)
    (tmp_path / "python").write_text("")
    (tmp_path / "python").chmod(0o755)
    assert why_untrusted(str(tmp_path / "python")) is None


@needs_root
@pytest.mark.promise(15)
def test_every_link_of_a_chain_is_examined(file: Path, tmp_path: Path) -> None:
    """As a virtual environment's python is one."""
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "python").symlink_to(file)
    link = tmp_path / "link"
    link.symlink_to(theirs / "python")
    assert why_untrusted(str(link)) is None
    os.lchown(theirs / "python", STRANGER, -1)
    assert f"{theirs}/python belongs to" in (why_untrusted(str(link)) or "")
    os.lchown(theirs / "python", 0, -1)
    os.chown(theirs, STRANGER, -1)
    assert f"{theirs} belongs to" in (why_untrusted(str(link)) or "")


def test_a_chain_of_links_that_does_not_end_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(OSError, match="symbolic links"):
        why_untrusted(str(tmp_path / "a"))


@pytest.mark.promise(15)
def test_an_access_list_counts_as_others(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.chmod(0o660)
    monkeypatch.setattr(paths, "has_other_members", lambda _gid, _trusted: False)
    assert why_untrusted(str(file)) is None
    monkeypatch.setattr(os, "getxattr", lambda *_arguments: b"a list")
    assert f"the group of {file} may write it" in (why_untrusted(str(file)) or "")

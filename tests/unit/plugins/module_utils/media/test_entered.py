# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Whether the directories of a listing still hold what they held: said only where their ctimes prove it."""

from __future__ import annotations

import os

import pytest

from engine.media import local
from engine.media.local import LocalStore
from helpers.builders import Media
from helpers.clock import let_clock_tick

pytestmark = pytest.mark.promise("moves")


def listed(tree: LocalStore) -> None:
    tree.notes_entered = True
    for _run in tree.walk(b"", None):
        pass


@pytest.fixture
def settled(media: Media, tree: LocalStore) -> LocalStore:
    """A listed tree, whose directories had been as they are for more than a tick of the kernel's clock."""
    media.write("a.jpg", "p/b.jpg", "p/q/c.jpg")
    media.mkdir("empty")
    let_clock_tick()
    listed(tree)
    return tree


def test_each_directory_is_noted(settled: LocalStore) -> None:
    assert sorted(one.prefix for one in settled.entered) == [b"", b"empty/", b"p/", b"p/q/"]
    assert settled.are_unchanged(settled.entered)


@pytest.mark.parametrize("folder", ["", "p", "p/q", "empty"])
def test_what_comes_or_goes_changes_a_directory(media: Media, settled: LocalStore, folder: str) -> None:
    media.mkdir(os.path.join(folder, "new"))
    assert not settled.are_unchanged(settled.entered)
    os.rmdir(media.path(os.path.join(folder, "new")))
    assert not settled.are_unchanged(settled.entered)


def test_a_directory_that_is_gone_is_changed(media: Media, settled: LocalStore) -> None:
    os.rmdir(media.path("empty"))
    assert not settled.are_unchanged(one for one in settled.entered if one.prefix == b"empty/")


def test_a_directory_that_changed_within_a_tick_may_change_again_unnoticed(
    media: Media, tree: LocalStore
) -> None:
    media.write("a.jpg")
    listed(tree)
    assert not tree.are_unchanged(tree.entered)


def test_where_something_may_be_mounted_below_nothing_is_said(
    settled: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(settled._mounts), "may_be_met", True)
    assert not settled.are_unchanged(settled.entered)


@pytest.mark.parametrize("kind", ["nfs4", "fuse.sshfs", "overlay", ""])
def test_a_file_system_that_may_give_no_ctime_says_nothing(
    settled: LocalStore, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "mounted_from", lambda _device: (kind, "nas:/export"))
    assert not settled.are_unchanged(settled.entered)

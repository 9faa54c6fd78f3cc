# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

from __future__ import annotations

import errno
import hashlib
import os
import re
from pathlib import Path

import pytest

from engine.errors import SiteError
from engine.media import local as tree_module
from engine.media.disk import copy, directories, mounts
from engine.media.local import LocalStore
from engine.media.store import Answer, FileState, PathStatus
from helpers.builders import DEEP, FailingOs, Media, hand_over, open_handles, state_of, unseen, walked
from helpers.users import as_nobody

LONGEST = b"n" * 255


# Absence is proven.


@pytest.mark.promise(1)
@pytest.mark.parametrize("path", [b"gone", b"photos/gone", b"gone/gone/gone", b"/".join(DEEP * 2), LONGEST])
def test_only_no_such_file_says_that_a_file_is_absent(tree: LocalStore, media: Media, path: bytes) -> None:
    media.write("photos/a")
    assert tree.check(path) == PathStatus(Answer.ABSENT)
    assert tree.check(path).is_absent
    assert not tree.check(path).is_file


@pytest.mark.promise(1)
@pytest.mark.parametrize(
    ("path", "kind"),
    [
        (b"photos/a", "file"),
        (b"photos", "directory"),
        (b"photos/", "directory"),
        (b"photos/./a", "file"),
        (b"photos//a", "file"),
        (b"link", "symbolic link"),
        (b"dangling", "symbolic link"),
        (b"fifo", "FIFO"),
        (b"", "directory"),
    ],
)
def test_whatever_stands_at_a_path_is_not_absent(
    tree: LocalStore, media: Media, path: bytes, kind: str
) -> None:
    media.write("photos/a")
    media.link("link", "photos/a")
    media.link("dangling", "nowhere")
    os.mkfifo(media.path("fifo"))
    status = tree.check(path)
    assert status.is_found
    assert not status.is_absent
    assert status.state is not None
    assert status.state.kind == kind
    assert status.is_file == (kind == "file")


@pytest.mark.promise(1)
@pytest.mark.parametrize(
    ("path", "words"),
    [
        (b"photos/a/b", "'a' is a file"),
        (b"photos/a/", "'a' is a file"),
        (b"link/a", "'link' is a symbolic link"),
        (b"link/gone", "'link' is a symbolic link"),
        (b"dangling/a", "'dangling' is a symbolic link"),
        (b"loop/a", "'loop' is a symbolic link"),
        (b"outside/precious.jpg", "'outside' is a symbolic link"),
        (b"fifo/a", "'fifo' is a FIFO"),
        (LONGEST + b"n", "longer than a file name can be"),
        (b"photos/" + LONGEST + b"n", "longer than a file name can be"),
        (LONGEST + b"n/a", "longer than a file name can be"),
        (b"..", "'..' could lead out of the media root"),
        (b"photos/..", "'..' could lead out of the media root"),
        (b"photos/../a", "'..' could lead out of the media root"),
        (b"photos/a\0", "NUL byte"),
        (b"photos\0/a", "NUL byte"),
    ],
)
def test_what_stands_in_the_way_proves_no_absence(
    tree: LocalStore, media: Media, outside: Path, path: bytes, words: str
) -> None:
    media.write("photos/a")
    for name, target in (("link", "photos"), ("dangling", "nowhere"), ("loop", "loop"), ("outside", outside)):
        media.link(name, target)
    os.mkfifo(media.path("fifo"))
    status = tree.check(path)
    assert (status.answer, status.state) == (Answer.BLOCKED, None)
    assert words in status.reason
    assert not any((status.is_found, status.is_absent, status.is_file))
    assert tree.unreadable.total == 0, "a check notes nothing"


@pytest.mark.promise(1)
@pytest.mark.parametrize("mode", [0o000, 0o400, 0o200, 0o100, 0o300, 0o600])
@pytest.mark.parametrize("name", [b"there", b"absent"])
def test_a_closed_directory_proves_no_absence(public_media: Media, mode: int, name: bytes) -> None:
    media = public_media
    media.write("closed/there", "closed/in/there")
    os.chmod(media.path("closed"), mode)

    def check(path: bytes) -> PathStatus:
        with LocalStore(media.root, 10) as tree:
            return tree.check(path)

    hand_over(media)
    for path in (b"closed/" + name, b"closed/in/" + name):
        assert as_nobody(lambda path=path: check(path)) == PathStatus(
            Answer.UNREADABLE, None, "Permission denied"
        )


@pytest.mark.promise(1)
@pytest.mark.parametrize("function", ["open", "stat"])
@pytest.mark.parametrize(
    "number", [errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.ENOTCONN, errno.EMFILE, errno.ENOMEM]
)
def test_an_error_of_the_disk_proves_no_absence(
    tree: LocalStore, media: Media, monkeypatch: pytest.MonkeyPatch, function: str, number: int
) -> None:
    media.write("photos/a")
    if function == "open":
        monkeypatch.setattr(directories, "os", FailingOs(function, number, b"photos"))
    else:
        monkeypatch.setattr(tree_module, "os", FailingOs(function, number, b"a"))
    assert tree.check(b"photos/a") == PathStatus(Answer.UNREADABLE, None, os.strerror(number))


def test_a_look_at_the_next_file_tells_of_the_same_directory_only(tree: LocalStore, media: Media) -> None:
    media.write("photos/a", "photos/b", "other/c")
    assert tree.is_beside_last(b"photos/a") is None, "nothing was looked at before"
    tree.check(b"photos/a")
    assert tree.is_beside_last(b"photos/b") is True
    assert tree.is_beside_last(b"photos/gone") is False
    for path in (
        b"other/c",
        b"photos/",
        b"photos/.",
        b"photos/..",
        b"b",
        b"photos/a\0",
        b"photos/" + b"n" * 256,
    ):
        assert tree.is_beside_last(path) is None


def test_whatever_stands_beside_the_last_file_is_there(tree: LocalStore, media: Media) -> None:
    media.write("photos/a")
    media.link("photos/dangling", "nowhere")
    os.mkfifo(media.path("photos/fifo"))
    tree.check(b"photos/a")
    assert tree.is_beside_last(b"photos/dangling") is False
    assert tree.is_beside_last(b"photos/fifo") is True


@pytest.mark.promise(1)
def test_a_look_at_the_next_file_that_fails_tells_nothing(
    tree: LocalStore, media: Media, monkeypatch: pytest.MonkeyPatch
) -> None:
    media.write("photos/a")
    tree.check(b"photos/a")
    monkeypatch.setattr(tree_module, "os", FailingOs("stat", errno.EIO, b"a"))
    assert tree.is_beside_last(b"photos/a") is None


def test_many_names_of_one_directory_are_seen_at_once(tree: LocalStore, media: Media, outside: Path) -> None:
    media.write("photos/a", "photos/b", "photos/deeper/c")
    media.link("linked", outside)
    assert tree.names_there(b"photos", 1000) == {b"a", b"b", b"deeper"}
    for nothing in (b"photos/a", b"gone", b"linked", b"../outside"):
        assert tree.names_there(nothing, 1000) == set()
    assert tree.unreadable.total == 0


def test_a_directory_without_a_file_holds_none(
    tree: LocalStore, media: Media, monkeypatch: pytest.MonkeyPatch
) -> None:
    media.write("photos/a")
    media.mkdir("empty/below")
    found = {name: tree.holds_file(name) for name in (b"photos", b"empty", b"gone", b"photos/a", b"")}
    assert found == {b"photos": True, b"empty": False, b"gone": False, b"photos/a": False, b"": True}
    assert tree.unreadable.total == 0
    monkeypatch.setattr(directories, "os", FailingOs("open", errno.EIO, b"empty"))
    tree.forget()
    assert not tree.holds_file(b"empty")
    assert unseen(tree) == {b"empty": os.strerror(errno.EIO)}


def test_a_directory_is_worth_reading_for_a_good_part_of_its_names(tree: LocalStore, media: Media) -> None:
    media.write(*[f"photos/{number:0100}" for number in range(100)])
    assert [tree.is_worth_reading(b"photos", wanted) for wanted in (2, 100)] == [False, True]
    assert not tree.is_worth_reading(b"gone", 100)


@pytest.mark.promise(11)
def test_no_more_names_are_held_than_asked_for(tree: LocalStore, media: Media) -> None:
    media.write(*[f"photos/{number}" for number in range(100)])
    assert [len(tree.names_there(b"photos", most)) for most in (99, 100)] == [0, 100]


def test_the_names_of_a_large_directory_come_in_byte_order(
    tree: LocalStore, media: Media, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tree_module, "NAMES_IN_MEMORY", 30)
    media.write(*[f"photos/{number}" for number in range(100)], "photos/deeper/c")
    found = [name for names in tree.sorted_names_there(b"photos") for name in names]
    assert found == sorted([b"deeper", *[b"%d" % number for number in range(100)]])


@pytest.mark.promise(1)
def test_a_directory_that_cannot_be_read_shows_no_name(
    tree: LocalStore, media: Media, monkeypatch: pytest.MonkeyPatch
) -> None:
    media.write("photos/a")
    monkeypatch.setattr(tree_module, "HANDLES", "/nowhere")
    assert tree.names_there(b"photos", 1000) == set()
    assert list(tree.sorted_names_there(b"photos")) == []
    monkeypatch.undo()
    tree.forget()
    monkeypatch.setattr(directories, "os", FailingOs("open", errno.EIO, b"photos"))
    assert tree.names_there(b"photos", 1000) == set()
    assert list(tree.sorted_names_there(b"photos")) == []
    assert not tree.is_worth_reading(b"photos", 1000)


# Opening.


def test_a_media_root_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(SiteError, match=r"does not exist. Is it mounted\? Nothing was examined"):
        LocalStore(os.fsencode(tmp_path / "gone"), 10).__enter__()


def test_a_media_root_that_is_a_file_is_told(media: Media) -> None:
    media.write("a")
    with pytest.raises(SiteError, match="is not a directory"):
        LocalStore(media.path("a"), 10).__enter__()


def test_a_media_root_that_must_not_be_read_is_told_with_advice(public_media: Media) -> None:
    os.chmod(public_media.root, 0)

    def check() -> str:
        with pytest.raises(SiteError) as refusal:
            LocalStore(public_media.root, 10).__enter__()
        return str(refusal.value)

    told = as_nobody(check)
    os.chmod(public_media.root, 0o755)
    assert "Permission denied. Name a user who may read it in the description of the site (user)." in told


def test_a_media_root_may_be_a_link(media: Media, tmp_path: Path) -> None:
    media.write("a")
    os.symlink(media.root, tmp_path / "link")
    with LocalStore(os.fsencode(tmp_path / "link"), 10) as tree:
        assert walked(tree) == [b"a"]
        tree.verify_root()
        assert tree.unreadable.total == 0


@pytest.mark.parametrize(
    ("path", "words"),
    [
        (b"gone", r"directory 'gone' does not exist below media_root .* Correct the name"),
        (b"photos/gone", "directory 'photos/gone' does not exist"),
        (b"photos/a", "leaves the media root or is no directory: 'a' is a file"),
        (b"link", r"'link' is a symbolic link. Links are not followed"),
        (b"link/in", "'link' is a symbolic link"),
        (LONGEST + b"n", "cannot be read: File name too long"),
    ],
)
def test_a_listed_directory_must_be_one(
    tree: LocalStore, media: Media, outside: Path, path: bytes, words: str
) -> None:
    media.write("photos/a")
    media.link("link", outside)
    with pytest.raises(SiteError, match=words):
        tree.require_directory(path)


@pytest.mark.parametrize("path", [b"", b"photos", b"photos/2024"])
def test_a_listed_directory_that_can_be_read_will_do(tree: LocalStore, media: Media, path: bytes) -> None:
    media.mkdir("photos/2024")
    before = open_handles()
    tree.require_directory(path)
    assert open_handles() == before


@pytest.mark.parametrize("path", [b"gone/a", b"photos/a/b", b"link/a", LONGEST + b"n/a", b"photos/gone"])
def test_a_look_that_fails_leaves_no_handle_open(tree: LocalStore, media: Media, path: bytes) -> None:
    media.write("photos/a")
    media.link("link", "photos")
    before = open_handles()
    for _turn in range(3):
        tree.check(path)
        tree.forget()
    assert open_handles() == before


# What a file holds, and where it lies.


def test_a_checksum_is_that_of_the_content(
    tree: LocalStore, media: Media, outside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copy, "_BLOCK", 4)
    media.write("a", content=b"a picture")
    media.link("link", outside / "precious.jpg")
    assert tree.checksum(b"a", "sha256") == hashlib.sha256(b"a picture").hexdigest()
    for path, algorithm in ((b"gone", "md5"), (b"link", "md5"), (b"a", "crc"), (b"link/a", "md5")):
        assert tree.checksum(path, algorithm) is None


def test_a_checksum_leaves_no_trace(tree: LocalStore, media: Media) -> None:
    media.write("a")
    os.utime(media.path("a"), (0, 1))
    before = open_handles()
    tree.checksum(b"a", "md5")
    tree.forget()
    assert open_handles() == before
    if os.geteuid() == 0:
        assert os.stat(media.path("a")).st_atime == 0


def test_a_file_of_somebody_else_has_a_checksum_too(public_media: Media) -> None:
    """Only its owner may ask the kernel to leave the time of access alone."""
    public_media.write("a")

    def checksum() -> str | None:
        with LocalStore(public_media.root, 10) as tree:
            return tree.checksum(b"a", "md5")

    assert as_nobody(checksum) == hashlib.md5(b"picture").hexdigest()


def test_a_file_system_is_told_from_others(media_with_mount: Media) -> None:
    with LocalStore(media_with_mount.root, 10) as tree, LocalStore(
        media_with_mount.path("mounted"), 10
    ) as other:
        assert tree.file_system == os.statvfs(media_with_mount.root).f_fsid
        assert tree.file_system != other.file_system


@pytest.mark.promise(1)
def test_what_was_listed_and_cannot_be_seen_any_more_is_unseen(
    tree: LocalStore, media: Media, outside: Path
) -> None:
    media.write("photos/a")
    assert tree.check(b"photos/gone").is_absent
    tree.forget()
    media.rename("photos", "old")
    media.link("photos", outside)
    assert tree.check(b"photos/precious.jpg") == PathStatus(
        Answer.BLOCKED, None, "'photos' is a symbolic link"
    )


# Names that match patterns.


def test_matching_finds_files_by_names_and_patterns(tree: LocalStore, media: Media, outside: Path) -> None:
    media.write("CACHE/a/1.jpg", "CACHE/a/2.png", "CACHE/b/1.jpg", "CACHE/a/deep/1.jpg")
    media.link("CACHE/a/3.jpg", outside / "precious.jpg")
    media.link("CACHE/c", outside)
    jpg = re.compile(rb"[^/]*\.jpg")
    anything = re.compile(rb"[^/]*", re.DOTALL)
    assert list(tree.matching([b"CACHE", b"a", jpg])) == [b"CACHE/a/1.jpg"]
    assert list(tree.matching([b"CACHE", anything, jpg])) == [b"CACHE/a/1.jpg", b"CACHE/b/1.jpg"]
    assert list(tree.matching([b"CACHE", b"c", anything])) == []
    assert list(tree.matching([b"CACHE", b"gone", anything])) == []
    assert list(tree.matching([b"CACHE", b"a"])) == []
    assert tree.unreadable.total == 0


@pytest.mark.promise(1)
def test_a_directory_in_which_nothing_can_be_looked_for_is_unseen(
    tree: LocalStore, media: Media, monkeypatch: pytest.MonkeyPatch
) -> None:
    media.write("CACHE/a/1.jpg")
    monkeypatch.setattr(directories, "os", FailingOs("open", errno.EACCES, b"a"))
    assert list(tree.matching([b"CACHE", b"a", re.compile(b".*")])) == []
    assert unseen(tree) == {b"CACHE/a": "Permission denied"}


# Time stamps.


@pytest.mark.promise(3)
@pytest.mark.parametrize(
    ("age_stamp", "mtime", "ctime", "expected"),
    [
        ("mtime", 1, 2, 1),
        ("mtime", 2, 1, 2),
        ("ctime", 1, 2, 2),
        ("ctime", 2, 1, 1),
        ("newest", 1, 2, 2),
        ("newest", 2, 1, 2),
    ],
)
def test_the_time_stamp_that_tells_the_age(age_stamp: str, mtime: int, ctime: int, expected: int) -> None:
    assert FileState("file", 1, 2, 3, mtime, ctime).stamp_ns(age_stamp) == expected


def test_a_state_is_exact_to_the_nanosecond(tree: LocalStore, media: Media) -> None:
    media.write("a")
    os.utime(media.path("a"), ns=(0, 1_234_567_890_123_456_789))
    status = os.stat(media.path("a"))
    assert state_of(tree, b"a") == (
        "file",
        status.st_dev,
        status.st_ino,
        7,
        1_234_567_890_123_456_789,
        status.st_ctime_ns,
        # A disk has no tags.
        "",
    )


# What tells a media root from every other one.


@pytest.mark.promise("guards")
@pytest.mark.parametrize("kind", ["nfs4", "ext4"])
def test_media_of_the_network_are_the_same_from_each_host(
    tree: LocalStore, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(mounts, "mounted_from", lambda _device: (kind, "nas:/export"))
    found = []
    for machine in ("first", "second"):
        monkeypatch.setattr(mounts, "host_id", lambda machine=machine: machine)
        found.append(tree.identity())
    assert (found[0] == found[1]) == (kind == "nfs4")
    assert ("nas:/export" in found[0]) == (kind == "nfs4")

# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""What every media store has to do, tried on each one that there is.

To add a store, write a kit for it (see ``LocalKit``) and name it among the parameters of ``kit``: all tests
of this file run on it then. They use the interface and the kit alone. What a store cannot do is said by its
kit, with a reason, or among its capabilities. Of several services of one kind, all tests run on the first,
and those marked ``each_service`` on the others; ``make test-full`` runs all on each.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shutil
import stat
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Any, Callable, Iterator, Mapping

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.errors import SiteError
from engine.media import walk
from engine.media.disk import directories, transfer
from engine.media.disk.folder import DiskFolder
from engine.media.local import LocalStore
from engine.media.s3 import client
from engine.media.store import (
    HELD,
    Answer,
    Blocked,
    Capabilities,
    Changed,
    FileMarks,
    FileState,
    MediaStore,
    PathStatus,
)
from helpers.builders import TREES, FailingOs, unseen, walked
from helpers.clock import let_clock_tick
from helpers.s3_kit import BUCKETS, BucketOf, S3Kit

HOSTILE = [
    *(b"a.jpg", b"\xff\xfe.jpg", b"line\nbreak", b"n" * 255, "Café".encode(), b"-rf", b" ", b"\\", b"%2F"),
    *(b"*", b"[a]", b"a b", b"..a", b"...", b"\x01\x7f", b"'\"", b"$(x)", b".hidden"),
]


class LocalKit:
    """A store on a local file system, and how a test changes it behind its back."""

    # Whether all that a file has goes with it.
    keeps_attributes = True
    # What it lacks of what the tests of this file ask for, and why; these tests are skipped with that reason.
    lacks: Mapping[str, str] = {"copies": "a file that is renamed is never in both places"}
    # In how deep folders names are tried.
    depths: tuple[int, ...] = (0, 1, 40)
    # A name that is too long for a file.
    too_long = b"n" * 256
    # The deepest path.
    deep = b"/".join([b"d" * 120] * 50)

    def __init__(self, folder: Path) -> None:
        self.root = folder / "media"
        self.root.mkdir()
        self.kept = self._place_of_kept(folder)

    def _place_of_kept(self, folder: Path) -> Path:
        return folder / "kept"

    def close(self) -> None:
        """Take away what is not below the folder of the test."""

    def store(self, max_listed: int = 100) -> MediaStore:
        return LocalStore(os.fsencode(self.root), max_listed)

    def folder(self) -> DiskFolder:
        """The private folder to which files are moved."""
        return DiskFolder.make(os.fsencode(self.kept), "the quarantine")

    def _path(self, path: bytes) -> bytes:
        return os.path.join(os.fsencode(self.root), path)

    def write(self, *paths: bytes, content: bytes = b"picture") -> None:
        for path in paths:
            os.makedirs(os.path.dirname(self._path(path)), exist_ok=True)
            with open(self._path(path), "wb") as file:
                file.write(content)
            os.utime(self._path(path), ns=(1_234_567_890, 9_876_543_210))

    def read(self, path: bytes) -> bytes:
        with open(self._path(path), "rb") as file:
            return file.read()

    def remove(self, path: bytes) -> None:
        os.unlink(self._path(path))

    def exchange(self, path: bytes, content: bytes) -> None:
        """Put another file into the place of this one, in one step."""
        self.write(path + b".new", content=content)
        os.replace(self._path(path + b".new"), self._path(path))

    def can_hold(self, name: bytes) -> bool:
        """Whether a file may be called so."""
        return True

    def mtime_ns(self, path: bytes) -> int:
        return os.stat(self._path(path)).st_mtime_ns

    def kept_of(self, marks: FileMarks) -> object:
        """What of a file's marks comes back with it."""
        return marks

    def stored(self, folder: Any, name: str) -> bytes:
        """The content of a file that was moved out."""
        with folder.read(name) as file:
            return bytes(file.read())

    def replace_root(self) -> None:
        self.root.rename(self.root.with_name("old"))
        self.root.mkdir()

    def remove_root(self) -> None:
        self.root.rmdir()

    def break_reading(self, patch: pytest.MonkeyPatch, directory: bytes) -> None:
        """From now on the disk fails where this directory of the root is read."""
        for module in (directories, walk):
            patch.setattr(module, "os", FailingOs("open", errno.EIO, directory))

    def at_the_last_moment(self, patch: pytest.MonkeyPatch, happens: Callable[[], object]) -> None:
        """Let something happen after the last check of a file and before it is moved."""
        require_same = transfer.require_same

        def late(*arguments: Any) -> None:
            require_same(*arguments)
            happens()

        patch.setattr(transfer, "require_same", late)

    def before_the_way_back(self, patch: pytest.MonkeyPatch, happens: Callable[[], object]) -> None:
        """Let something happen at the last moment before a file is put back."""
        move_to_new = transfer.move_to_new

        def late(*arguments: Any) -> None:
            happens()
            move_to_new(*arguments)

        patch.setattr(transfer, "move_to_new", late)

    def block_removal(self, patch: pytest.MonkeyPatch) -> None:
        """From now on this user may not remove files."""
        patch.setattr(os, "access", lambda *_arguments, **_how: False)


class CopyingKit(LocalKit):
    """A store whose quarantine is on another file system, so that files are copied."""

    lacks: Mapping[str, str] = {}

    def before_the_way_back(self, patch: pytest.MonkeyPatch, happens: Callable[[], object]) -> None:
        """Let something happen after the last check of a place and before a file is copied there."""
        is_put_back = transfer.is_put_back

        def late(*arguments: Any) -> bool:
            answer = is_put_back(*arguments)
            happens()
            return answer

        patch.setattr(transfer, "is_put_back", late)

    def _place_of_kept(self, folder: Path) -> Path:
        self._elsewhere = Path(tempfile.mkdtemp(prefix="media-cleanup-", dir="/dev/shm"))
        if os.stat(self._elsewhere).st_dev == os.stat(folder).st_dev:
            self.close()
            pytest.skip("there is no second file system here")
        return self._elsewhere / "kept"

    def close(self) -> None:
        shutil.rmtree(self._elsewhere)


class LinkingKit(LocalKit):
    """A store on a file system that knows no rename which replaces nothing, such as NFS."""

    lacks: Mapping[str, str] = {}

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._patch = pytest.MonkeyPatch()
        self._patch.setattr(transfer, "rename_to_new", _unknown)

    def close(self) -> None:
        self._patch.undo()


def _unknown(*_arguments: Any) -> None:
    raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))


_client = lru_cache(maxsize=None)(client._client)
KITS = {"local": LocalKit, "local, copied": CopyingKit, "local, linked": LinkingKit}


@pytest.fixture(params=[*KITS.values(), *BUCKETS], ids=[*KITS, *map(str, BUCKETS)])
def kit(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    if isinstance(request.param, BucketOf):
        # What fails is not tried again.
        patch = request.getfixturevalue("monkeypatch")
        patch.setattr(client, "ATTEMPTS", 1)
        # To make a client takes longer than most of these tests.
        patch.setattr(client, "_client", _client)
        made = S3Kit(request.getfixturevalue("s3_servers")(request.param.service), request.param.versioned)
    else:
        made = request.param(tmp_path)
    yield made
    made.close()


@pytest.fixture
def store(kit: LocalKit) -> Iterator[MediaStore]:
    with kit.store() as opened:
        yield opened


@pytest.fixture
def folder(kit: LocalKit) -> Iterator[DiskFolder]:
    with kit.folder() as opened:
        yield opened


def _require(kit: LocalKit, what: str) -> None:
    """Skip the rest of a test where the kit lacks what it needs, and say why."""
    if what in kit.lacks:
        pytest.skip(kit.lacks[what])


def state_of(store: MediaStore, path: bytes) -> FileState:
    state = store.check(path).state
    assert state is not None
    return state


# Listing.


@pytest.mark.parametrize("make", KITS.values(), ids=KITS.keys())
@given(TREES, st.booleans())
@example([b"a-b/x", b"a.b", b"a/b", b"a0", b"a\n", b"a\xff", b"a/b-/c", b"a/b0"], True)
def test_a_listing_yields_all_files_in_the_byte_order_of_whole_paths(
    make: type[LocalKit], paths: list[bytes], in_order: bool
) -> None:
    with tempfile.TemporaryDirectory() as place:
        kit = make(Path(place))
        kit.write(*paths)
        with kit.store() as store:
            found = [run.prefix + name for run in store.walk(b"", None, in_order) for name in run.names]
            assert store.unreadable.total == 0
        kit.close()
    assert (found if in_order else sorted(found)) == sorted(paths)


@pytest.mark.each_service
def test_names_of_any_kind_are_listed_looked_at_and_removed(kit: LocalKit, store: MediaStore) -> None:
    names = list(filter(kit.can_hold, HOSTILE))
    paths = sorted(b"d/" * depth + name for name in names for depth in kit.depths)
    kit.write(*paths)
    assert walked(store) == paths
    for path in paths:
        store.remove(path, state_of(store, path))
        assert store.check(path).is_absent
    assert walked(store) == []


@pytest.mark.each_service
def test_a_listing_keeps_to_its_directory_and_to_what_is_not_excluded(
    kit: LocalKit, store: MediaStore
) -> None:
    kit.write(b"a/1", b"a/.b/2", b"a/c/3", b"a-/4", b"a0")
    assert walked(store, b"a") == [b"a/.b/2", b"a/1", b"a/c/3"]
    assert walked(store, b"a", ".*", "a/c") == [b"a/1"]
    assert walked(store, b"gone") == []
    assert [path for path, _reason in store.unreadable.items] == [b"gone"]


def test_what_a_listing_yields_can_be_looked_at_in_its_run(kit: LocalKit, store: MediaStore) -> None:
    kit.write(b"a/1", b"a/2", b"a/m/x", b"a/z")
    statuses = {}
    for run in store.walk(b"a", None):
        for name in run.names:
            if name == b"2":
                kit.remove(b"a/2")
            statuses[run.prefix + name] = store.check_in(run, name)
    assert statuses.pop(b"a/2") == PathStatus(Answer.ABSENT)
    assert statuses == {path: store.check(path) for path in (b"a/1", b"a/m/x", b"a/z")}


def test_what_cannot_be_listed_is_noted(
    kit: LocalKit, store: MediaStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    kit.write(b"a/1", b"closed/2", b"z/3")
    kit.break_reading(monkeypatch, b"closed")
    assert walked(store) == [b"a/1", b"z/3"]
    assert unseen(store) == {b"closed": os.strerror(errno.EIO)}
    assert store.names(b"closed", re.compile(b".*")) == []
    assert not store.holds_file(b"closed")
    assert walked(store, b"closed") == []
    assert [path for path, _reason in store.unreadable.items] == [b"closed"] * 4


@pytest.mark.parametrize("listed", [0, 1])
def test_of_what_cannot_be_read_a_bounded_list_is_kept_and_all_is_counted(kit: LocalKit, listed: int) -> None:
    with kit.store(listed) as store:
        assert walked(store, b"gone") == walked(store, b"gone too") == []
        assert (store.unreadable.total, len(store.unreadable.items)) == (2, listed)


@pytest.mark.each_service
@pytest.mark.parametrize("directory", [b"", b"d"])
def test_what_was_listed_is_checked_with_the_answers_that_each_file_gives(
    kit: LocalKit, store: MediaStore, directory: bytes
) -> None:
    kit.write(*(b"d/" + name for name in HOSTILE if kit.can_hold(name)), b"d/empty", b"d/x/1", b"d0")
    kit.write(b"d/empty", content=b"")
    items = [(path, path[-1:] != b"1") for path in walked(store, directory)]
    answers = list(store.check_listed(items, lambda item: item[0] if item[1] else None))
    assert [item for item, _answer in answers] == items
    assert [answer for _item, answer in answers] == [
        store.check(path) if is_asked else None for path, is_asked in items
    ]


@pytest.mark.each_service
def test_names_and_patterns_find_files(kit: LocalKit, store: MediaStore) -> None:
    kit.write(b"c/a/1.jpg", b"c/a/2.png", b"c/b/1.jpg", b"c/a/deep/1.jpg")
    jpg, anything = re.compile(rb"[^/]*\.jpg"), re.compile(rb"[^/]*", re.DOTALL)
    assert store.names(b"c", anything) == [b"a", b"b"]
    assert store.names(b"c/a", jpg) == [b"1.jpg"]
    assert store.names(b"gone", anything) == []
    assert list(store.matching([b"c", anything, jpg])) == [b"c/a/1.jpg", b"c/b/1.jpg"]
    assert list(store.matching([b"c", b"a"])) == []
    assert store.unreadable.total == 0


def test_a_directory_holds_a_file_at_any_depth(kit: LocalKit, store: MediaStore) -> None:
    kit.write(b"a/b/c/1", b"a/2", HELD + b"/3")
    found = {path: store.holds_file(path) for path in (b"", b"a", b"a/b", b"a/b/c", b"a/2", b"gone", HELD)}
    assert [path for path, holds in found.items() if holds] == [b"", b"a", b"a/b", b"a/b/c"]
    assert store.unreadable.total == 0


def test_a_directory_that_is_required_has_to_be_one(kit: LocalKit, store: MediaStore) -> None:
    kit.write(b"a/1")
    for there in (b"", b"a"):
        store.require_directory(there)
    for path in (b"gone", b"a/1", b".."):
        with pytest.raises(SiteError):
            store.require_directory(path)


# Looking.


@pytest.mark.each_service
def test_only_what_is_not_there_is_absent(kit: LocalKit, store: MediaStore) -> None:
    kit.write(b"a/1")
    for path in (b"gone", b"a/gone", b"gone/1", b"n" * 255, kit.deep):
        assert store.check(path) == PathStatus(Answer.ABSENT), path
        assert store.check(path).is_absent


@pytest.mark.each_service
def test_a_file_is_found_with_its_state(kit: LocalKit, store: MediaStore) -> None:
    kit.write(b"a/1", content=b"four")
    status = store.check(b"a/1")
    assert (status.answer, status.reason, status.is_file, status.is_found) == (Answer.FOUND, "", True, True)
    assert state_of(store, b"a/1").size == 4
    assert store.check(b"a/1") == status


@pytest.mark.parametrize(
    "path", [b"..", b"a/..", b"a/../a/1", b"../media/a/1", b"a/1\0", b"\0", b"TOO LONG", b"TOO LONG/1"]
)
def test_what_no_path_of_the_store_can_be_is_blocked(kit: LocalKit, store: MediaStore, path: bytes) -> None:
    kit.write(b"a/1")
    status = store.check(path.replace(b"TOO LONG", kit.too_long))
    assert (status.answer, status.state) == (Answer.BLOCKED, None)
    assert status.reason
    assert not any((status.is_found, status.is_absent, status.is_file))


def test_a_file_in_the_way_blocks_where_there_are_directories(kit: LocalKit, store: MediaStore) -> None:
    kit.write(b"a/1")
    expected = Answer.BLOCKED if store.capabilities.directories else Answer.ABSENT
    assert store.check(b"a/1/2").answer is expected


def test_a_look_that_fails_says_that_nothing_is_known(
    kit: LocalKit, store: MediaStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    kit.write(b"a/1")
    kit.break_reading(monkeypatch, b"a")
    for path in (b"a/1", b"a/gone"):
        assert store.check(path) == PathStatus(Answer.UNREADABLE, None, os.strerror(errno.EIO))
    assert store.unreadable.total == 0, "a check notes nothing"


@pytest.mark.each_service
def test_a_quick_look_never_finds_what_is_not_there(kit: LocalKit, store: MediaStore) -> None:
    there = [b"d/%03d" % number for number in range(0, 200, 2)]
    kit.write(*there)
    asked = [b"d/%03d" % number for number in range(200)]
    for some in (asked, asked[:3], [b"../d/000", b"gone/1"]):
        left = store.quick_check().not_found(some)
        assert left == sorted(left)
        assert set(some) - set(there) <= set(left)
        store.check(b"d/000")
        assert all(store.is_beside_last(path) in (None, path in there) for path in some)


def test_a_checksum_is_that_of_the_content(kit: LocalKit, store: MediaStore) -> None:
    kit.write(b"a", content=b"a picture")
    assert store.checksum(b"a", "sha256") == hashlib.sha256(b"a picture").hexdigest()
    assert [store.checksum(*asked) for asked in ((b"gone", "md5"), (b"a", "crc"), (b"../a", "md5"))] == [
        None
    ] * 3


def test_a_content_is_read_up_to_a_length(kit: LocalKit, store: MediaStore) -> None:
    kit.write(b"a", content=b"a picture")
    assert store.content(b"a", 9) == b"a picture"
    assert [store.content(*asked) for asked in ((b"a", 8), (b"gone", 9), (b"../a", 9))] == [None] * 3


# Removing only what is unchanged.

CHANGES = {
    "rewritten": lambda kit: kit.write(b"a/1", content=b"PICTURE"),
    "exchanged": lambda kit: kit.exchange(b"a/1", b"picture"),
    "gone": lambda kit: kit.remove(b"a/1"),
}


@pytest.mark.each_service
@pytest.mark.parametrize("change", CHANGES)
def test_what_was_changed_is_not_removed(kit: LocalKit, store: MediaStore, change: str) -> None:
    kit.write(b"a/1")
    state = state_of(store, b"a/1")
    let_clock_tick()
    CHANGES[change](kit)
    with pytest.raises(Changed):
        store.remove(b"a/1", state)
    assert store.check(b"a/1").is_file == (change != "gone")


@pytest.mark.each_service
@pytest.mark.parametrize("change", CHANGES)
def test_what_was_changed_is_not_moved(
    kit: LocalKit, store: MediaStore, folder: DiskFolder, change: str
) -> None:
    kit.write(b"a/1")
    state = state_of(store, b"a/1")
    let_clock_tick()
    CHANGES[change](kit)
    with pytest.raises(Changed):
        store.move_out(b"a/1", state, folder, "1")
    assert store.check(b"a/1").is_file == (change != "gone")
    assert folder.names() == []


# Ways that lead nowhere; where there are no directories, only the object itself can be gone.
NOWHERE: dict[bytes, Any] = {
    b"gone/2": (FileNotFoundError, Changed),
    b"../media/b/2": Blocked,
    b"b/2\0": Blocked,
}


@pytest.mark.parametrize("path", NOWHERE)
def test_a_way_that_leads_nowhere_is_told(kit: LocalKit, store: MediaStore, path: bytes) -> None:
    kit.write(b"a/1", b"b/2")
    state = state_of(store, b"b/2")
    for attempt in (lambda: store.describe(path), lambda: store.remove(path, state)):
        with pytest.raises(NOWHERE[path]):
            attempt()
    assert walked(store) == [b"a/1", b"b/2"]


@pytest.mark.parametrize("path", NOWHERE)
def test_a_way_that_leads_nowhere_moves_nothing(
    kit: LocalKit, store: MediaStore, folder: DiskFolder, path: bytes
) -> None:
    kit.write(b"a/1", b"b/2")
    with pytest.raises(NOWHERE[path]):
        store.move_out(path, state_of(store, b"b/2"), folder, "2")
    assert walked(store) == [b"a/1", b"b/2"]


def test_whether_this_user_may_remove_files_is_known(
    kit: LocalKit, store: MediaStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    kit.write(b"a/1")
    assert [store.may_remove_in(path) for path in (b"", b"a", b"gone")] == [True] * 3
    _require(kit, "rights")
    kit.block_removal(monkeypatch)
    assert [store.may_remove_in(path) for path in (b"", b"a", b"gone")] == [False, False, True]


# Moving out, and putting back.


@pytest.mark.each_service
def test_a_file_moves_out_and_comes_back_as_it_was(
    kit: LocalKit, store: MediaStore, folder: DiskFolder
) -> None:
    names = list(filter(kit.can_hold, HOSTILE))
    kit.write(*names, content=b"a picture")
    before = {path: store.describe(path) for path in names}
    for number, path in enumerate(names):
        moved = store.move_out(path, state_of(store, path), folder, str(number))
        assert moved.has_all_attributes is kit.keeps_attributes
    assert walked(store) == []
    assert len(folder.names()) == len(names)
    for number, path in enumerate(names):
        store.put_back(folder, str(number), path)
    assert walked(store) == sorted(names)
    assert {path: kit.kept_of(store.describe(path)) for path in names} == {
        path: kit.kept_of(marks) for path, marks in before.items()
    }
    assert {kit.read(path) for path in names} == {b"a picture"}
    assert folder.names() == []


def test_marks_tell_size_times_and_mode(kit: LocalKit, store: MediaStore) -> None:
    kit.write(b"a", content=b"four")
    marks = store.describe(b"a")
    assert (marks.size, marks.mtime_ns) == (4, kit.mtime_ns(b"a"))
    assert stat.S_IMODE(marks.mode) == marks.mode


def test_missing_directories_are_made_on_the_way_back(
    kit: LocalKit, store: MediaStore, folder: DiskFolder
) -> None:
    kit.write(b"a/b/c/1")
    store.move_out(b"a/b/c/1", state_of(store, b"a/b/c/1"), folder, "1")
    kit.replace_root()
    with kit.store() as another:
        another.put_back(folder, "1", b"a/b/c/1")
        assert walked(another) == [b"a/b/c/1"]


@pytest.mark.each_service
def test_nothing_is_overwritten_on_the_way_back(kit: LocalKit, store: MediaStore, folder: DiskFolder) -> None:
    kit.write(b"a/1")
    store.move_out(b"a/1", state_of(store, b"a/1"), folder, "1")
    kit.write(b"a/1", content=b"a new upload")
    with pytest.raises(FileExistsError):
        store.put_back(folder, "1", b"a/1")
    assert kit.read(b"a/1") == b"a new upload"
    assert kit.stored(folder, "1") == b"picture"
    assert walked(store) == [b"a/1"], "and no unfinished copy is left"


@pytest.mark.promise(10)
def test_an_upload_at_the_last_moment_is_not_overwritten_on_the_way_back(
    kit: LocalKit, store: MediaStore, folder: DiskFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    kit.write(b"a/1")
    store.move_out(b"a/1", state_of(store, b"a/1"), folder, "1")
    _require(kit, "steps")
    kit.before_the_way_back(monkeypatch, lambda: kit.write(b"a/1", content=b"a new upload"))
    with pytest.raises(FileExistsError):
        store.put_back(folder, "1", b"a/1")
    assert kit.read(b"a/1") == b"a new upload"
    assert kit.stored(folder, "1") == b"picture"
    assert walked(store) == [b"a/1"], "and no unfinished copy is left"


def test_a_way_back_that_was_killed_before_its_end_is_gone_again(
    kit: LocalKit, store: MediaStore, folder: DiskFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed right before the file goes from the private folder: it is in both places then."""
    _require(kit, "steps")
    _require(kit, "copies")
    kit.write(b"a/1")
    before = store.describe(b"a/1")
    store.move_out(b"a/1", state_of(store, b"a/1"), folder, "1")
    unlink = os.unlink

    def killed(path: Any, **how: Any) -> None:
        if os.fsencode(path) == b"1":
            raise KeyboardInterrupt
        unlink(path, **how)

    with monkeypatch.context() as patch:
        patch.setattr(os, "unlink", killed)
        with pytest.raises(KeyboardInterrupt):
            store.put_back(folder, "1", b"a/1")
    assert (walked(store), folder.names()) == ([b"a/1"], ["1"])
    store.put_back(folder, "1", b"a/1")
    assert (walked(store), folder.names()) == ([b"a/1"], [])
    assert store.describe(b"a/1") == before


def test_what_is_exchanged_at_the_last_moment_stays_or_is_put_back(
    kit: LocalKit, store: MediaStore, folder: DiskFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    kit.write(b"a/1")
    state = state_of(store, b"a/1")
    _require(kit, "steps")
    kit.at_the_last_moment(monkeypatch, lambda: kit.exchange(b"a/1", b"a new upload"))
    with pytest.raises(Changed):
        store.move_out(b"a/1", state, folder, "1")
    assert kit.read(b"a/1") == b"a new upload"
    assert folder.names() == []


def test_a_move_that_fails_leaves_the_file_where_it_was(
    kit: LocalKit, store: MediaStore, folder: DiskFolder
) -> None:
    kit.write(b"a/1")
    state = state_of(store, b"a/1")
    if "steps" not in kit.lacks:
        with pytest.raises(OSError, match="File name too long"):
            store.move_out(b"a/1", state, folder, "n" * 256)
    assert state_of(store, b"a/1") == state
    with pytest.raises(FileNotFoundError):
        store.put_back(folder, "never was", b"a/2")
    assert walked(store) == [b"a/1"]


# What a store is.


def test_a_store_has_an_identity_of_its_own(kit: LocalKit, tmp_path: Path) -> None:
    with kit.store() as store:
        identity, file_system = store.identity(), store.file_system
    with kit.store() as again:
        assert (again.identity(), again.file_system) == (identity, file_system)
    kit.replace_root()
    with kit.store() as other:
        assert other.identity() != identity


def test_an_identity_keeps_the_hosts_secret(store: MediaStore) -> None:
    assert "\0" not in store.identity()
    assert store.identity().isprintable()
    if os.path.exists("/etc/machine-id"):
        known = Path("/etc/machine-id").read_text().strip()
        assert not known or known not in store.identity()


def test_a_store_tells_what_it_can_do(store: MediaStore) -> None:
    assert isinstance(store.capabilities, Capabilities)
    assert all(isinstance(can, bool) for can in store.capabilities)


def test_a_root_that_was_replaced_is_noted(kit: LocalKit, store: MediaStore) -> None:
    store.verify_root()
    assert store.unreadable.total == 0
    _require(kit, "another root")
    kit.replace_root()
    store.verify_root()
    assert list(unseen(store)) == [b""]


def test_a_root_that_is_not_there_is_told(kit: LocalKit) -> None:
    kit.replace_root()
    kit.remove_root()
    with pytest.raises(SiteError, match="does not exist"):
        kit.store().__enter__()

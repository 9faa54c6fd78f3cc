# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""A run is ended at each request in turn, or the request fails, before or after it took effect.

Nothing that is referenced is gone afterwards, and everything that was removed can be restored. Files are
moved by several threads, whose requests come in any order.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager, suppress
from typing import Any, Callable, Iterator

import pytest

from engine.config.jobs import site as site_of
from engine.config.site import Site
from engine.errors import CleanupError
from engine.media.s3.client import Bucket
from engine.media.s3.failures import BucketError
from engine.media.s3.page_reader import Entry
from engine.media.s3.place import StorageOptions
from engine.media.s3.private import transfer
from engine.media.s3.private.folder import BucketFolder
from engine.media.s3.store import S3Store
from engine.media.store import FileMarks, FileState, MovedOut
from engine.quarantine import leftovers, purging
from engine.quarantine import store as quarantine
from engine.quarantine.format import HeldFile
from engine.quarantine.place import open_folder, place_of
from engine.quarantine.writer import QuarantineWriter
from helpers.s3_memory import MemoryService

PLAN_ID = "20261121T020003Z-4f1c9d07aa"
# Of these, a row references the second one by the time that it was moved.
FILES = {b"a.jpg": b"first", b"b.jpg": b"second", b"c.jpg": b"third"}
WANTED = b"b.jpg"
# No run of these makes more requests.
MOST = 200


class Killed(BaseException):
    """The end of the process: no handler of an error runs."""


class Faults:
    """Ends or fails the n-th request from now on, before or after it takes effect."""

    def __init__(self, ask: Callable[..., Any], number: int, kind: str) -> None:
        self._ask = ask
        self._left = number
        self._kills = kind.startswith("kill")
        self._takes_effect = kind.endswith("after")
        self.has_come = False
        self._counting = threading.Lock()

    def ask(self, bucket: Bucket, operation: str, asked: Any, headers: Any = None) -> Any:
        with self._counting:
            if self.has_come and self._kills:
                raise Killed
            self._left -= 1
            hits = not self._left
            self.has_come |= hits
        if not hits:
            return self._ask(bucket, operation, asked, headers)
        if self._takes_effect:
            self._ask(bucket, operation, asked, headers)
        raise Killed if self._kills else BucketError("the service could not be reached")


def _method(answering: Callable[..., Any]) -> Callable[..., Any]:
    """A method of a class, which passes on on which object it was called."""

    def method(*arguments: Any) -> Any:
        return answering(*arguments)

    return method


@contextmanager
def fault(number: int, kind: str) -> Iterator[Faults]:
    faults = Faults(Bucket.ask, number, kind)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Bucket, "ask", _method(faults.ask))
        yield faults


class Filled:
    """A site whose media and quarantine are in a bucket of that service."""

    name = "bucket"

    def __init__(self, service: MemoryService) -> None:
        self.service = service
        self.objects = service.objects
        self.bucket = Bucket(self.name, StorageOptions())

    def fill(self) -> None:
        for path, content in FILES.items():
            self.bucket.put(f"media/{path.decode()}", content, ContentType="image/jpeg")

    def empty(self) -> None:
        self.objects.clear()
        self.service.history.clear()

    def drop_quarantine(self) -> None:
        for found in (self.objects, self.service.history):
            for place in [place for place in found if place[1].startswith("kept/")]:
                del found[place]

    def hidden(self) -> list[str]:
        """The keys of media of which a version is there that nobody sees."""
        current = {found.version for found in self.objects.values()}
        return [
            key
            for (_bucket, key), versions in sorted(self.service.history.items())
            for version, there in versions
            if there and version not in current and key.startswith("media/")
        ]

    def media(self) -> dict[bytes, bytes]:
        return {
            key[6:].encode(): found.content
            for (_bucket, key), found in self.objects.items()
            if key.startswith("media/")
        }


class Store:
    """As much of a media store as moves need."""

    each = S3Store.each

    def __init__(self, kit: Filled) -> None:
        self.bucket = kit.bucket

    def key_of(self, path: bytes) -> str:
        return f"media/{path.decode()}"

    def state(self, path: bytes) -> FileState:
        head = self.bucket.head(self.key_of(path))
        return FileState("file", 0, 0, head.size, head.modified_ns, head.modified_ns, head.tag)

    def describe(self, path: bytes) -> FileMarks:
        head = self.bucket.head(self.key_of(path))
        return FileMarks(head.size, head.modified_ns, head.modified_ns, 0, 0, 0)

    def move_out(self, path: bytes, state: FileState, folder: BucketFolder, name: str) -> MovedOut:
        checked = Entry(self.key_of(path), state.size, state.mtime_ns, state.tag)
        return transfer.move(self.bucket, checked, folder, name)

    def put_back(self, folder: BucketFolder, name: str, path: bytes) -> None:
        transfer.put_back(folder, name, self.bucket, self.key_of(path))

    def sync(self) -> None:
        """Each object that was put survives a power failure."""

    def folder_of_held(self) -> None:
        return None

    def drop_folder_of_held(self) -> None:
        pass


def site(kit: Filled) -> Site:
    return site_of(
        {
            "name": "kit",
            "database_url": "sqlite:////nowhere/db",
            "media_root": f"s3://{kit.name}/media",
            "quarantine": f"s3://{kit.name}/kept",
        }
    )


def clean(kit: Filled, of: Site) -> None:
    """What a run does with these files once it has asked the database."""
    store: Any = Store(kit)
    with quarantine.locked(place_of(of)), QuarantineWriter(of, "orphans", PLAN_ID, 0) as writer:

        def moved(path: bytes) -> bool:
            with suppress(OSError):
                writer.remove(store, path, store.state(path))
                return True
            return False

        def asked_again(path: bytes) -> None:
            if path == WANTED:
                with suppress(OSError):
                    writer.put_back(store, path)
            else:
                writer.confirm(path)

        writer.prepare(store, [(path, "orphan") for path in FILES])
        gone = [path for path, is_moved in store.each(moved, FILES) if is_moved]
        writer.sync()
        for _path, _nothing in store.each(asked_again, gone):
            pass
        writer.finish()


def restore_all(kit: Filled, of: Site) -> None:
    """The next run puts back what is not confirmed, and a restore brings the rest."""
    store: Any = Store(kit)
    leftovers.put_back(store, of)
    assert WANTED in kit.media()
    for info in quarantine.batches(place_of(of)):
        with quarantine.opened(place_of(of), info.name) as batch:

            def put_back(held: HeldFile) -> None:
                assert held.damage() == ""
                store.put_back(held.folder, held.file.name, held.file.path)

            for _held in store.each(put_back, map(batch.held, filter(batch.holds, batch.files()))):
                pass


@pytest.fixture(params=[False, True], ids=["copies", "versions"])
def filled(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Filled:
    # A lock that a killed run has left is free.
    monkeypatch.setattr("engine.media.s3.private.lease.FREE_AFTER", -(10**10))
    service = MemoryService(versioned=request.param)

    def named(bucket: Bucket, name: str, _options: StorageOptions) -> None:
        bucket.name = name

    monkeypatch.setattr(Bucket, "__init__", named)
    monkeypatch.setattr(Bucket, "close", lambda _bucket: None)
    monkeypatch.setattr(Bucket, "ask", _method(service.ask))
    made = Filled(service)
    made.fill()
    return made


def rounds(work: Callable[[], None], kind: str) -> Iterator[int]:
    """Do some work again and again, with a fault one request later each time, until none comes."""
    for number in range(1, MOST):
        with fault(number, kind) as faults:
            with suppress(Killed, OSError, CleanupError):
                work()
            has_come = faults.has_come
        if not has_come:
            return
        yield number
    raise AssertionError("the faults never ended")


KINDS = ["kill before", "kill after", "fail before", "fail after"]


@pytest.mark.promise(4)
@pytest.mark.promise(10)
@pytest.mark.parametrize("kind", KINDS)
def test_a_run_that_is_ended_at_any_request_loses_nothing(filled: Filled, kind: str) -> None:
    of = site(filled)
    reached = 0
    for number in rounds(lambda: clean(filled, of), kind):
        reached = number
        restore_all(filled, of)
        assert filled.media() == FILES, f"after request {number}"
        filled.drop_quarantine()
    assert reached > 20
    assert filled.media() == {WANTED: FILES[WANTED]}


@pytest.mark.promise(10)
@pytest.mark.parametrize("kind", KINDS)
def test_a_restore_that_is_ended_at_any_request_loses_nothing(filled: Filled, kind: str) -> None:
    of = site(filled)
    clean(filled, of)
    reached = 0
    for number in rounds(lambda: restore_all(filled, of), kind):
        reached = number
        restore_all(filled, of)
        assert filled.media() == FILES, f"after request {number}"
        filled.drop_quarantine()
        clean(filled, of)
    assert reached > 10
    assert filled.media() == FILES


@pytest.mark.promise(10)
@pytest.mark.parametrize("kind", KINDS)
def test_a_purge_that_is_ended_at_any_request_is_ended_by_the_next(filled: Filled, kind: str) -> None:
    of = site(filled)

    def purge() -> None:
        with open_folder(place_of(of), "the quarantine") as folder:
            for info in purging.found(folder, None):
                # What is listed is whole: it has all that it had.
                assert info.files == 2
                purging.delete(folder, info.name)
            purging.tidy(folder)

    clean(filled, of)
    assert filled.hidden() == (["media/a.jpg", "media/c.jpg"] if filled.service.versioned else [])
    reached = 0
    for number in rounds(purge, kind):
        reached = number
        purge()
        assert filled.hidden() == [], "what is purged is gone for good"
        assert [*filled.media()] == [WANTED], "and no version comes back"
        left = [key for _bucket, key in filled.objects if key.startswith("kept/") and "/.lock" not in key]
        assert left == [], f"after request {number}"
        filled.drop_quarantine()
        filled.empty()
        filled.fill()
        clean(filled, of)
    assert reached > 5

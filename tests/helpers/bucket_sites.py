# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""A small site with its media and its quarantine in a bucket, behind a faulty proxy."""

from __future__ import annotations

import itertools
import json
import random
from contextlib import ExitStack, contextmanager, suppress
from types import SimpleNamespace
from typing import Any, Callable, Iterator
from unittest import mock

from engine.apply.purge_items import carry_out
from engine.config.purge import purge_of
from engine.media.s3 import client, store
from engine.media.s3.private import lease
from engine.media.s3.private.bucket import PrivateBucket
from engine.media.s3.private.hidden import NOTE
from engine.quarantine import store as quarantine
from engine.quarantine.archived_rows import ArchivedRows
from engine.quarantine.format import FILES, as_path
from engine.quarantine.place import place_of
from helpers.faults import NO_FAULT, Ended, in_child
from helpers.full_sites import JOBS, FullSite, cleaned, cleaning, dump, finish
from helpers.rounds import Figures, difference, losses
from helpers.s3_proxy import KINDS, LATE, FaultyProxy, S3Fault
from helpers.s3_servers import S3Server, new_client

_OF_A_PURGE = ("database_url", "media_root", "quarantine", "storage_options")
# What is written a moment ago is old enough: a service dates what it is given itself.
_OLD_AT_ONCE = -60_000
_numbers = itertools.count(1)


class BucketSite(FullSite):
    """A site in a bucket. The engine reaches it through the proxy, the test does not."""

    # Neither a line feed nor what is no UTF-8 can be a key that a service answers about in XML.
    odd_names = ("photos/café +%.jpg".encode(), b"thumbs/" + 250 * b"t")

    def __init__(self, database: Any, server: S3Server, proxy: FaultyProxy, versioned: bool = False) -> None:
        self._url = server.url
        self._versioned = versioned
        self._bucket = server.shared_bucket(versioned)
        self._prefix = f"faults/{next(_numbers)}/"
        self.proxy = proxy
        self.storage_options = {**server.options, "endpoint_url": proxy.url}
        self.client = server.client()
        root = f"s3://{self._bucket}/{self._prefix}"
        self._set_up(database, f"{root}media", f"{root}kept")

    def _set_up(self, database: Any, media_root: str, quarantine_root: str) -> None:
        super()._set_up(database, media_root, quarantine_root)
        self.options["storage_options"] = self.storage_options

    def _fill(self) -> None:
        """Less than on a disk, for each object costs several requests: one or two of each kind."""
        self.database.insert("album", [{"id": 1, "title": "summer"}])
        if self._versioned:
            # What it was before stays below all that happens to it.
            self.write("photos/left over.jpg", "thumbs/never attached.jpg", content=b"an earlier version")
        self.photo(1, "photos/kept.jpg", content_type_id=7, album_id=1)
        self.photo(11, "photos/never attached.jpg", thumb="thumbs/never attached.jpg")
        self.photo(21, "photos/gone.jpg", content_type_id=7, on_disk=False, thumb="thumbs/gone.jpg")
        self.write("thumbs/never attached.jpg", "thumbs/gone.jpg", "photos/left over.jpg", *self.odd_names)
        self.database.insert("favorite", [{"id": 1, "photo_id": 11, "note": "№ 1"}])

    def in_this_process(self) -> None:
        """Leave the connections to the process from which this one was forked."""
        self.client = new_client(self._url)

    def job(self, name: str, **more: Any) -> Any:
        return super().job(name, **{"patience": _OLD_AT_ONCE, **more})

    def write(self, *paths: str | bytes, content: bytes | None = None, hours: float = 48) -> None:
        for path in paths:
            name = path if isinstance(path, str) else path.decode()
            body = f"picture {name}".encode() if content is None else content
            self.client.put_object(
                Bucket=self._bucket, Key=f"{self._prefix}media/{name}", Body=body, ContentType="image/jpeg"
            )

    def keys(self, below: str = "media/") -> list[str]:
        pages = self.client.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=self._prefix + below
        )
        return [one["Key"] for page in pages for one in page.get("Contents", ())]

    def versions(self, below: str = "") -> list[tuple[str, str]]:
        """The keys and ids of all versions and delete markers; without versions, of all objects."""
        pages = self.client.get_paginator("list_object_versions").paginate(
            Bucket=self._bucket, Prefix=self._prefix + below
        )
        return [
            (one["Key"], one["VersionId"])
            for page in pages
            for kind in ("Versions", "DeleteMarkers")
            for one in page.get(kind, ())
        ]

    def _object(self, key: str, **version: str) -> tuple[Any, ...]:
        said = self.client.get_object(Bucket=self._bucket, Key=key, **version)
        return "-", said["ContentType"], said["Body"].read()

    def files(self) -> dict[bytes, Any]:
        start = len(f"{self._prefix}media/")
        return {key[start:].encode(): self._object(key) for key in self.keys()}

    def state(self) -> tuple[Any, Any]:
        return self.files(), dump(self.database)

    @property
    def place(self) -> Any:
        return place_of(self.site())

    def kept(self) -> dict[bytes, Any]:
        there, found = set(self.keys("kept/")), {}
        for name in self.batches():
            with quarantine.opened(self.place, name) as batch:
                for file in batch.files():
                    key = f"{self._prefix}kept/{name}/{FILES}/{file.stored}"
                    if key in there:
                        found[file.path] = self._object(key)
                    elif key + NOTE in there:
                        found.update(self._hidden(file.path, key + NOTE))
        return found

    def _hidden(self, path: bytes, note: str) -> dict[bytes, Any]:
        """What a note stands for, by its path; nothing where the version that it names is gone."""
        noted = json.loads(self._object(note)[2])
        with suppress(self.client.exceptions.ClientError):
            return {path: self._object(noted["key"], VersionId=noted["version"])}
        return {}

    def forget_batches(self) -> None:
        self._erase("kept/")

    def _erase(self, below: str) -> None:
        if not self._versioned:
            for key in self.keys(below):
                self.client.delete_object(Bucket=self._bucket, Key=key)
            return
        for key, version in self.versions(below):
            self.client.delete_object(Bucket=self._bucket, Key=key, VersionId=version)

    def begin_again(self) -> None:
        """Have all as it was at first, whatever was purged."""
        self._erase("")
        self.database.run("DELETE FROM favorite; DELETE FROM photo; DELETE FROM album")
        self._fill()

    def purge(self) -> Any:
        """Purge all batches there are, and return what came of it."""
        options = {name: self.options[name] for name in _OF_A_PURGE}
        columns = [{"table": "photo", "column": name} for name in ("image", "thumb")]
        return carry_out(purge_of({**options, "references": columns, "batches": self.batches()}), check=False)


@contextmanager
def impatient_clients() -> Iterator[None]:
    """Clients of the engine that try again at once and do not wait long, on services that anybody may read.

    A lock that a killed run has left is free.
    """
    patches = (
        mock.patch.object(client, "ATTEMPTS", 3),
        mock.patch.object(client, "_READ_LIMIT", LATE * 0.6),
        mock.patch("botocore.endpoint.time", SimpleNamespace(sleep=lambda _seconds: None)),
        mock.patch.object(lease, "FREE_AFTER", -(10**10)),
        mock.patch.object(PrivateBucket, "require_private"),
        # An object counts as written when its second began, so that what has just come is not too young.
        mock.patch.object(store, "_SECOND", 0),
    )
    with ExitStack() as stack:
        for patch in patches:
            stack.enter_context(patch)
        yield


def bucket_round(
    site: BucketSite, name: str, work: Callable[[], object], fault: S3Fault, figures: Figures
) -> Ended:
    """Let a fault happen to some work, then let the job do it and bring everything back; notes each loss."""
    ended = _in_child(site, work, fault)
    figures.faults[f"{fault.kind}{' for good' if fault.lasting else ''}"] += 1
    _look_after(site, name, ended, fault, figures)
    return ended


def _look_after(site: BucketSite, name: str, ended: Ended, fault: object, figures: Figures) -> None:
    site.proxy.begin()
    figures.rounds += 1
    figures.ends[ended.how] += 1
    found = list(losses(site))
    if ended.trouble:
        figures.tracebacks.append(f"{fault}: {ended.trouble}")
    finish(lambda: cleaned(site, [name]))
    finish(site.restore_all)
    if site.state() != site.start:
        found.append(f"not all came back: {difference(site)}")
    site.forget_batches()
    figures.losses += [f"{name}, {fault}: {loss}" for loss in found]


def _in_child(site: BucketSite, work: Callable[[], object], fault: S3Fault | None) -> Ended:
    site.proxy.begin(fault)

    def in_its_process() -> None:
        site.in_this_process()
        work()

    def victim(pid: int) -> None:
        site.proxy.victim = pid

    return in_child(in_its_process, NO_FAULT, victim)


def honestly(site: BucketSite, name: str) -> Callable[[], None]:
    """A run that has to say what it has done: each object that is gone, and none that is there."""

    def work() -> None:
        before = set(site.keys())
        _plan, outcome = site.run(name)
        gone = len(before.difference(site.keys()))
        if outcome is None:
            assert not gone, f"{gone} objects are gone after a run that says that it has removed nothing"
            return
        most = outcome.removed.files + outcome.failed.total
        assert gone <= most or outcome.error, f"{gone} objects are gone, and {most} were reported"
        assert outcome.removed.files <= gone, (
            f"{outcome.removed.files} objects are said to be gone, not {gone}"
        )

    return work


def requests_of(site: BucketSite, name: str, work: Callable[[], object]) -> int:
    """How many requests the work makes when nothing goes wrong."""
    ended = _in_child(site, work, None)
    assert (ended.how, ended.trouble) == ("done", "")
    number, figures = site.proxy.requests, Figures()
    _look_after(site, name, ended, "no fault", figures)
    assert figures.losses == []
    return number


def some_s3_fault(chance: random.Random, requests: int) -> S3Fault:
    kind = chance.choice(KINDS)
    # Who waits for each answer anew waits for minutes.
    lasting = not kind.startswith("kill") and kind != "late" and chance.random() < 0.3
    return S3Fault(kind, chance.randint(1, requests), lasting)


def purge_round(
    site: BucketSite, name: str, fault: S3Fault | None, chance: random.Random, figures: Figures
) -> int:
    """Let a fault happen to a purge of what a job removed; notes each loss, and returns the requests.

    One of the files is referenced again by then, and another is uploaded anew under its old name.
    """
    site.run(name)
    removed, live = site.kept(), site.files()
    wanted, renewed = (chance.choice([None, *sorted(removed)]) for _each in range(2))
    if wanted:
        site.photo(99, wanted.decode(), on_disk=False, content_type_id=7)
    if renewed and renewed != wanted:
        site.write(renewed, content=b"a new upload")
        live = site.files()
    ended = _in_child(site, site.purge, fault)
    requests = site.proxy.requests
    site.proxy.begin()
    figures.rounds += 1
    figures.ends[ended.how] += 1
    figures.faults[f"purge, {fault}".partition(" at ")[0]] += 1
    if ended.trouble:
        figures.tracebacks.append(f"{fault}, purge: {ended.trouble}")
    found = list(_lost_by_purge(site, removed, live, wanted))
    if chance.random() < 0.5:
        finish(site.purge)
        found += [*_lost_by_purge(site, removed, live, wanted)]
        left = site.kept().keys() - _needed_in_quarantine(site)
        found += [f"{path!r} is not purged" for path in left if path != wanted]
    finish(site.restore_all)
    now = site.files()
    if wanted and now.get(wanted) != removed[wanted]:
        found.append(f"the wanted file {wanted!r} did not come back")
    found += [f"the live file {path!r} is not as it was" for path in live if now.get(path) != live[path]]
    found += _rows_without_files(site, now)
    figures.losses += [f"{name}, purge, {fault}: {loss}" for loss in found]
    site.begin_again()
    return requests


def _lost_by_purge(
    site: BucketSite, removed: dict[bytes, Any], live: dict[bytes, Any], wanted: bytes | None
) -> Iterator[str]:
    if site.files() != live:
        yield f"the media are {sorted(site.files())} and were {sorted(live)}"
    kept = site.kept()
    yield from (f"{path!r} is not as it was in quarantine" for path in kept if kept[path] != removed[path])
    if wanted and wanted not in kept:
        yield f"{wanted!r} is referenced, and was purged"


def _needed_in_quarantine(site: BucketSite) -> set[bytes]:
    """The files that rows in quarantine need."""
    found: set[bytes] = set()
    for name in site.batches():
        with quarantine.opened(site.place, name) as batch:
            found |= {as_path(path) for row in ArchivedRows(batch) for path in row["files"]}
    return found


def _rows_without_files(site: BucketSite, now: dict[bytes, Any]) -> Iterator[str]:
    for (image,) in site.database.rows("SELECT image FROM photo"):
        if image.encode() in site.files_at_start and image.encode() not in now:
            yield f"a row is missing its file {image!r}"


def random_bucket_rounds(site: BucketSite, rounds: int, chance: random.Random, figures: Figures) -> None:
    """Rounds of every job, of restoring and of purging, with every kind of fault."""
    of_purges = {name: purge_round(site, name, None, chance, Figures()) for name in JOBS}
    requests = {name: requests_of(site, name, cleaning(site, name)) for name in JOBS}
    for _number in range(rounds):
        name = chance.choice(JOBS)
        if chance.random() < 0.4:
            purge_round(site, name, some_s3_fault(chance, of_purges[name]), chance, figures)
            continue
        work: Callable[[], object] = honestly(site, name)
        if chance.random() < 0.3:
            site.run(name)
            work = site.restore_all
        bucket_round(site, name, work, some_s3_fault(chance, requests[name]), figures)

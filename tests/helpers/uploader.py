# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""A site that is used while it is cleaned."""

from __future__ import annotations

import json
import os
import random
import time
import traceback
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Callable, Iterator

from helpers.databases import errors_of
from helpers.faults import NO_FAULT, Fault, in_child
from helpers.full_sites import JOBS, TWO_DAYS_AGO, FullSite, cleaning, finish
from helpers.rounds import Figures

# An upload whose row is not there after this long was given up by its site.
AGE_LIMIT_MS = 1500
GIVEN_UP_AFTER = 0.5
# Seconds that a transaction stays open at most.
LONGEST_TRANSACTION = 0.5
# How old a file is, in seconds, that a run is about to remove.
DUE_FROM, DUE_TO = AGE_LIMIT_MS / 1000 - 0.2, AGE_LIMIT_MS / 1000 + 0.2


@dataclass
class Uploaded:
    """What an uploader did: paths that are wanted, with their content, and paths that were given up."""

    wanted: dict[str, str]
    given_up: list[str]


@contextmanager
def live_uploader(full_site: FullSite, seed: int) -> Iterator[Callable[[], Uploaded]]:
    """Another process that uploads, rolls back and replaces until it is asked what it did."""
    reading, writing = os.pipe()
    stopping, stop = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(stop)
        _upload(full_site, random.Random(seed), stopping, writing)
    os.close(writing)
    os.close(stopping)
    told: list[Uploaded] = []

    def end() -> Uploaded:
        if not told:
            os.close(stop)
            with open(reading, "rb") as said:
                told.append(Uploaded(**json.loads(said.read())))
            os.waitpid(pid, 0)
        return told[0]

    try:
        yield end
    finally:
        with suppress(OSError, ValueError):
            end()


def _upload(full_site: FullSite, chance: random.Random, stopping: int, writing: int) -> None:
    status = 1
    try:
        uploader = _Uploader(full_site, chance)
        os.set_blocking(stopping, False)
        while _goes_on(stopping):
            uploader.act()
            time.sleep(0.003)
        told = {"wanted": uploader.wanted, "given_up": sorted(uploader.given_up)}
        os.write(writing, json.dumps(told).encode())
        status = 0
    except BaseException:  # what goes wrong must not run the parent's tests twice
        traceback.print_exc()
    finally:
        os._exit(status)


def _goes_on(stopping: int) -> bool:
    try:
        return os.read(stopping, 1) != b""
    except BlockingIOError:
        return True


class _Uploader:
    """Does what the forms of a site do. Files come first, rows later."""

    def __init__(self, full_site: FullSite, chance: random.Random) -> None:
        self.full_site = full_site
        self.database_errors = errors_of(full_site.database.kind)
        self.chance = chance
        self.wanted: dict[str, str] = {}
        self.given_up: set[str] = set()
        self.written: dict[str, float] = {}
        self.number = 1000

    def act(self) -> None:
        some = self.chance.random()
        if some < 0.4:
            self._upload(self._new_path())
        elif some < 0.65:
            path = self._new_path()
            self._write(path, "given up")
            self.given_up.add(path)
        elif some < 0.75 and self._due():
            self._adopt(self.chance.choice(self._due()))
        elif some < 0.87 and self.given_up:
            # An old orphan by now, maybe: the new upload takes over its name.
            self._upload(self.chance.choice(sorted(self.given_up)))
        elif self.wanted:
            path = self.chance.choice(sorted(self.wanted))
            self._write(path, f"replaced {self.number}")
            self.wanted[path] = f"replaced {self.number}"
            self.number += 1

    def _new_path(self) -> str:
        self.number += 1
        return f"photos/live/{self.number % 7}/{self.number}.jpg"

    def _upload(self, path: str) -> None:
        began = time.monotonic()
        content = f"upload {self.number}"
        self._write(path, content)
        time.sleep(self.chance.random() * 0.02)
        self.number += 1
        if time.monotonic() - began > GIVEN_UP_AFTER:
            # A machine that is this slow would make a loss of what is none.
            self.given_up.add(path)
            return
        try:
            self.full_site.photo(self.number, path, on_disk=False, content_type_id=7)
        except self.database_errors:
            self.given_up.add(path)
            return
        self.given_up.discard(path)
        self.wanted[path] = content

    def _due(self) -> list[str]:
        """Given-up files that the next run may remove."""
        now = time.monotonic()
        due = (path for path in self.given_up if DUE_FROM < now - self.written[path] < DUE_TO)
        return sorted(due)

    def _adopt(self, path: str) -> None:
        """Reference an old file, untouched, in a transaction that stays open for a while."""
        self.number += 1
        uploaded_at = self.full_site.written(TWO_DAYS_AGO)
        with self.full_site.database.connect() as connection, suppress(*self.database_errors):
            cursor = connection.cursor()
            cursor.execute("BEGIN")
            cursor.execute(
                "INSERT INTO photo (id, image, slug, content_type_id, uploaded_at) "
                f"VALUES ({self.number}, '{path}', 'photo-{self.number}', 7, '{uploaded_at}')"
            )
            time.sleep(self.chance.random() * LONGEST_TRANSACTION / 2)
            with suppress(FileNotFoundError), open(self.full_site.path(path)) as file:
                content = file.read()
                time.sleep(self.chance.random() * LONGEST_TRANSACTION / 2)
                cursor.execute("COMMIT")
                self.given_up.discard(path)
                self.wanted[path] = content
                return
            cursor.execute("ROLLBACK")

    def _write(self, path: str, content: str) -> None:
        file = os.fsdecode(self.full_site.path(path))
        os.makedirs(os.path.dirname(file), exist_ok=True)
        self.written[path] = time.monotonic()
        in_place = self.chance.random() < 0.3
        with open(file if in_place else f"{file}.tmp", "w") as opened:
            opened.write(content)
        if not in_place:
            os.replace(f"{file}.tmp", file)


def lost_uploads(full_site: FullSite, uploaded: Uploaded) -> Iterator[str]:
    """Uploads that are wanted and are not there as they should be."""
    named = {image for (image,) in full_site.database.rows("SELECT image FROM photo")}
    for path, content in uploaded.wanted.items():
        try:
            with open(full_site.path(path)) as file:
                found = file.read()
        except FileNotFoundError:  # noqa: PERF203
            yield f"the upload {path} is gone"
        else:
            if found != content or path not in named:
                yield f"the upload {path} is {found!r} instead of {content!r}"


def live_rounds(
    full_site: FullSite, rounds: int, seed: int, figures: Figures, with_faults: bool = False
) -> None:
    """Clean again and again under a live uploader, and note what was removed that was wanted."""
    chance = random.Random(seed)
    with live_uploader(full_site, seed) as end:
        for _number in range(rounds):
            work = cleaning(full_site, chance.choice(JOBS), patience=AGE_LIMIT_MS)
            fault = (
                Fault("kill", chance.randint(1, 250)) if with_faults and chance.random() < 0.3 else NO_FAULT
            )
            ended = in_child(work, fault)
            figures.rounds += 1
            figures.ends[ended.how] += 1
            figures.faults[fault.kind] += 1
            if ended.trouble:
                figures.tracebacks.append(f"{fault}: {ended.trouble}")
        uploaded = end()
    if with_faults:
        # The next run puts back what a killed one has moved and not confirmed.
        finish(lambda: full_site.run("orphans", patience=AGE_LIMIT_MS))
    figures.losses += list(lost_uploads(full_site, uploaded))
    time.sleep(AGE_LIMIT_MS / 1000)
    finish(lambda: full_site.run("orphans", patience=AGE_LIMIT_MS))
    figures.losses += list(lost_uploads(full_site, uploaded))
    left = {
        path for path in uploaded.given_up if os.path.exists(full_site.path(path))
    } - uploaded.wanted.keys()
    figures.losses += [f"{path} was given up, and is still there" for path in sorted(left)]

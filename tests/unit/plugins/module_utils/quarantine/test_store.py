# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""The quarantine lists, opens and purges what are batches, and leaves all else alone."""

from __future__ import annotations

import errno
import json
import os
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from engine.errors import BusyError, QuarantineError, SiteError
from engine.media.disk import folder as disk_folder
from engine.quarantine import store as quarantine
from engine.quarantine.archived_rows import ArchivedRows
from engine.quarantine.format import MANIFEST, ROWS
from helpers.builders import FailingOs, open_handles
from helpers.purging import purge
from helpers.users import NOBODY, as_nobody

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to another user")
STUB = "20261121T020003Z-orphans-0000000a"


def aged(kept: Any, name: str, **changes: Any) -> None:
    """Change the first line of a manifest."""
    manifest = kept.folder / name / MANIFEST
    header, *files = manifest.read_text().splitlines()
    manifest.write_text(
        "".join(f"{line}\n" for line in [json.dumps({**json.loads(header), **changes}), *files])
    )


def purged(kept: Any, name: str | None = None, days: int | None = 0, **more: Any) -> list[str]:
    names = None if name is None else [name]
    found = purge(kept.quarantine, names, days, **{"check": False, **more})
    return [info.name for info in found]


# Listing.


def test_batches_are_listed_the_oldest_first_with_what_is_in_them(kept: Any) -> None:
    older, newer = kept.batch(b"a", b"b"), kept.batch(b"c")
    aged(kept, newer, moment=time.time() - 60)
    infos, unreadable = quarantine.survey(kept.quarantine)
    assert [(info.name, info.files, info.bytes, info.rows) for info in infos] == [
        (newer, 1, 7, 0),
        (older, 2, 14, 0),
    ]
    assert infos[0].media_root == os.fsdecode(kept.media.root)
    assert unreadable == []


def test_no_quarantine_holds_nothing(kept: Any) -> None:
    assert quarantine.survey(kept.quarantine) == ([], [])
    assert purged(kept) == []
    assert quarantine.last_file_system(kept.site) == 0
    assert not kept.folder.exists()
    with pytest.raises(SiteError, match=r"there is no batch 'x' .* The newest: none"):
        purged(kept, "x")


def test_what_is_no_batch_is_left_out(kept: Any) -> None:
    name = kept.batch(b"a")
    (kept.folder / "notes").mkdir()
    (kept.folder / "notes.txt").write_text("")
    (kept.folder / "link").symlink_to(kept.folder / name)
    (kept.folder / ".state").mkdir()
    assert quarantine.survey(kept.quarantine)[1] == []
    assert kept.names == [name]
    assert quarantine.last_file_system(kept.site) == 7


@pytest.mark.parametrize("name", ["", ".", "..", "x", ".purging-x", "a/b", "\0", "\ud800", "../quarantine"])
def test_a_name_that_is_none_of_a_batch_opens_nothing(kept: Any, name: str) -> None:
    known = kept.batch(b"a")
    before = open_handles()
    words = f"there is no batch .* The newest: {known}"
    with pytest.raises(SiteError, match=words), quarantine.opened(kept.quarantine, name):
        pass
    assert open_handles() == before


def test_paths_of_files_and_rows_are_found(kept: Any) -> None:
    name = kept.batch(b"a\n")
    (kept.folder / name / ROWS).write_text('{"files": ["b", "c"]}\n')
    assert list(quarantine.paths_in(kept.quarantine, name)) == ["a\\n", "b", "c"]


def test_a_quarantine_that_cannot_be_listed_is_told(kept: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    kept.batch(b"a")
    monkeypatch.setattr(disk_folder, "os", FailingOs("open", errno.EACCES, os.path.basename(kept.quarantine)))
    for attempt in (lambda: kept.names, lambda: purged(kept), lambda: quarantine.last_file_system(kept.site)):
        with pytest.raises(
            SiteError, match=r"cannot be listed: Permission denied. Run as the user who owns it"
        ):
            attempt()


@needs_root
def test_a_quarantine_of_another_user_is_refused(kept: Any) -> None:
    name = kept.batch(b"a")
    os.chown(kept.folder, NOBODY, NOBODY)
    for attempt in (
        lambda: kept.names,
        lambda: purged(kept),
        kept.writer,
        lambda: quarantine.locked(kept.quarantine).__enter__(),
        lambda: quarantine.opened(kept.quarantine, name).__enter__(),
    ):
        with pytest.raises(QuarantineError, match=r"belongs to the user \w+, and this is a process of"):
            attempt()
    assert os.listdir(kept.folder) == [name]


def test_the_file_system_is_that_of_the_newest_batch_of_this_root(kept: Any) -> None:
    first, second, third = kept.batch(b"a"), kept.batch(b"b"), kept.batch(b"c")
    aged(kept, first, moment=1.0, file_system=1)
    aged(kept, second, moment=2.0, file_system=2)
    aged(kept, third, moment=3.0, file_system=3, media_root="/elsewhere")
    assert quarantine.last_file_system(kept.site) == 2


# Purging.


def test_a_purge_takes_what_is_meant(kept: Any) -> None:
    old, named, other, young = (kept.batch(path) for path in (b"a", b"b", b"c", b"d"))
    aged(kept, old, moment=time.time() - 2 * 86400)
    aged(kept, other, media_root="/elsewhere")
    assert purged(kept, days=1, check=True) == [old]
    assert purged(kept, days=1) == [old]
    assert purged(kept, named, days=None) == [named]
    assert purged(kept, media_root=b"/elsewhere") == [other]
    assert purged(kept) == [young]
    assert os.listdir(kept.folder) == []


def test_a_purge_takes_what_killed_runs_left_and_nothing_else(kept: Any, tmp_path: Path) -> None:
    (kept.folder / f"{STUB}-9" / "files").mkdir(parents=True)
    (kept.folder / f".purging-{STUB}-9").write_text("")
    (kept.folder / f".purging-{STUB}-8").write_text("")
    (kept.folder / STUB / "files" / "00000").mkdir(parents=True)
    (kept.folder / f"{STUB}-1").mkdir()
    kept.folder.chmod(0o700)
    stays = {
        f"{STUB}-{number}": what for number, what in enumerate(("file", "rows", "other", "broken", "link"), 2)
    }
    for name, what in stays.items():
        place = kept.folder / name
        if what == "link":
            (tmp_path / "elsewhere").mkdir()
            place.symlink_to(tmp_path / "elsewhere")
            continue
        (place / "files" / "00000").mkdir(parents=True)
        if what == "file":
            (place / "files" / "00000" / "000000000").write_text("")
        elif what == "rows":
            (place / ROWS).write_text("")
        elif what == "other":
            (place / "files" / "notes").write_text("")
        else:
            (place / MANIFEST).write_text("broken\n")
    (kept.folder / "notes").mkdir()
    assert purged(kept, check=True) == []
    assert (kept.folder / STUB).exists()
    purged(kept)
    assert set(os.listdir(kept.folder)) == {*stays, "notes"}


def test_a_mark_of_a_purge_leads_to_nothing_but_a_batch(kept: Any) -> None:
    """One that is called ``..`` would lead to the folder that holds the quarantine."""
    beside = kept.folder.parent / "wanted.jpg"
    beside.write_text("wanted")
    (kept.folder / "notes").mkdir(parents=True)
    kept.folder.chmod(0o700)
    marks = {f".purging-{name}" for name in ("..", ".", "notes", ".state")}
    for mark in marks:
        (kept.folder / mark).write_text("")
    purged(kept)
    assert beside.read_text() == "wanted"
    assert {"notes", *marks} <= set(os.listdir(kept.folder))


def test_a_purge_waits_for_nobody(kept: Any) -> None:
    name = kept.batch(b"a")
    with quarantine.locked(kept.quarantine):
        assert purged(kept, check=True) == [name]
        with pytest.raises(BusyError, match=r"the quarantine .* is in use by another run"):
            purged(kept)
        with pytest.raises(BusyError), quarantine.locked(kept.quarantine):
            pass
    assert purged(kept) == [name]


def test_a_purge_that_fails_is_told(kept: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    name = kept.batch(b"a")
    monkeypatch.setattr(disk_folder, "os", FailingOs("rmdir", errno.EIO, "00000"))
    with pytest.raises(QuarantineError, match=f"batch {name} could not be purged whole: Input/output error"):
        purged(kept)
    monkeypatch.undo()
    assert kept.names == []
    assert purged(kept) == []
    assert os.listdir(kept.folder) == []


# What a restore leaves.


@pytest.mark.parametrize(
    ("back", "rows", "is_there"),
    [([1, 1, 0], [2], True), ([0, 0, 0], [0, 1, 2], True), ([1, 1, 1], [], False)],
)
def test_only_what_is_not_back_stays_in_a_batch(
    kept: Any, back: list[int], rows: list[int], is_there: bool
) -> None:
    name = kept.batch(b"a")
    shutil.rmtree(kept.folder / name / "files" / "00000")
    line = {"action": "deleted", "schema": "public", "table": "photo", "files": [], "key": ["id"]}
    lines = [json.dumps({**line, "row": {"id": number}}) + "\n" for number in range(3)]
    (kept.folder / name / ROWS).write_text("".join(lines))
    with quarantine.opened(kept.quarantine, name) as batch:
        quarantine.forget(batch, ArchivedRows(batch), back)
    assert (kept.folder / name).exists() == is_there
    if is_there:
        with quarantine.opened(kept.quarantine, name) as batch:
            assert [row["row"]["id"] for row in batch.rows()] == rows


def test_a_batch_with_a_file_stays(kept: Any) -> None:
    name = kept.batch(b"a")
    with quarantine.opened(kept.quarantine, name) as batch:
        quarantine.forget(batch, ArchivedRows(batch), [])
    assert kept.names == [name]


# Making it.


def test_a_quarantine_that_cannot_be_made_is_told(kept: Any, public_media: Any) -> None:
    os.chmod(os.path.dirname(public_media.root), 0o555)

    def make() -> str:
        with pytest.raises(QuarantineError) as refused:
            quarantine.prepared(os.path.dirname(public_media.root) + b"/kept")
        return str(refused.value)

    assert as_nobody(make).endswith(
        "cannot be created: Permission denied. Nothing was removed. Let this user write there."
    )

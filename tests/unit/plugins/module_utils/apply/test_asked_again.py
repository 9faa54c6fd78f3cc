# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""What was moved is asked for once more: what a row references by then is put back."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from engine.compare.names.at_removal import NamesAtRemoval
from engine.errors import QuarantineError
from engine.media.store import HELD
from engine.quarantine import store as quarantine
from engine.quarantine.writer import BatchWriter
from helpers.broken_disks import let_sync_fail
from helpers.builders import Media, Site, planned, run
from helpers.removers import Deleting, Keeping, applied, codes
from helpers.users import as_nobody

pytestmark = pytest.mark.promise(2)


@pytest.fixture(params=[Keeping, Deleting])
def remover(request: pytest.FixtureRequest) -> type[Any]:
    return request.param


@pytest.mark.parametrize(
    ("value", "code"), [("p/lost.jpg", "referenced"), ("/media/p/lost.jpg?v=2", "other_spelling"), ("p/", "")]
)
def test_a_row_that_comes_while_files_are_moved_brings_its_file_back(
    site_with_orphan: Site, remover: type[Any], kept_in: str, value: str, code: str
) -> None:
    site_with_orphan.media.write("p/z.jpg")
    with planned(site_with_orphan.orphans(quarantine=kept_in)) as made:
        before = site_with_orphan.media.path("p/lost.jpg")
        inode = os.stat(before).st_ino
        came = iter([value])
        outcome = applied(made, remover(made, lambda _path: site_with_orphan.insert(*came)))
    gone = {b"p/z.jpg"} if code else set()
    assert site_with_orphan.media.files == {b"p/kept.jpg", b"p/lost.jpg", b"p/z.jpg"} - gone
    assert codes(outcome.kept) == (
        {b"p/lost.jpg": code} if code else dict.fromkeys([b"p/lost.jpg", b"p/z.jpg"], "other_spelling")
    )
    assert (outcome.removed.files, outcome.removed_items.total) == (len(gone), len(gone))
    assert os.stat(before).st_ino == inode
    assert outcome.error == ""


def test_a_batch_from_which_all_was_put_back_is_deleted(sqlite_with_orphan: Site, kept_in: str) -> None:
    with planned(sqlite_with_orphan.orphans(quarantine=kept_in)) as made:
        outcome = applied(made, Keeping(made, lambda _path: sqlite_with_orphan.insert("p/lost.jpg")))
    assert outcome.batch == ""
    assert quarantine.batches(os.fsencode(kept_in)) == []


def test_a_file_of_a_record_is_put_back_too(site: Site, remover: type[Any], kept_in: str) -> None:
    site.media.write("p/a.jpg", "p/b.jpg")
    site.insert("p/a.jpg", "p/b.jpg")
    with planned(site.incomplete(quarantine=kept_in)) as made:
        came = iter(["p/a.jpg"])
        outcome = applied(made, remover(made, lambda _path: site.insert(*came, content_type_id=7)))
    assert (site.images, site.media.files) == (["p/a.jpg"], {b"p/a.jpg"})
    assert codes(outcome.kept) == {b"p/a.jpg": "referenced"}
    assert outcome.removed.as_dict() == {"records": 2, "files": 1, "bytes": 7}


def test_a_new_file_of_the_name_is_not_overwritten(
    sqlite_with_orphan: Site, remover: type[Any], kept_in: str
) -> None:
    def upload_again(_path: bytes) -> None:
        sqlite_with_orphan.media.write("p/lost.jpg", content=b"another")
        sqlite_with_orphan.insert("p/lost.jpg")

    with planned(sqlite_with_orphan.orphans(quarantine=kept_in)) as made:
        outcome = applied(made, remover(made, upload_again))
    assert Path(os.fsdecode(sqlite_with_orphan.media.path("p/lost.jpg"))).read_bytes() == b"another"
    assert outcome.removed.files == 1
    assert sqlite_with_orphan.media.files == {b"p/kept.jpg", b"p/lost.jpg"}


def test_a_file_that_cannot_be_put_back_is_not_deleted(
    sqlite_with_orphan: Site, remover: type[Any], kept_in: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_arguments: Any) -> None:
        raise OSError(28, os.strerror(28))

    with planned(sqlite_with_orphan.orphans(quarantine=kept_in)) as made, monkeypatch.context() as patched:
        patched.setattr(type(made.store), "put_back", full)
        outcome = applied(made, remover(made, lambda _path: sqlite_with_orphan.insert("p/lost.jpg")))
    assert codes(outcome.failed) == {b"p/lost.jpg": "not_writable"}
    assert outcome.removed.files == 0
    if remover is Keeping:
        assert outcome.batch in outcome.failed.items[0].reason
    else:
        plan, _outcome = run(sqlite_with_orphan.orphans())
        assert plan.warnings == ["put back: 1 file that a run had moved when it was killed"]
        assert sqlite_with_orphan.media.files == {b"p/kept.jpg", b"p/lost.jpg"}


def test_nothing_is_confirmed_until_what_is_put_back_is_on_disk(
    sqlite_with_orphan: Site, remover: type[Any], kept_in: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sqlite_with_orphan.media.write("p/z.jpg")

    def upload(path: bytes) -> None:
        if path == b"p/lost.jpg":
            sqlite_with_orphan.insert("p/lost.jpg")
            let_sync_fail(patch, sqlite_with_orphan.media.path("p"))

    with planned(sqlite_with_orphan.orphans(quarantine=kept_in)) as made, monkeypatch.context() as patch:
        outcome = applied(made, remover(made, upload))
    assert "could not be synced" in outcome.error
    assert outcome.removed.files == 0
    assert sqlite_with_orphan.media.files == {b"p/kept.jpg", b"p/lost.jpg", b"p/z.jpg"}


def test_a_connection_that_is_lost_after_the_move_brings_all_back(
    postgresql: Any, media: Media, remover: type[Any], kept_in: str
) -> None:
    site = Site(postgresql, media)
    media.write("p/a.jpg", "p/b.jpg")

    def disconnect(_path: bytes) -> None:
        postgresql.run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )

    with planned(site.orphans(quarantine=kept_in)) as made:
        outcome = applied(made, remover(made, disconnect))
    assert "failed" in outcome.error
    assert outcome.removed.files == 0
    assert media.files == {b"p/a.jpg", b"p/b.jpg"}


@pytest.fixture
def full_quarantine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets every sync of a batch fail."""

    def broken(_writer: Any) -> None:
        raise QuarantineError("the quarantine could not be written to: No space left on device.")

    monkeypatch.setattr(BatchWriter, "sync", broken)


@pytest.mark.usefixtures("full_quarantine")
def test_an_error_after_the_move_brings_all_back(
    sqlite_with_orphan: Site, remover: type[Any], kept_in: str
) -> None:
    with planned(sqlite_with_orphan.orphans(quarantine=kept_in)) as made:
        outcome = applied(made, remover(made, lambda _path: None))
    assert "No space left" in outcome.error
    assert (outcome.removed.files, outcome.failed.total) == (0, 0)
    assert sqlite_with_orphan.media.files == {b"p/kept.jpg", b"p/lost.jpg"}


@pytest.mark.usefixtures("full_quarantine")
def test_after_an_error_a_file_that_was_replaced_is_reported(
    sqlite_with_orphan: Site, remover: type[Any], kept_in: str
) -> None:
    with planned(sqlite_with_orphan.orphans(quarantine=kept_in)) as made:
        again = remover(made, lambda _path: sqlite_with_orphan.media.write("p/lost.jpg", content=b"new"))
        outcome = applied(made, again)
    assert codes(outcome.failed) == {b"p/lost.jpg": "in_the_way"}
    assert Path(os.fsdecode(sqlite_with_orphan.media.path("p/lost.jpg"))).read_bytes() == b"new"


def test_what_was_deleted_before_an_error_is_counted(
    sqlite_with_orphan: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    sqlite_with_orphan.media.write("p/lost 2.jpg", "p/lost 3.jpg")
    delete, asked = BatchWriter.delete, []

    def failing(writer: BatchWriter, path: bytes) -> None:
        asked.append(path)
        if len(asked) == 2:
            raise QuarantineError("the quarantine could not be written to: Input/output error.")
        delete(writer, path)

    with monkeypatch.context() as patched:
        patched.setattr(BatchWriter, "delete", failing)
        _plan, outcome = run(sqlite_with_orphan.orphans())
    assert "Input/output error" in outcome.error
    assert outcome.removed.files == 1
    run(sqlite_with_orphan.missing())
    lost = {b"p/lost.jpg", b"p/lost 2.jpg", b"p/lost 3.jpg"}
    assert sqlite_with_orphan.media.files == {b"p/kept.jpg", *lost} - {asked[0]}


def test_what_waits_to_be_deleted_is_private(sqlite_with_orphan: Site) -> None:
    modes = []

    def note(_path: bytes) -> None:
        modes.append(os.stat(sqlite_with_orphan.media.path(HELD)).st_mode & 0o777)

    with planned(sqlite_with_orphan.orphans()) as made:
        applied(made, Deleting(made, note))
    assert modes == [0o700]
    assert sqlite_with_orphan.media.files == {b"p/kept.jpg"}
    assert HELD not in os.listdir(sqlite_with_orphan.media.root)


def test_the_next_handful_goes_on_after_one_was_put_back(
    sqlite_with_orphan: Site, kept_in: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from engine.apply import orphans

    monkeypatch.setattr(orphans, "AT_ONCE", 2)
    sqlite_with_orphan.media.write(*(f"p/{number}.jpg" for number in range(5)))
    with planned(sqlite_with_orphan.orphans(quarantine=kept_in)) as made:
        came = iter(["p/0.jpg", "/media/p/4.jpg"])
        outcome = applied(made, Keeping(made, lambda _path: sqlite_with_orphan.insert(*[*came])))
    assert sqlite_with_orphan.media.files == {b"p/kept.jpg", b"p/0.jpg", b"p/4.jpg"}
    assert outcome.removed.files == 4


def test_where_nothing_can_wait_nothing_is_removed(public_site: Site) -> None:
    public_site.media.write("p/lost.jpg")
    public_site.insert("p/gone.jpg", "p/lost.jpg")
    os.chmod(public_site.media.path("p"), 0o777)

    def remove() -> Any:
        with pytest.raises(QuarantineError, match="cannot be made in the media root: Permission denied"):
            run(public_site.incomplete())
        return public_site.images

    assert as_nobody(remove) == ["p/gone.jpg", "p/lost.jpg"]
    assert public_site.media.files == {b"p/lost.jpg"}


@pytest.mark.promise(1)
def test_nothing_is_moved_once_something_cannot_be_read(
    sqlite_with_orphan: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was moved would be put back, and a site would miss its file for that time."""
    moved: list[bytes] = []
    with planned(sqlite_with_orphan.orphans()) as made:
        look = NamesAtRemoval.doubts_before

        def blind(names: NamesAtRemoval, files: Any) -> Any:
            made.session.media.unreadable.add((b"p", "Input/output error"))
            return look(names, files)

        monkeypatch.setattr(NamesAtRemoval, "doubts_before", blind)
        outcome = applied(made, Deleting(made, moved.append))
    assert "Input/output error" in outcome.error
    assert moved == []
    assert sqlite_with_orphan.media.files == {b"p/kept.jpg", b"p/lost.jpg"}

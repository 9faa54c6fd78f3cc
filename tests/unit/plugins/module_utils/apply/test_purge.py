# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""A purge asks the database first, and keeps every file that a row references, with its batch."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from engine.apply import purge as purging
from engine.config.site import Column
from engine.database.sweep import Sweep as Texts
from engine.errors import CleanupError, DatabaseError, RefusedError, SiteError
from engine.kept import Code
from engine.quarantine import store as quarantine
from engine.quarantine.format import MANIFEST, ROWS
from helpers.builders import rule, run
from helpers.purging import Purging


@pytest.mark.promise(10)
@pytest.mark.parametrize("column", ["image", "thumbnail"])
def test_a_file_that_a_row_references_in_any_spelling_stays_and_the_rest_goes(
    kept: Purging, column: str
) -> None:
    wanted = {b"p/a b.jpg", b"p/c.jpg", "p/caf\u00e9.jpg".encode(), b"folder/d.jpg"}
    batch = kept.clean(b"p/lost.jpg", *wanted)
    for value in ("p/a%20b.jpg", "/media/p/c.jpg", "p/cafe\u0301.jpg", "folder"):
        kept.site.insert(None, **{column: value})
    shown = kept.purge(check=True)
    assert (len(kept.held), shown.kept.total) == (5, 4)
    done = kept.purge()
    assert {item.name for item in done.kept.items} == wanted
    assert {item.code for item in done.kept.items} == {Code.REFERENCED, Code.OTHER_SPELLING}
    assert all(batch in item.reason for item in done.kept.items)
    assert [(info.name, info.files, info.bytes) for info in done.batches] == [(batch, 1, 7)]
    assert (done.batches, done.kept.items) == (shown.batches, shown.kept.items)
    assert kept.names == [batch]
    assert len(kept.held) == 4
    assert kept.purge().batches == []
    kept.site.database.run("DELETE FROM photo WHERE id > 1")
    assert [info.files for info in kept.purge().batches] == [4]
    assert kept.names == []


@pytest.mark.promise(10)
def test_rows_stay_in_a_batch_of_which_a_file_is_kept(sqlite_kept: Purging) -> None:
    site = sqlite_kept.site
    site.insert("p/attached.jpg", content_type_id=1)
    site.insert("p/1.jpg", thumbnail="p/2.jpg")
    site.media.write("p/1.jpg", "p/2.jpg")
    _plan, outcome = run(site.incomplete(quarantine=str(sqlite_kept.folder), companion_columns=["thumbnail"]))
    rows = sqlite_kept.folder / outcome.batch / ROWS
    before = rows.read_bytes()
    site.insert("p/2.jpg")
    shown, done = sqlite_kept.purge(check=True), sqlite_kept.purge()
    assert shown.batches == done.batches == []
    assert [(item.name, item.code) for item in done.kept.items] == [
        (b"p/1.jpg", Code.RECORD_KEPT),
        (b"p/2.jpg", Code.REFERENCED),
    ]
    assert shown.kept.items == done.kept.items
    assert rows.read_bytes() == before
    site.database.run("DELETE FROM photo WHERE image = 'p/2.jpg'")
    [info] = sqlite_kept.purge().batches
    assert (info.files, info.rows) == (2, 2)
    assert sqlite_kept.names == []


@pytest.mark.promise(10)
@pytest.mark.parametrize("check", [True, False])
def test_a_row_that_stays_in_another_batch_keeps_its_files(sqlite_kept: Purging, check: bool) -> None:
    site = sqlite_kept.site
    place = str(sqlite_kept.folder)
    site.media.write("p/other.jpg")
    files = sqlite_kept.clean("p/x.jpg", "p/lost.jpg")
    site.insert("p/x.jpg")
    _plan, outcome = run(site.missing(quarantine=place))
    rows = str(outcome.batch)
    assert quarantine.pin(os.fsencode(place), rows, pinned=True, check=False)
    done = sqlite_kept.purge(check, batch=files)
    assert [(item.name, item.code) for item in done.kept.items] == [(b"p/x.jpg", Code.RECORD_KEPT)]
    assert f"a row that stays in batch {rows} needs it" in done.kept.items[0].reason
    assert [info.files for info in done.batches] == [1]
    assert "p/x.jpg" in sqlite_kept.held
    assert quarantine.pin(os.fsencode(place), rows, pinned=False, check=False)
    done = sqlite_kept.purge(check)
    assert ([info.name for info in done.batches], done.kept.total) == ([files, rows], 0)


@pytest.mark.promise(10)
def test_a_purge_that_is_killed_leaves_no_row_without_its_file(
    sqlite_kept: Purging, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = sqlite_kept.site
    files = sqlite_kept.clean("p/x.jpg")
    site.insert("p/x.jpg")
    _plan, outcome = run(site.missing(quarantine=str(sqlite_kept.folder)))
    delete = purging.purging.delete

    def killed_after(*arguments: Any) -> None:
        delete(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(purging.purging, "delete", killed_after)
    with pytest.raises(KeyboardInterrupt):
        sqlite_kept.purge(accept=["no_references"])
    assert (sqlite_kept.names, outcome.batch != files) == ([files], True)


@pytest.mark.promise(10)
def test_rows_of_a_batch_that_is_kept_in_part_keep_files_of_others(sqlite_kept: Purging) -> None:
    site = sqlite_kept.site
    place = str(sqlite_kept.folder)
    site.insert("p/attached.jpg", content_type_id=1)
    files = sqlite_kept.clean("p/2.jpg")
    site.insert("p/1.jpg", thumbnail="p/2.jpg")
    site.media.write("p/1.jpg")
    _plan, outcome = run(site.incomplete(quarantine=place, companion_columns=["thumbnail"]))
    site.insert("p/1.jpg")
    done = sqlite_kept.purge()
    assert {item.name for item in done.kept.items} == {b"p/1.jpg", b"p/2.jpg"}
    assert (done.batches, sqlite_kept.names) == ([], [files, str(outcome.batch)])


@pytest.mark.promise(10)
def test_a_column_that_only_the_batch_knows_is_asked(sqlite_kept: Purging) -> None:
    database = sqlite_kept.site.database
    database.run("CREATE TABLE video (id integer PRIMARY KEY, file varchar(100))")
    columns = [{"table": "photo", "column": "image"}, {"table": "video", "column": "file"}]
    batch = sqlite_kept.clean("p/lost.mp4", references=columns)
    database.run("INSERT INTO video VALUES (1, 'p/lost.mp4')")
    assert [item.name for item in sqlite_kept.purge().kept.items] == [b"p/lost.mp4"]
    database.run("DROP TABLE video")
    done = sqlite_kept.purge()
    assert [(item.name, item.code) for item in done.kept.items] == [(b"p/lost.mp4", Code.UNKNOWN_COLUMN)]
    assert sqlite_kept.held == ["p/lost.mp4"]
    done = sqlite_kept.purge(batch=batch, accept=["no_database"])
    assert [info.name for info in done.batches] == [batch]
    assert sqlite_kept.names == []


def test_a_batch_lists_the_columns_of_dependent_rows_that_hold_paths(sqlite_kept: Purging) -> None:
    site = sqlite_kept.site
    site.database.run("CREATE TABLE thumb (id integer PRIMARY KEY, path varchar(100))")
    site.insert("p/1.jpg")
    site.media.write("p/1.jpg")
    by_path = rule("thumb", "path", "delete", holds="path")
    _plan, outcome = run(site.incomplete(quarantine=str(sqlite_kept.folder), dependents=[by_path]))
    with quarantine.opened(os.fsencode(sqlite_kept.folder), str(outcome.batch)) as batch:
        assert batch.columns() == [Column("photo", "image"), Column("thumb", "path")]


@pytest.mark.promise(1)
def test_nothing_is_purged_of_what_the_database_could_not_be_asked_about(
    sqlite_kept: Purging, monkeypatch: pytest.MonkeyPatch
) -> None:
    sqlite_kept.clean("p/1.jpg")
    sqlite_kept.clean("p/2.jpg")
    with pytest.raises(CleanupError):
        sqlite_kept.purge(references=[{"table": "nowhere", "column": "image"}])
    with pytest.raises(SiteError, match="does not exist"):
        sqlite_kept.purge(database_url="sqlite:////nowhere/db")
    monkeypatch.setattr(purging, "FILES_AT_ONCE", 1)
    asked: list[Any] = []
    doubts = purging.ReferenceCheck.doubts

    def lost(check: Any, paths: Any) -> Any:
        asked.append(paths)
        if len(asked) > 1:
            raise DatabaseError("the connection was lost.")
        return doubts(check, paths)

    monkeypatch.setattr(purging.ReferenceCheck, "doubts", lost)
    with pytest.raises(DatabaseError):
        sqlite_kept.purge()
    assert sqlite_kept.held == ["p/1.jpg", "p/2.jpg"]


@pytest.mark.promise(10)
def test_without_a_database_only_one_batch_by_its_name_goes(sqlite_kept: Purging) -> None:
    first, second = sqlite_kept.clean("p/1.jpg"), sqlite_kept.clean("p/2.jpg")
    gone: dict[str, Any] = {"database_url": None, "accept": ["no_database"]}
    for wanted in ({"older_than_days": 0}, {"batches": [first]}, {"batch": first, "accept": []}):
        with pytest.raises(
            SiteError, match=r"database_url is missing: a purge asks .* accept: \[no_database\]"
        ):
            sqlite_kept.purge(**{**gone, **wanted})
    with pytest.raises(SiteError, match="references is missing"):
        sqlite_kept.purge(references=[])
    with pytest.raises(SiteError, match="whatever its age"):
        sqlite_kept.purge(batch=first, older_than_days=400, **gone)
    assert sqlite_kept.purge(batch=first, check=True, **gone).batches
    assert sqlite_kept.names == [first, second]
    assert [info.name for info in sqlite_kept.purge(batch=first, **gone).batches] == [first]
    assert sqlite_kept.names == [second]


@pytest.mark.promise(10)
def test_a_database_without_any_reference_or_another_one_purges_nothing(
    sqlite_kept: Purging, tmp_path: Path
) -> None:
    batch = sqlite_kept.clean("p/1.jpg")
    site = sqlite_kept.site
    site.database.run("DELETE FROM photo")
    with pytest.raises(RefusedError, match=r"the guard no_references.* Nothing was purged"):
        sqlite_kept.purge()
    site.insert("p/other.jpg")
    (tmp_path / "other").write_bytes(Path(site.database.url.partition("///")[2]).read_bytes())
    with pytest.raises(RefusedError, match=r"the guard other_database.* Nothing was purged"):
        sqlite_kept.purge(database_url=f"sqlite:///{tmp_path}/other")
    assert sqlite_kept.names == [batch]


def test_what_a_row_references_inside_the_quarantine_stays(sqlite_kept: Purging) -> None:
    inside = Path(os.fsdecode(sqlite_kept.site.media.root)) / "kept"
    sqlite_kept.folder = inside
    allowed = {"quarantine_in_media_root": True}
    batch = sqlite_kept.clean("p/1.jpg", "p/2.jpg", **allowed)
    sqlite_kept.site.insert(f"kept/{batch}/files/00000/000000001")
    assert [item.name for item in sqlite_kept.purge(**allowed).kept.items] == [b"p/2.jpg"]
    sqlite_kept.site.insert(f"kept/{batch}")
    assert sqlite_kept.purge(**allowed).kept.total == 1


@pytest.mark.parametrize("columns", ["photo.image", [["photo"]], [["photo", 1]]])
def test_a_manifest_that_lists_what_are_no_columns_is_damaged(sqlite_kept: Purging, columns: Any) -> None:
    batch = sqlite_kept.clean("p/1.jpg")
    manifest = sqlite_kept.folder / batch / MANIFEST
    header, *lines = manifest.read_text().splitlines()
    changed = {**json.loads(header), "references": columns}
    manifest.write_text("\n".join([json.dumps(changed), *lines]) + "\n")
    assert sqlite_kept.purge().batches == []
    assert (sqlite_kept.folder / batch).exists()


@pytest.mark.promise(9)
@pytest.mark.parametrize("value", ["link/a.jpg", "/media/link/a.jpg"])
def test_a_file_that_a_row_references_over_a_linked_folder_stays(kept: Purging, value: str) -> None:
    batch = kept.clean("p/a.jpg")
    kept.site.media.link("link", "p")
    kept.site.insert(value)
    purged = kept.first_purge(batch=batch)
    assert [(item.name, item.code) for item in purged.kept.items] == [(b"p/a.jpg", Code.OTHER_NAME)]
    assert (kept.names, kept.held) == ([batch], ["p/a.jpg"])


@pytest.mark.promise(14)
@pytest.mark.parametrize("check", [True, False])
def test_a_file_that_only_a_text_mentions_stays(kept: Purging, check: bool) -> None:
    kept.clean("p/a.jpg", "p/b.jpg")
    kept.site.database.run("CREATE TABLE page (body text)")
    kept.site.database.insert("page", [{"body": '<img src="/media/p/a.jpg">'}])
    purged = kept.purge(check)
    assert [(item.name, item.code) for item in purged.kept.items] == [(b"p/a.jpg", Code.UNLISTED)]
    assert [info.files for info in purged.batches] == [1]
    assert kept.held == ["p/a.jpg", *(["p/b.jpg"] if check else [])]
    kept.purge(sweep_exclude=["page"])
    assert kept.held == []


@pytest.mark.promise(14)
def test_nothing_is_purged_where_a_table_cannot_be_searched(
    sqlite_kept: Purging, monkeypatch: pytest.MonkeyPatch
) -> None:
    sqlite_kept.clean("p/a.jpg")

    def failing(*_arguments: Any, **_options: Any) -> Any:
        raise DatabaseError("searching photo failed: it took too long.")

    monkeypatch.setattr(Texts, "read_texts", failing)
    with pytest.raises(RefusedError, match=r"guard sweep: the table photo .* Nothing was purged"):
        sqlite_kept.purge()
    assert sqlite_kept.held == ["p/a.jpg"]

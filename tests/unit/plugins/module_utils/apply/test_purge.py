# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""A purge asks the database first, and keeps every file that a row references, with its batch."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from engine.apply import purge as purging
from engine.apply.purge_items import carry_out
from engine.apply.restore import restore
from engine.config.purge import purge_of
from engine.config.site import Column
from engine.database.sweep import Sweep as Texts
from engine.errors import CleanupError, DatabaseError, RefusedError, SiteError, StateError
from engine.kept import Code
from engine.quarantine import store as quarantine
from engine.quarantine.format import MANIFEST, ROWS
from helpers.builders import Site, rule, run
from helpers.purging import announce

WANTED = {"age_stamp": "mtime", "older_than_hours": 0}


class Purging:
    """A site whose orphans were removed into a quarantine, and purges of it."""

    def __init__(self, site: Site, folder: Path) -> None:
        self.site = site
        self.folder = folder

    def clean(self, *paths: str | bytes, **options: Any) -> str:
        """Remove files that nothing references, and return the name of their batch."""
        self.site.media.write(*paths)
        _plan, outcome = run(self.site.orphans(quarantine=str(self.folder), **options))
        return str(outcome.batch)

    def purge(self, check: bool = False, **options: Any) -> Any:
        """By age, of what was announced two days ago."""
        announce(self.folder)
        return self.first_purge(check, **options)

    def contents(self, batch: str) -> bytes:
        """All that the files of a batch say, its lists and its digests included."""
        return b"".join(file.read_bytes() for file in (self.folder / batch).rglob("*") if file.is_file())

    def first_purge(self, check: bool = False, **options: Any) -> Any:
        named = "batch" in options or "batches" in options
        columns = [{"table": "photo", "column": name} for name in ("image", "thumbnail")]
        basics = {**self.site.basics, "accept": [], "references": columns, "quarantine": str(self.folder)}
        age = {} if named or "older_than_days" in options else {"older_than_days": 0}
        return carry_out(purge_of({**basics, **age, **options}), check)

    @property
    def names(self) -> list[str]:
        return [info.name for info in quarantine.batches(os.fsencode(self.folder))]

    @property
    def held(self) -> list[str]:
        """The paths that are in quarantine."""
        return [path for name in self.names for path in quarantine.paths_in(os.fsencode(self.folder), name)]


@pytest.fixture
def kept(site: Site, tmp_path: Path) -> Purging:
    site.insert("p/other.jpg")
    return Purging(site, tmp_path / "quarantine")


@pytest.fixture
def sqlite_kept(sqlite_site: Site, tmp_path: Path) -> Purging:
    sqlite_site.insert("p/other.jpg")
    return Purging(sqlite_site, tmp_path / "quarantine")


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


# Clocks.


@pytest.mark.promise(10)
@pytest.mark.parametrize("jump", [400, -400])
def test_a_clock_that_jumps_purges_nothing(
    sqlite_kept: Purging, monkeypatch: pytest.MonkeyPatch, jump: int
) -> None:
    first, second = sqlite_kept.clean("p/1.jpg"), sqlite_kept.clean("p/2.jpg")
    now = time.time()
    weekly = {"older_than_days": 30}
    for days in (0, 7, 7 + jump, 14):
        monkeypatch.setattr(time, "time", lambda days=days: now + days * 86400)
        assert sqlite_kept.first_purge(**weekly).batches == []
    assert sqlite_kept.names == [first, second]
    for days, announced, deleted in ((35, 2, 0), (35.9, 2, 0), (36.1, 0, 2)):
        monkeypatch.setattr(time, "time", lambda days=days: now + days * 86400)
        done = sqlite_kept.first_purge(**weekly)
        assert (len(done.announced), len(done.batches)) == (announced, deleted)
    assert sqlite_kept.names == []


@pytest.mark.promise(7)
def test_names_are_the_most_that_goes_and_the_rest_is_still_announced(sqlite_kept: Purging) -> None:
    first, second = sqlite_kept.clean("p/1.jpg"), sqlite_kept.clean("p/2.jpg")
    due = {"older_than_days": 0}
    assert sqlite_kept.first_purge(batches=[], **due).batches == []
    assert [info.name for info in sqlite_kept.purge(batches=[first], **due).batches] == [first]
    assert sqlite_kept.names == [second]
    with pytest.raises(SiteError, match="there is no batch"):
        sqlite_kept.purge(batches=[first], **due)


def test_a_state_that_says_no_moments_purges_nothing(sqlite_kept: Purging) -> None:
    batch = sqlite_kept.clean("p/1.jpg")
    state = sqlite_kept.folder / ".state" / "kit.json"
    state.write_text(json.dumps({**json.loads(state.read_text()), "announced_purge": {batch: "1"}}))
    with pytest.raises(StateError, match="what it says of purges"):
        sqlite_kept.first_purge()
    assert sqlite_kept.names == [batch]


# Single items, and pins.


@pytest.mark.promise(10)
def test_one_photo_is_forgotten_with_its_row_and_nothing_else(kept: Purging) -> None:
    site = kept.site
    site.insert("p/attached.jpg", content_type_id=1)
    site.insert("p/secret.jpg", "p/other.jpg", thumbnail="p/secret-small.jpg")
    site.media.write("p/secret.jpg", "p/secret-small.jpg", "p/other.jpg")
    _plan, outcome = run(site.incomplete(quarantine=str(kept.folder)))
    again = kept.clean("p/secret.jpg")
    batch = str(outcome.batch)
    assert b"secret" in kept.contents(batch)
    wanted: dict[str, Any] = {"batch": batch, "paths": ["p/secret.jpg"]}
    shown = kept.purge(check=True, **wanted)
    assert b"secret" in kept.contents(batch)
    done = kept.purge(**wanted)
    assert [(info.files, info.bytes, info.rows) for info in done.batches] == [(1, 7, 1)]
    assert (done.batches, done.notes) == (shown.batches, shown.notes)
    assert f"what is in 1 other batch ({again})" in done.notes[0]
    assert b"p/secret.jpg" not in kept.contents(batch)
    assert b"p/other.jpg" in kept.contents(batch)
    with pytest.raises(SiteError, match="holds nothing of these paths"):
        kept.purge(**wanted)
    restored = restore(site.incomplete(quarantine=str(kept.folder)).site, batch, [], False)
    assert "p/other.jpg" in site.images
    assert b"p/other.jpg" in restored.paths.items


@pytest.mark.promise(10)
def test_a_companion_that_another_row_shares_is_only_forgotten_if_it_is_asked_for(
    sqlite_kept: Purging,
) -> None:
    site = sqlite_kept.site
    site.insert("p/attached.jpg", content_type_id=1)
    site.media.write("p/1.jpg", "p/2.jpg", "t/shared.jpg")
    site.insert("p/1.jpg", "p/2.jpg", thumbnail="t/shared.jpg")
    _plan, outcome = run(site.incomplete(quarantine=str(sqlite_kept.folder), companion_columns=["thumbnail"]))
    batch = str(outcome.batch)
    shown = sqlite_kept.purge(check=True, batch=batch, paths=["p/1.jpg"])
    done = sqlite_kept.purge(batch=batch, paths=["p/1.jpg"])
    assert [(item.name, item.code) for item in done.kept.items] == [(b"t/shared.jpg", Code.RECORD_KEPT)]
    assert [(info.files, info.rows) for info in done.batches] == [(1, 1)]
    assert (done.batches, done.kept.items) == (shown.batches, shown.kept.items)
    assert set(sqlite_kept.held) == {"p/other.jpg", "p/2.jpg", "t/shared.jpg"}
    sqlite_kept.purge(batch=batch, paths=["t/shared.jpg"])
    assert "t/shared.jpg" not in sqlite_kept.held


@pytest.mark.promise(10)
def test_what_is_referenced_is_not_forgotten(sqlite_kept: Purging) -> None:
    batch = sqlite_kept.clean("p/1.jpg", "p/2.jpg")
    sqlite_kept.site.insert("p/1.jpg")
    done = sqlite_kept.purge(batch=batch, paths=["p/1.jpg"])
    assert [(item.name, item.code) for item in done.kept.items] == [(b"p/1.jpg", Code.REFERENCED)]
    assert sqlite_kept.held == ["p/1.jpg", "p/2.jpg"]
    sqlite_kept.purge(batch=batch, paths=["p/2.jpg"])
    assert sqlite_kept.held == ["p/1.jpg"]
    with pytest.raises(SiteError, match="set batch too"):
        sqlite_kept.purge(older_than_days=0, paths=["p/1.jpg"])


@pytest.mark.promise(10)
def test_a_pinned_batch_is_not_purged(sqlite_kept: Purging) -> None:
    batch, other = sqlite_kept.clean("p/1.jpg"), sqlite_kept.clean("p/2.jpg")
    place = os.fsencode(sqlite_kept.folder)
    assert quarantine.pin(place, batch, pinned=True, check=True)
    assert not quarantine.pin(place, batch, pinned=False, check=False)
    assert quarantine.pin(place, batch, pinned=True, check=False)
    assert not quarantine.pin(place, batch, pinned=True, check=False)
    with pytest.raises(SiteError, match=rf"batch {batch} is pinned"):
        sqlite_kept.purge(batch=batch)
    with pytest.raises(SiteError, match=rf"batch {batch} is pinned"):
        sqlite_kept.purge(batch=batch, accept=["no_database"], paths=["p/1.jpg"])
    assert [info.name for info in sqlite_kept.purge().batches] == [other]
    assert quarantine.pin(place, batch, pinned=False, check=False)
    assert [info.name for info in sqlite_kept.purge().batches] == [batch]


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

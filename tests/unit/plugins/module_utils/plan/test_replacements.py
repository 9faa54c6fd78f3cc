# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Rows that reference another row instead of a deleted one: SET(value), and defaults of a Django project."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine.apply.restore import restore
from engine.cli import check
from engine.config.options import SET_VALUE
from engine.config.site import Column, DependentRule, RecordsJob
from engine.database import connect
from engine.kept import Code
from engine.plan.dependents.update import Update
from helpers.builders import DEFERRED, Site, ids, run


def implied(column: str, value: Any, **more: Any) -> DependentRule:
    table, _dot, name = column.partition(".")
    said: dict[str, Any] = {"target": "photo", "name": f"album.{column}", "is_implied": True, **more}
    return DependentRule(Column(table, name), SET_VALUE, value=value, **said)


def job(site: Site, *rules: DependentRule, **options: Any) -> RecordsJob:
    return replace(site.missing(**options), dependents=rules)


def pins(site: Site) -> list[Any]:
    return site.database.rows("SELECT id, photo_id FROM pin ORDER BY id")


@pytest.fixture
def pinned(site: Site) -> Site:
    """Photos of which the first two are lost, and pins on them and on the others."""
    site.insert(*(f"p/{number}.jpg" for number in range(1, 5)))
    site.media.write("p/3.jpg", "p/4.jpg")
    site.database.run(
        "CREATE TABLE pin (id integer PRIMARY KEY, photo_id integer NOT NULL DEFAULT 4, "
        f"FOREIGN KEY (photo_id) REFERENCES photo (id) {DEFERRED});"
        "INSERT INTO pin VALUES (1, 1), (2, 2), (3, 2), (4, 4)"
    )
    return site


@pytest.mark.promise(6)
@pytest.mark.promise(10)
@pytest.mark.promise(13)
def test_rows_reference_the_row_that_on_delete_says_and_come_back(pinned: Site, tmp_path: Path) -> None:
    before = pinned.database.dump()
    clean = job(pinned, implied("pin.photo_id", 3), quarantine=str(tmp_path / "kept"))
    predicted, _outcome = run(clean, check=True)
    plan, outcome = run(clean)
    assert outcome.error == ""
    assert (
        predicted.dependents == plan.dependents == outcome.dependents == {"pin": {"deleted": 0, "updated": 3}}
    )
    assert (ids(pinned, "photo"), pins(pinned)) == ([3, 4], [(1, 3), (2, 3), (3, 3), (4, 4)])

    # What the site has set meanwhile is not overwritten.
    pinned.database.run("UPDATE pin SET photo_id = 4 WHERE id = 3")
    restored = restore(clean.site, outcome.batch, [], check=False)
    assert [kept.code for kept in restored.kept.items] == [Code.CHANGED]
    assert pins(pinned) == [(1, 1), (2, 2), (3, 4), (4, 4)]
    pinned.database.run("UPDATE pin SET photo_id = 3 WHERE id = 3")
    restore(clean.site, outcome.batch, [], check=False)
    assert pinned.database.dump() == before


@pytest.mark.promise(13)
@pytest.mark.parametrize("value", [99, "3x"])
def test_a_record_is_kept_whose_rows_would_reference_a_row_that_is_not_there(
    pinned: Site, value: Any
) -> None:
    pinned.database.run("DELETE FROM pin WHERE photo_id = 1")
    plan, _outcome = run(job(pinned, implied("pin.photo_id", value)))
    [kept] = plan.kept.items
    assert kept.code is Code.NO_REPLACEMENT
    assert f"the row {value} of photo" in kept.reason
    assert ids(pinned, "photo") == [2, 3, 4]


@pytest.mark.promise(13)
def test_a_row_that_others_are_to_reference_is_not_deleted(pinned: Site) -> None:
    predicted, _outcome = run(job(pinned, implied("pin.photo_id", 2)), check=True)
    plan, outcome = run(job(pinned, implied("pin.photo_id", 2)))
    assert outcome.error == ""
    assert [kept.code for kept in plan.kept.items] == [Code.REPLACEMENT]
    assert "the row 2 of photo" in plan.kept.items[0].reason
    assert [kept.name for kept in predicted.kept.items] == [kept.name for kept in plan.kept.items]
    assert (ids(pinned, "photo"), pins(pinned)) == ([2, 3, 4], [(1, 2), (2, 2), (3, 2), (4, 4)])


@pytest.mark.promise(13)
def test_a_dependent_row_that_others_are_to_reference_keeps_its_record(pinned: Site) -> None:
    pinned.database.run(
        "CREATE TABLE mark (id integer PRIMARY KEY, pin_id integer NOT NULL, "
        f"FOREIGN KEY (pin_id) REFERENCES pin (id) {DEFERRED}); INSERT INTO mark VALUES (1, 1)"
    )
    delete = DependentRule(Column("pin", "photo_id"), "delete", is_implied=True)
    run(job(pinned, delete, implied("mark.pin_id", 2, target="pin")))
    assert (ids(pinned, "photo"), ids(pinned, "pin")) == ([2, 3, 4], [2, 3, 4])
    assert pinned.database.rows("SELECT * FROM mark") == [(1, 2)]


def test_a_key_without_a_constraint_is_set_too(pinned: Site) -> None:
    pinned.database.run("CREATE TABLE hit (id integer PRIMARY KEY, photo_id integer NOT NULL)")
    pinned.database.run("DELETE FROM pin; INSERT INTO hit VALUES (1, 1), (2, 3)")
    run(job(pinned, implied("hit.photo_id", 4)))
    assert pinned.database.rows("SELECT photo_id FROM hit ORDER BY id") == [(4,), (3,)]
    assert ids(pinned, "photo") == [3, 4]


@pytest.mark.promise(13)
def test_a_row_that_vanishes_before_the_change_ends_the_job(
    pinned: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = Update.make

    def late(update: Update, database: Any, keys: Any) -> int:
        if update.replacement:
            database.delete(update.replacement.table, [update.replacement.key])
        return make(update, database, keys)

    monkeypatch.setattr(Update, "make", late)
    _plan, outcome = run(job(pinned, implied("pin.photo_id", 3)))
    assert "the row 3 of photo is gone since the plan was made" in outcome.error
    assert ids(pinned, "photo") == [1, 2, 3, 4]


def test_a_column_of_the_primary_key_keeps_the_record(pinned: Site) -> None:
    pinned.database.run(
        "CREATE TABLE exif (photo_id integer PRIMARY KEY NOT NULL, "
        f"FOREIGN KEY (photo_id) REFERENCES photo (id) {DEFERRED}); INSERT INTO exif VALUES (1)"
    )
    plan, _outcome = run(job(pinned, implied("exif.photo_id", 3), implied("pin.photo_id", 3)))
    [kept] = plan.kept.items
    assert kept.code is Code.RESTRICTED
    assert "on_delete would change the primary key of these rows (album.exif.photo_id)" in kept.reason
    assert ids(pinned, "photo") == [1, 3, 4]


@pytest.mark.promise(13)
def test_a_uuid_is_set_as_the_site_stores_it(site: Site) -> None:
    lost, kept = "00000000-0000-0000-0000-000000000001", "00000000-0000-0000-0000-000000000002"
    is_native = site.database.kind == "postgresql"
    kind = "uuid" if is_native else "char(32)"
    first, second = (text if is_native else text.replace("-", "") for text in (lost, kept))
    site.database.run(
        f"CREATE TABLE video (id {kind} PRIMARY KEY, image varchar(100));"
        f"CREATE TABLE mark (id integer PRIMARY KEY, video_id {kind} NOT NULL, "
        f"FOREIGN KEY (video_id) REFERENCES video (id) {DEFERRED});"
        f"INSERT INTO video VALUES ('{first}', 'p/lost.jpg'), ('{second}', 'p/kept.jpg');"
        f"INSERT INTO mark VALUES (1, '{first}')"
    )
    site.media.write("p/kept.jpg")
    run(job(site, implied("mark.video_id", kept, target="video"), table="video", confirm_scans=1))
    assert [(str(key),) for (key,) in site.database.rows("SELECT video_id FROM mark")] == [(second,)]
    assert len(site.database.rows("SELECT * FROM video")) == 1


def test_check_asks_for_the_right_to_set_the_value_and_changes_nothing(pinned: Site) -> None:
    before = pinned.database.dump()
    plan, _outcome = run(job(pinned, implied("pin.photo_id", 3)), check=True)
    with connect(pinned.database.url, read_only=False) as database, pytest.raises(check._RolledBack):
        check._remove_nothing(database, plan)
    assert pinned.database.dump() == before

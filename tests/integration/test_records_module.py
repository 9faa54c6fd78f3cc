# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""The module photo_records, run by Ansible."""

from __future__ import annotations

import json

import pytest

from helpers.ansible_runs import Ansible
from helpers.builders import rules
from helpers.modules import names, run_module, undocumented
from helpers.sites import Site

KEPT = [f"photos/{number}.jpg" for number in range(6)]
MISSING = ["photos/gone.jpg", "photos/gone_too.jpg"]
INCOMPLETE = ["photos/unattached.jpg", "photos/unattached_too.jpg"]
NAMED_TWICE = "avif/of_two_photos.avif"
DEPENDENTS = rules("collection_favorite.photo_id delete", "collection_cover.photo_id set_null")


def fill(site: Site) -> None:
    """Rows as they should be, rows without a file, and rows without an item."""
    site.database.run(
        "CREATE TABLE collection_owner (id integer PRIMARY KEY, name varchar(50) NOT NULL);"
        "CREATE TABLE collection_favorite (id integer PRIMARY KEY,"
        " photo_id integer NOT NULL REFERENCES collection_photo (id));"
        "CREATE TABLE collection_cover (id integer PRIMARY KEY,"
        " photo_id integer REFERENCES collection_photo (id));"
        "INSERT INTO collection_owner VALUES (1, 'Evan');"
        "ALTER TABLE collection_photo ADD COLUMN owner_id integer REFERENCES collection_owner (id)"
    )
    site.keep(*KEPT)
    site.insert(MISSING[0], image_avif="avif/left_over.avif", owner_id=1)
    site.insert(MISSING[1], image_avif=NAMED_TWICE)
    site.write("avif/left_over.avif", NAMED_TWICE)
    site.keep(*INCOMPLETE, attached=False)
    site.keep("photos/named_twice.jpg", image_avif=NAMED_TWICE)
    site.keep("photos/young.jpg", attached=False, uploaded_at="2999-01-01 00:00:00+00:00")
    number = {image: n for n, image in enumerate(site.images, start=1)}
    gone, kept = number[MISSING[0]], number[KEPT[0]]
    site.database.run(
        f"INSERT INTO collection_favorite VALUES (1, {gone}), (2, {gone}), (3, {kept});"
        f"INSERT INTO collection_cover VALUES (1, {gone}), (2, {kept})"
    )


@pytest.mark.promise(6)
def test_check_lists_exactly_what_apply_removes_and_touches_nothing(site: Site, ansible: Ansible):
    fill(site)
    before = site.state()
    images, files = site.images, site.files
    missing = site.records(label="owner_id.name", dependents=DEPENDENTS)
    incomplete = site.records(select="incomplete", dependents=DEPENDENTS)

    checked = ansible.results(missing, incomplete, check=True)
    assert site.state() == before
    *applied, again, incomplete_again = ansible.results(missing, incomplete, missing, incomplete)

    assert [record["path"] for record in checked[0]["records"]] == MISSING
    assert [record["path"] for record in checked[1]["records"]] == INCOMPLETE
    assert site.images == [image for image in images if image not in MISSING + INCOMPLETE]
    assert site.files == sorted(set(files) - {"avif/left_over.avif", *INCOMPLETE})
    assert site.database.rows("SELECT id FROM collection_favorite") == [(3,)]
    cover_of_gone, _cover_of_kept = site.database.rows("SELECT photo_id FROM collection_cover ORDER BY id")
    assert cover_of_gone == (None,)
    for dry, done in zip(checked, applied):
        for same in ("records", "found", "labels", "dependents", "left_alone", "diff", "identity"):
            assert done[same] == dry[same], same
        assert done["removed"] == dry["found"]
        assert dry["removed"] == {"records": 0, "files": 0, "bytes": 0}
        assert dry["changed"]
        assert done["changed"]
    assert checked[0]["found"] == {"records": 2, "files": 1, "bytes": 7}
    assert checked[1]["found"] == {"records": 2, "files": 2, "bytes": 14}
    assert checked[0]["labels"] == {"Evan": 1, "(none)": 1}
    assert checked[0]["dependents"] == {
        "collection_cover": {"deleted": 0, "updated": 1},
        "collection_favorite": {"deleted": 2, "updated": 0},
    }
    assert checked[0]["diff"]["before"].splitlines() == [
        f"collection_photo 7: {MISSING[0]} (Evan)",
        f"collection_photo 8: {MISSING[1]}",
        "dependent rows: collection_cover 1 row updated",
        "dependent rows: collection_favorite 2 rows deleted",
        "dependent row: collection_cover 1 (updated)",
        "dependent row: collection_favorite 1 (deleted)",
        "dependent row: collection_favorite 2 (deleted)",
    ]
    assert names(checked[0]["left_alone"]) == {NAMED_TWICE}
    for result in (again, incomplete_again):
        assert not result["changed"]
        assert result["records"] == []
        assert result["removed"] == {"records": 0, "files": 0, "bytes": 0}
    results = [*checked, *applied, again, incomplete_again]
    assert [undocumented(result, "photo_records") for result in results] == [set()] * 6


@pytest.mark.promise(11)
def test_a_result_holds_its_lists_and_of_all_else_the_token_of_the_plan(sqlite_site: Site):
    """A controller keeps the results of all hosts in memory."""
    sizes = []
    for rows in (1_000, 2_000):
        new = range(len(sqlite_site.images), rows)
        sqlite_site.insert(*(f"photos/{number:0150}.jpg" for number in new))
        options = {"max_removal_percent": 100, "max_listed": 10, "accept": ["empty_media_root"]}
        result = run_module(sqlite_site.records(**options), check=True)
        assert result["found"]["records"] == rows
        assert len(result["plan"]) < 24 * rows + 1000
        sizes.append(len(json.dumps({**result, "plan": ""})))
    assert sizes[1] < sizes[0] + 100


@pytest.mark.promise(11)
def test_lists_are_bounded_and_counts_are_not(sqlite_site: Site, ansible: Ansible):
    fill(sqlite_site)
    [result] = ansible.results(
        sqlite_site.records(max_listed=1, label="owner_id.name", dependents=DEPENDENTS)
    )
    assert names(result["records"], "path") == {MISSING[0]}
    assert result["truncated"]
    assert result["removed"]["records"] == 2
    assert result["labels"] == {"Evan": 1, "(others)": 1}
    assert "… and 1 more" in result["diff"]["before"]

# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""What the database itself does with dependent rows is predicted, counted and archived whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engine.apply.restore import restore
from helpers.builders import Site, ids, rules, run, taken_along


@pytest.mark.promise(13)
@pytest.mark.promise(10)
def test_set_default_of_the_database_is_predicted_and_undone(
    site_with_missing_files: Site, tmp_path: Path
) -> None:
    database = site_with_missing_files.database
    database.run(
        "CREATE TABLE cover (id integer PRIMARY KEY,"
        " photo_id integer NOT NULL DEFAULT 1 REFERENCES photo (id) ON DELETE SET DEFAULT);"
        "INSERT INTO cover VALUES (1, 1), (2, 2), (3, 2)"
    )
    before = database.dump()
    job = site_with_missing_files.missing(quarantine=str(tmp_path / "kept"))
    predicted, _outcome = run(job, check=True)
    plan, outcome = run(job)
    assert outcome.error == ""
    assert predicted.dependents == plan.dependents == {"cover": {"deleted": 0, "updated": 2}}
    # For which a database user needs more than to read them.
    assert set(plan.changed_tables) == {"photo", "cover"}
    assert database.rows("SELECT * FROM cover ORDER BY id") == [(1, 1), (2, 1), (3, 1)]

    database.run("INSERT INTO photo (id, image) VALUES (9, 'p/9.jpg')")
    database.run("UPDATE cover SET photo_id = 9 WHERE id = 3")
    restored = restore(job.site, outcome.batch, [], check=False)
    assert len(restored.kept.items) == 1
    assert database.rows("SELECT * FROM cover ORDER BY id") == [(1, 1), (2, 2), (3, 9)]
    assert set(before["photo" if "photo" in before else "public.photo"]) <= set(
        database.rows("SELECT * FROM photo")
    )


PARTITIONED = (
    "CREATE TABLE scan (id integer, y integer, image varchar(100), PRIMARY KEY (id, y))"
    " PARTITION BY LIST (y);"
    "CREATE TABLE scan_1 PARTITION OF scan FOR VALUES IN (1); CREATE UNIQUE INDEX ON scan_1 (id);"
    "CREATE TABLE scan_2 PARTITION OF scan FOR VALUES IN (2);"
    # One of them has its file, in the other partition and with the same number.
    "INSERT INTO scan VALUES (1, 2, 'p/1.jpg'), (1, 1, 'p/2.jpg'), (2, 2, 'p/3.jpg');"
    "CREATE TABLE mark (id integer PRIMARY KEY, scan_id integer REFERENCES scan_1 (id) ON DELETE CASCADE);"
    "INSERT INTO mark VALUES (1, 1)"
)


@pytest.mark.promise(10)
@pytest.mark.parametrize(("lost", "marks"), [((1, 1), []), ((1, 2), [1])])
def test_a_cascade_from_a_partition_is_followed_for_its_own_rows(
    postgresql_with_missing_file: Site, tmp_path: Path, lost: tuple[int, int], marks: list[int]
) -> None:
    site = postgresql_with_missing_file
    site.media.write("p/2.jpg", "p/3.jpg")
    site.database.run(PARTITIONED)
    site.database.run(f"UPDATE scan SET image = 'p/lost.jpg' WHERE (id, y) = {lost}")
    before = site.database.dump()
    job = site.missing(table="scan", confirm_scans=1, quarantine=str(tmp_path / "kept"))
    plan, outcome = run(job)
    assert outcome.error == ""
    assert plan.dependents == outcome.dependents == ({} if marks else {"mark": {"deleted": 1, "updated": 0}})
    assert ids(site, "mark") == marks
    restore(job.site, outcome.batch, [], check=False)
    assert site.database.dump() == before


def test_a_cascade_of_a_partition_of_dependent_rows_is_followed(postgresql_with_missing_file: Site) -> None:
    site = postgresql_with_missing_file
    site.database.run(
        "CREATE TABLE visit (id integer, y integer, photo_id integer, PRIMARY KEY (id, y))"
        " PARTITION BY LIST (y);"
        "CREATE TABLE visit_1 PARTITION OF visit FOR VALUES IN (1);"
        "CREATE TABLE visit_2 PARTITION OF visit FOR VALUES IN (2);"
        "ALTER TABLE visit_1 ADD FOREIGN KEY (photo_id) REFERENCES photo (id) ON DELETE CASCADE;"
        "CREATE TABLE click (visit_id integer, y integer,"
        " FOREIGN KEY (visit_id, y) REFERENCES visit (id, y) ON DELETE CASCADE);"
        "INSERT INTO visit VALUES (1, 1, 2), (1, 2, 2); INSERT INTO click VALUES (1, 1), (1, 2)"
    )
    assert taken_along(site.missing()) == {
        "click": {"deleted": 1, "updated": 0},
        "visit_1": {"deleted": 1, "updated": 0},
    }
    assert site.database.rows("SELECT * FROM click") == [(1, 2)]


INHERITING = (
    "CREATE TABLE scan (id integer PRIMARY KEY, image varchar(100));"
    "CREATE TABLE old_scan (archive text, UNIQUE (id)) INHERITS (scan);"
    "INSERT INTO scan VALUES (1, 'p/1.jpg'), (2, 'p/2.jpg');"
    "INSERT INTO old_scan VALUES (7, 'p/7.jpg', 'of 1999'), (8, 'p/1.jpg', 'of 2001')"
)


@pytest.mark.promise(10)
def test_a_record_of_an_inheriting_table_comes_back_whole(
    postgresql_with_missing_file: Site, tmp_path: Path
) -> None:
    site = postgresql_with_missing_file
    site.database.run(INHERITING)
    site.database.run(
        "CREATE TABLE mark (id integer PRIMARY KEY,"
        " scan_id integer REFERENCES old_scan (id) ON DELETE CASCADE);"
        "CREATE TABLE tag (id integer PRIMARY KEY, scan_id integer REFERENCES scan (id) ON DELETE CASCADE);"
        "INSERT INTO mark VALUES (1, 7), (2, 8); INSERT INTO tag VALUES (1, 1), (2, 2)"
    )
    before = site.database.dump()
    job = site.missing(table="scan", confirm_scans=1, quarantine=str(tmp_path / "kept"))
    plan, outcome = run(job)
    assert outcome.error == ""
    assert plan.dependents == {name: {"deleted": 1, "updated": 0} for name in ("mark", "tag")}
    assert (ids(site, "mark"), ids(site, "tag")) == ([2], [1])
    assert site.database.rows("SELECT id FROM scan ORDER BY id") == [(1,), (8,)]

    assert restore(job.site, outcome.batch, [], check=False).kept.items == []
    assert site.database.dump() == before


@pytest.mark.promise(10)
@pytest.mark.parametrize("rule", ["user", "database"])
def test_dependent_rows_of_an_inheriting_table(
    postgresql_with_missing_file: Site, tmp_path: Path, rule: str
) -> None:
    """The user's rule is about all rows of the table; that of a foreign key binds those of its own table."""
    site = postgresql_with_missing_file
    on_delete = "ON DELETE CASCADE" if rule == "database" else ""
    site.database.run(
        f"CREATE TABLE tag (id integer PRIMARY KEY, photo_id integer REFERENCES photo (id) {on_delete});"
        "CREATE TABLE old_tag (archive text) INHERITS (tag);"
        "INSERT INTO tag VALUES (1, 2); INSERT INTO old_tag VALUES (2, 2, 'of 1999')"
    )
    before = site.database.dump()
    dependents: Any = rules("tag.photo_id delete") if rule == "user" else []
    job = site.missing(quarantine=str(tmp_path / "kept"), dependents=dependents)
    plan, outcome = run(job)
    deleted = 2 if rule == "user" else 1
    assert (outcome.error, plan.dependents) == ("", {"tag": {"deleted": deleted, "updated": 0}})
    assert ids(site, "tag") == ([] if rule == "user" else [2])
    assert restore(job.site, outcome.batch, [], check=False).kept.items == []
    assert site.database.dump() == before

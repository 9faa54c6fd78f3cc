# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""An index of PostgreSQL that lacks rows, as some releases made it while a site wrote, hides no reference."""

from __future__ import annotations

from itertools import chain

import pytest

from engine.config.site import Column
from engine.database import connect
from helpers.databases import TestDatabase
from helpers.texts import rows_of

IMAGE = Column("photo", "image")
PATHS = [b"p/%04d.jpg" % number for number in range(1, 3001)]


@pytest.fixture
def damaged(postgresql: TestDatabase) -> TestDatabase:
    """A table that is so much larger than its index that the server would rather read the index alone."""
    postgresql.run(
        "CREATE TABLE photo (id integer PRIMARY KEY, image varchar(100), more bytea);"
        "ALTER TABLE photo ALTER more SET STORAGE PLAIN;"
        "INSERT INTO photo SELECT n, format('p/%s.jpg', lpad(n::text, 4, '0')), "
        "convert_to(repeat('x', 1500), 'UTF8') FROM generate_series(1, 3000) AS n;"
        "CREATE INDEX by_image ON photo (image) WHERE id > 1;"
        "UPDATE pg_index SET indpred = NULL WHERE indexrelid = 'by_image'::regclass"
    )
    for options in ("FREEZE, ANALYZE", "FREEZE, DISABLE_PAGE_SKIPPING"):
        postgresql.run(f"VACUUM ({options}) photo")
    assert len(postgresql.rows("SELECT image FROM photo")) == 2999
    return postgresql


@pytest.mark.promise(14)
def test_a_reference_is_found_that_a_damaged_index_lacks(damaged: TestDatabase) -> None:
    with connect(damaged.url, read_only=True) as database:
        assert list(chain.from_iterable(database.references([IMAGE]))) == PATHS
        assert database.count_references([IMAGE], PATHS[:2]) == {PATHS[0]: 1, PATHS[1]: 1}
        assert database.references_by_name([IMAGE], [b"0001.jpg"]) == [PATHS[0]]
        [table] = database.searched_columns().tables
        assert len(rows_of(database, table)) == len(PATHS)

# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Paths in a collation of PostgreSQL in which different texts are equal: each is compared by its bytes."""

from __future__ import annotations

from typing import Any

import pytest
from psycopg2.errors import FeatureNotSupported

from engine.kept import Code
from helpers.builders import Media, Site, found, run


@pytest.fixture
def site(postgresql: Any, media: Media) -> Site:
    """A site whose columns ignore case, as a field of Django does that has such a ``db_collation``."""
    site = Site(postgresql, media)
    try:
        postgresql.run(
            "CREATE COLLATION any_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false)"
        )
    except FeatureNotSupported as error:
        pytest.skip(f"this server makes no collations of ICU: {error}")
    postgresql.run("ALTER TABLE photo ALTER image TYPE varchar(300) COLLATE any_case")
    return site


def test_files_whose_names_differ_by_case_alone_are_two(site: Site) -> None:
    site.media.write("p/a.jpg", "p/A.jpg", "p/b.jpg")
    site.insert("p/a.jpg", "p/B.jpg")
    plan, _outcome = run(site.orphans())
    assert found(plan) == [b"p/A.jpg", b"p/b.jpg"]
    plan, _outcome = run(site.missing())
    assert (plan.found.records, site.images) == (1, ["p/a.jpg"])


def test_moves_and_derived_files_are_found_by_their_names(site: Site) -> None:
    site.media.write("p/a.jpg", "q/moved.jpg", "p/a.webp")
    site.insert("p/a.jpg", "p/moved.jpg")
    plan, _outcome = run(site.orphans(include_likely_moves=False, derived=["{dir}/{stem}.webp"]))
    assert {kept.name: kept.code for kept in plan.kept.items} == {b"q/moved.jpg": Code.LIKELY_MOVE}
    assert site.media.files == {b"p/a.jpg", b"q/moved.jpg", b"p/a.webp"}

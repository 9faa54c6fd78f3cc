# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Files of records that another row references in another spelling, in every job and at every moment."""

from __future__ import annotations

from typing import Any

import pytest

from helpers.builders import SPELLINGS, Site, planned, reasons, run

OTHER_SPELLING = "the database references it in another spelling"
ALBUM = {"references": [{"table": "album", "column": "cover"}]}
IMAGEKIT = "CACHE/images/{dir}/{stem}/*"


@pytest.fixture
def shared(site: Site) -> Site:
    """A site with albums, whose covers are photos."""
    site.database.run("CREATE TABLE album (cover text)")
    return site


def _job(site: Site, job: str) -> Any:
    """A job that takes ``p/a.jpg`` with its record: as its file, or as a companion."""
    if job == "incomplete":
        site.insert("p/a.jpg")
        return site.incomplete(**ALBUM)
    site.insert("p/gone.jpg", thumbnail="p/a.jpg")
    return site.missing(companion_columns=["thumbnail"], **ALBUM)


@pytest.mark.promise(9)
@pytest.mark.parametrize("job", ["incomplete", "missing"])
@pytest.mark.parametrize("value", [value for path, value in SPELLINGS if path == "p/a.jpg"])
def test_a_file_of_a_record_that_another_row_references_in_another_spelling_is_kept(
    shared: Site, job: str, value: str
) -> None:
    shared.media.write("p/a.jpg")
    shared.database.insert("album", [{"cover": value}])
    plan, outcome = run(_job(shared, job))
    assert (plan.found.files, outcome.removed.records) == (0, 1)
    assert OTHER_SPELLING in reasons(plan.kept)[b"p/a.jpg"]
    assert shared.media.files == {b"p/a.jpg"}


@pytest.mark.promise(2)
@pytest.mark.promise(9)
@pytest.mark.parametrize("job", ["incomplete", "missing"])
@pytest.mark.parametrize("value", ["/media/p/a.jpg", "p//a.jpg", "p/%61.jpg"])
def test_another_spelling_that_came_after_the_plan_protects_the_file(
    shared: Site, job: str, value: str
) -> None:
    shared.media.write("p/a.jpg")
    with planned(_job(shared, job)) as made:
        assert made.plan.found.files == 1
        shared.database.insert("album", [{"cover": value}])
        outcome = made.apply()
    assert OTHER_SPELLING in reasons(outcome.kept)[b"p/a.jpg"]
    assert shared.media.files == {b"p/a.jpg"}


@pytest.mark.promise(9)
@pytest.mark.parametrize("job", ["orphans", "incomplete"])
def test_a_file_derived_from_one_that_is_referenced_in_another_spelling_is_kept(
    shared: Site, job: str
) -> None:
    shared.media.write("p/a.jpg", "CACHE/images/p/a/1.jpg")
    shared.database.insert("album", [{"cover": "/media/p/a.jpg"}])
    if job == "orphans":
        run(shared.orphans(derived=[IMAGEKIT], **ALBUM))
    else:
        shared.insert("p/a.jpg")
        run(shared.incomplete(derived=[IMAGEKIT], **ALBUM))
    assert shared.media.files == {b"p/a.jpg", b"CACHE/images/p/a/1.jpg"}


@pytest.mark.promise(9)
@pytest.mark.parametrize("left", [0, 1])
def test_odd_references_of_removed_records_do_not_protect_their_own_file(site: Site, left: int) -> None:
    site.media.write("p/a.jpg", "p/b.jpg")
    site.insert("p/a.jpg", "p/b.jpg", "/media/p/a.jpg", "/media/p/a.jpg")
    for _number in range(left):
        site.insert("/media/p/a.jpg", content_type_id=7)
    run(site.incomplete())
    assert site.media.files == {b"p/a.jpg"} if left else site.media.files == set()

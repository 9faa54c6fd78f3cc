# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Several records with one missing path, as of a default picture."""

from __future__ import annotations

import pytest

from engine.errors import SiteError
from engine.kept import Code
from helpers.builders import Site, ids, planned, run

DEFAULT = "avatars/default.png"


@pytest.mark.promise(13)
def test_records_with_one_missing_path_are_kept(site_with_missing_file: Site) -> None:
    site_with_missing_file.insert(DEFAULT, DEFAULT, DEFAULT)
    plan, outcome = run(site_with_missing_file.missing())
    assert [(kept.name, kept.code) for kept in plan.kept.items] == [(DEFAULT.encode(), Code.SHARED_PATH)] * 3
    assert (outcome.error, ids(site_with_missing_file, "photo")) == ("", [1, 3, 4, 5])


def test_a_shared_path_may_be_accepted_by_its_name(site_with_missing_file: Site) -> None:
    site_with_missing_file.insert(DEFAULT, "p/other.jpg", DEFAULT, "p/other.jpg")
    job = site_with_missing_file.missing(accept=["path_mismatch", f"shared_path:{DEFAULT}"])
    _plan, outcome = run(job)
    assert (outcome.error, ids(site_with_missing_file, "photo")) == ("", [1, 4, 6])


@pytest.mark.promise(2)
def test_a_record_that_comes_to_share_the_path_keeps_both(site_with_missing_file: Site) -> None:
    with planned(site_with_missing_file.missing()) as made:
        site_with_missing_file.insert("p/gone.jpg")
        outcome = made.apply()
    assert [kept.code for kept in outcome.kept.items] == [Code.CHANGED]
    assert (outcome.error, ids(site_with_missing_file, "photo")) == ("", [1, 2, 3])


@pytest.mark.parametrize("entry", ["shared_path", "shared_path:", "referenced:p/a.jpg"])
def test_only_a_doubt_about_one_thing_may_be_accepted_by_name(
    site_with_missing_file: Site, entry: str
) -> None:
    with pytest.raises(SiteError, match="shared_path:NAME"):
        site_with_missing_file.missing(accept=[entry])

# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""A reviewed plan is the most that is removed, however the site has changed since."""

from __future__ import annotations

import os
from typing import Any

import pytest

from helpers.ansible_runs import Ansible
from helpers.modules import Task, run_module
from helpers.sites import Site

pytestmark = pytest.mark.promise(7)

NEW = "it is not in the approved plan; review it in the next one"
ANOTHER = "it is no longer what was approved: it has changed, or another one has its name"
ALTERED = "it is no longer what was approved: its paths, or the rows that depend on it, have changed"
NAMED = "it was in the approved plan and is referenced or young by now"
BACK = "deleted, attached or not missing any more: 1 item of the approved plan"


def reviewed(ansible: Ansible, task: Task) -> dict[str, Any]:
    """Plan a task, and return the options that approve of its plan."""
    ((module, options),) = task.items()
    [plan] = ansible.results(task, check=True)
    return {module: {**options, "approved_plan": plan["plan"]}}


def told(result: dict[str, Any]) -> dict[str, str]:
    return {entry["name"]: entry["reason"] for entry in result["left_alone"]}


def test_orphans_that_are_new_named_or_replaced_stay_and_are_told(site: Site, ansible: Ansible):
    site.keep(*(f"photos/{number}.jpg" for number in range(9)))
    site.write("photos/goes.jpg", "avif/goes.avif", "photos/named.jpg", "photos/replaced.jpg")
    site.write("photos/vanished.jpg")
    approved = reviewed(ansible, site.orphans())

    site.write("photos/new.jpg", "upload")
    site.insert("photos/named.jpg")
    os.replace(site.media / "upload", site.media / "photos" / "replaced.jpg")
    (site.media / "photos" / "vanished.jpg").unlink()
    before = site.files
    [result] = ansible.results(approved)

    assert set(before) - set(site.files) == {"photos/goes.jpg", "avif/goes.avif"}
    assert told(result) == {
        "photos/new.jpg": NEW,
        "photos/named.jpg": NAMED,
        "photos/replaced.jpg": ANOTHER,
    }
    assert result["warnings"] == ["already removed: 1 file of the approved plan"]
    assert result["removed"]["files"] == 2


def test_an_orphan_that_was_written_to_or_moved_stays(site: Site):
    site.keep(*(f"photos/{number}.jpg" for number in range(9)))
    site.write("photos/goes.jpg", "photos/same_size.jpg", "photos/moved.jpg")
    plan = run_module(site.orphans(), check=True)["plan"]

    site.write("photos/same_size.jpg", content=b"pixture")
    (site.media / "photos" / "moved.jpg").rename(site.media / "photos" / "moved_to.jpg")
    before = site.files
    result = run_module(site.orphans(approved_plan=plan))

    assert set(before) - set(site.files) == {"photos/goes.jpg"}
    assert told(result) == {"photos/same_size.jpg": ANOTHER, "photos/moved_to.jpg": NEW}


def test_missing_records_that_are_new_back_or_renamed_stay_and_are_told(site: Site, ansible: Ansible):
    site.keep(*(f"photos/{number}.jpg" for number in range(9)))
    site.insert("photos/goes.jpg", "photos/goes_too.jpg", "photos/back.jpg", "photos/renamed.jpg")
    approved = reviewed(ansible, site.records())

    site.insert("photos/new.jpg")
    site.write("photos/back.jpg")
    site.database.run(
        "UPDATE collection_photo SET image = 'photos/other.jpg' WHERE image = 'photos/renamed.jpg'"
    )
    before = site.images
    [result] = ansible.results(approved)

    assert set(before) - set(site.images) == {"photos/goes.jpg", "photos/goes_too.jpg"}
    assert told(result) == {"photos/new.jpg": NEW, "photos/other.jpg": ALTERED}
    assert result["warnings"] == [BACK]
    assert result["removed"]["records"] == 2


def test_incomplete_records_that_are_new_attached_or_renamed_stay_and_are_told(site: Site, ansible: Ansible):
    site.keep(*(f"photos/{number}.jpg" for number in range(9)))
    site.keep("photos/goes.jpg", "photos/attached.jpg", "photos/renamed.jpg", attached=False)
    approved = reviewed(ansible, site.records(select="incomplete"))

    site.keep("photos/new.jpg", attached=False)
    site.database.run(
        "UPDATE collection_photo SET content_type_id = 7 WHERE image = 'photos/attached.jpg';"
        "UPDATE collection_photo SET image = 'photos/other.jpg' WHERE image = 'photos/renamed.jpg'"
    )
    site.write("photos/other.jpg")
    before = site.images, site.files
    [result] = ansible.results(approved)

    assert set(before[0]) - set(site.images) == {"photos/goes.jpg"}
    assert set(before[1]) - set(site.files) == {"photos/goes.jpg"}
    assert told(result) == {"photos/new.jpg": NEW, "photos/other.jpg": ALTERED}
    # The record that was attached, and the two files that went out of the plan with their records.
    assert result["warnings"] == [BACK.replace("1 item", "3 items")]


@pytest.mark.parametrize("job", ["orphans", "records"])
def test_a_plan_without_any_item_lets_nothing_go(job: str, site: Site):
    site.keep(*(f"photos/{number}.jpg" for number in range(9)))
    task = getattr(site, job)
    plan = run_module(task(), check=True)["plan"]

    site.write("photos/new_orphan.jpg")
    site.insert("photos/new_missing.jpg")
    before = site.state()
    result = run_module(task(approved_plan=plan))

    assert site.state() == before
    assert not result["changed"]
    assert set(told(result).values()) == {NEW}

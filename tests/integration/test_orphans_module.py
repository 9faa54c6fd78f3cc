# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""The module media_orphans, run by Ansible."""

from __future__ import annotations

import json
import os

import pytest

from helpers.ansible_runs import Ansible
from helpers.modules import names, run_module, undocumented
from helpers.sites import Site

# In byte order, as the module lists them.
ORPHANS = ["avif/orphan.avif", "photos/2024/orphan.jpg", "photos/orphan.jpg"]


def fill(site: Site) -> None:
    site.keep(*(f"photos/{number}.jpg" for number in range(6)))
    site.write(*ORPHANS)
    site.write("photos/uploaded_a_minute_ago.jpg", hours=0.02)
    site.write("photos/.hidden", "elsewhere/not_ours.jpg")
    (site.media / "photos" / "link.jpg").symlink_to("orphan.jpg")


@pytest.mark.promise(3)
@pytest.mark.promise(6)
def test_check_lists_exactly_what_apply_removes_and_touches_nothing(site: Site, ansible: Ansible):
    fill(site)
    before = site.state()
    files = site.files
    rows = site.database.dump()

    [checked] = ansible.results(site.orphans(), check=True)
    assert site.state() == before
    applied, again = ansible.results(site.orphans(), site.orphans())

    assert [orphan["path"] for orphan in checked["orphans"]] == ORPHANS
    assert site.files == sorted(set(files) - set(ORPHANS))
    assert site.database.dump() == rows
    for same in ("orphans", "found", "young", "examined", "left_alone", "diff"):
        assert applied[same] == checked[same], same
    assert applied["removed"] == checked["found"] == {"records": 0, "files": 3, "bytes": 21}
    assert checked["removed"] == again["removed"] == {"records": 0, "files": 0, "bytes": 0}
    assert checked["young"] == 1
    assert checked["diff"]["before"].splitlines() == [f"{path}  7 bytes" for path in ORPHANS]
    assert checked["diff"]["after"] == ""
    assert names(checked["left_alone"]) == {"photos/link.jpg"}
    assert [result["changed"] for result in (checked, applied, again)] == [True, True, False]
    assert again["orphans"] == []
    assert [undocumented(result, "media_orphans") for result in (checked, applied, again)] == [set()] * 3


@pytest.mark.promise(11)
def test_lists_are_bounded_and_counts_are_not(sqlite_site: Site, ansible: Ansible):
    fill(sqlite_site)
    [result] = ansible.results(sqlite_site.orphans(max_listed=2))
    assert [orphan["path"] for orphan in result["orphans"]] == ORPHANS[:2]
    assert result["truncated"]
    assert result["removed"]["files"] == 3
    assert "… and 1 more" in result["diff"]["before"]
    assert undocumented(result, "media_orphans") == set()


# One more than the first makes the token the largest that it can be.
@pytest.mark.promise(11)
@pytest.mark.parametrize(("orphans", "kilobytes"), [(20_000, 320), (100_000, 64)])
def test_a_result_stays_small_however_much_is_found(sqlite_site: Site, orphans: int, kilobytes: int):
    sqlite_site.keep("photos/kept.jpg")
    for number in range(orphans):
        (sqlite_site.media / "avif" / f"{number:0150}.avif").touch()
    options = {"older_than_hours": 0, "max_removal_percent": 100, "accept": ["no_references"]}
    result = run_module(sqlite_site.orphans(**options), check=True)
    assert result["found"]["files"] == orphans
    assert len(json.dumps(result)) < kilobytes * 1000


@pytest.mark.promise(8)
def test_any_name_that_a_file_can_have_is_removed_and_shown_escaped(site: Site, ansible: Ansible):
    site.keep(*(f"photos/{number}.jpg" for number in range(6)))
    longest = b"n" * 255
    site.write(b"photos/caf\xe9.jpg", b"photos/two\nlines.jpg", b"photos/" + longest, b"photos/\xff\xfe")
    site.keep("photos/naïve\n{{ 1 + 1 }}.jpg")

    checked, applied = ansible.results({**site.orphans(), "check_mode": True}, site.orphans())

    shown = {"photos/caf\\xe9.jpg", "photos/two\\nlines.jpg", f"photos/{'n' * 255}", "photos/\\xff\\xfe"}
    assert names(checked["orphans"], "path") == names(applied["orphans"], "path") == shown
    left = {f"{number}.jpg".encode() for number in range(6)} | {"naïve\n{{ 1 + 1 }}.jpg".encode()}
    assert set(os.listdir(os.fsencode(site.media / "photos"))) == left


def test_a_refused_plan_is_a_warning_in_check_mode_and_a_failure_otherwise(
    sqlite_site: Site, ansible: Ansible
):
    fill(sqlite_site)
    before = sqlite_site.state()
    task = sqlite_site.orphans(max_removal_percent=20, marker="mounted")

    checked, applied = ansible.results({**task, "check_mode": True}, task)

    assert sqlite_site.state() == before
    guards = ["marker", "max_removal_percent"]
    assert [refusal["guard"] for refusal in checked["refused"]] == guards
    assert not checked["failed"]
    assert not checked["changed"]
    assert applied["failed"]
    assert not applied["changed"]
    for refusal in checked["refused"]:
        assert refusal["lifted_by"] in refusal["message"]
        assert refusal["message"] in checked["warnings"]
        assert refusal["message"] in applied["msg"]
        assert refusal["message"] in applied["summary"]
    assert [undocumented(result, "media_orphans") for result in (checked, applied)] == [set()] * 2

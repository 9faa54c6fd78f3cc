# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

from __future__ import annotations

import re
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.django_media.cleanup.plugins.filter.cleanup_jobs import FilterModule, cleanup_jobs
from engine.config.jobs import quarantine_of

IMAGE = {"table": "photo", "column": "image"}
ORPHANS = {"directories": ["photos"], "references": [IMAGE]}
PHOTOS = {"table": "photo", "file_column": "image"}
VIDEOS = {"table": "video", "file_column": "file", "label": "album_id.title"}
SECRET = "hunter2-correct-horse"


def site(**more: Any) -> dict[str, Any]:
    return {
        "name": "kit",
        "database_url": f"postgresql://kit:{SECRET}@db/kit",
        "media_root": "/srv/media",
        **more,
    }


FULL = site(orphans=ORPHANS, incomplete=[PHOTOS], missing=[PHOTOS, VIDEOS])


def headings(*sites: Any, only: Any = None) -> list[str]:
    return [job["heading"] for job in cleanup_jobs(list(sites), only)]


def test_the_jobs_of_a_site_come_one_by_one() -> None:
    assert headings(FULL) == [
        "kit · orphans",
        "kit · incomplete · photo",
        "kit · missing · photo",
        "kit · missing · video",
    ]


def test_jobs_are_numbered_over_all_sites_in_their_order() -> None:
    other = site(name="album", missing=[PHOTOS], user="www-data")
    jobs = cleanup_jobs([FULL, other])
    assert [job["index"] for job in jobs] == list(range(5))
    assert [job["job"] for job in jobs] == ["orphans", "incomplete", "missing", "missing", "missing"]
    assert [job["user"] for job in jobs] == [None] * 4 + ["www-data"]


@pytest.mark.parametrize(
    ("only", "expected"),
    [
        (None, ["orphans", "incomplete", "missing", "missing"]),
        ("", ["orphans", "incomplete", "missing", "missing"]),
        ("orphans", ["orphans"]),
        ("missing", ["missing", "missing"]),
        ("missing, orphans", ["orphans", "missing", "missing"]),
        (["incomplete"], ["incomplete"]),
        (("orphans", "incomplete"), ["orphans", "incomplete"]),
        ([], []),
    ],
)
def test_only_the_wanted_jobs_come(only: Any, expected: list[str]) -> None:
    assert [job["job"] for job in cleanup_jobs([FULL], only)] == expected


def test_a_site_without_jobs_has_none() -> None:
    assert headings() == headings(site()) == headings(site(orphans={}, missing=[], incomplete=None)) == []


def test_one_job_may_stand_without_a_list() -> None:
    assert headings(site(missing=PHOTOS)) == ["kit · missing · photo"]


def test_what_a_site_says_holds_for_all_its_jobs_unless_one_says_otherwise() -> None:
    shared = {"max_listed": 7, "older_than_hours": 48, "media_url": "/m/", "marker": ".mounted"}
    jobs = cleanup_jobs([site(orphans=ORPHANS, missing=[{**PHOTOS, "older_than_hours": 1}], **shared)])
    assert [job["options"]["max_listed"] for job in jobs] == [7, 7]
    assert [job["options"]["older_than_hours"] for job in jobs] == [48, 1]
    assert [job["options"]["marker"] for job in jobs] == [".mounted"] * 2
    assert [job["options"]["name"] for job in jobs] == ["kit", "kit"]


def test_each_job_gets_only_the_options_that_its_module_knows() -> None:
    jobs = cleanup_jobs(
        [site(orphans=ORPHANS, missing=[PHOTOS], age_stamp="mtime", exclude=["x"], time_zone="UTC", user="u")]
    )
    orphans, missing = (set(job["options"]) for job in jobs)
    assert {"age_stamp", "exclude", "directories"} <= orphans
    assert orphans.isdisjoint({"time_zone", "select", "missing", "orphans"})
    assert {"time_zone", "select", "table", "age_stamp"} <= missing
    assert missing.isdisjoint({"exclude", "directories", "missing", "orphans"})


def test_the_job_of_records_is_its_selection() -> None:
    assert [job["options"].get("select") for job in cleanup_jobs([FULL])] == [
        None,
        "incomplete",
        "missing",
        "missing",
    ]


def test_the_references_of_orphans_protect_files_from_the_other_jobs() -> None:
    jobs = cleanup_jobs([FULL], ["incomplete", "missing"])
    assert [job["options"]["references"] for job in jobs] == [[IMAGE]] * 3
    own = [{"table": "album", "column": "cover"}]
    (job,) = cleanup_jobs([site(orphans=ORPHANS, missing=[{**PHOTOS, "references": own}])], "missing")
    assert job["options"]["references"] == own
    (job,) = cleanup_jobs([site(missing=[PHOTOS])])
    assert job["options"]["references"] == []


def test_several_jobs_for_orphans_may_stand_in_a_list() -> None:
    other = {"directories": ["covers"], "references": [IMAGE]}
    assert headings(site(orphans=[ORPHANS, other])) == ["kit · orphans", "kit · orphans"]


def test_several_jobs_for_orphans_may_stand_beside_jobs_for_records() -> None:
    other = {"directories": ["covers"], "references": [{"table": "album", "column": "cover"}]}
    jobs = cleanup_jobs([site(orphans=[ORPHANS, other], missing=[PHOTOS])])
    assert jobs[2]["options"]["references"] == [IMAGE, *other["references"]]


def test_the_description_is_not_changed() -> None:
    before = repr(FULL)
    cleanup_jobs([FULL])[0]["options"]["name"] = "changed"
    assert repr(FULL) == before


@pytest.mark.parametrize(
    ("written", "meant"), [("false", False), ("no", False), (False, False), ("True", True), ("1", True)]
)
def test_a_boolean_that_came_as_a_text_is_one(written: object, meant: bool) -> None:
    jobs = cleanup_jobs([site(orphans=ORPHANS, missing=[PHOTOS], low_priority=written)])
    assert [job["options"]["low_priority"] for job in jobs] == [meant, meant]
    (job,) = cleanup_jobs([site(missing=[{**PHOTOS, "include_likely_moves": written}])])
    assert job["options"]["include_likely_moves"] is meant


def test_what_a_job_says_of_its_quarantine_replaces_what_its_site_says() -> None:
    for ours, theirs, expected in (
        ({}, {}, "/srv/media-quarantine"),
        ({"quarantine": "/kept"}, {}, "/kept"),
        ({"permanent": "true"}, {}, None),
        ({"permanent": True}, {"quarantine": "/kept"}, "/kept"),
        ({"quarantine": "/kept"}, {"permanent": True}, None),
        ({"quarantine": "/kept"}, {"permanent": "no"}, "/kept"),
        ({"permanent": True}, {"permanent": False}, "/srv/media-quarantine"),
    ):
        (job,) = cleanup_jobs([site(missing=[{**PHOTOS, **theirs}], **ours)])
        assert job["quarantine"] == expected
        # The module that is given these options means the same.
        assert quarantine_of(job["options"]) == expected


def test_what_a_job_keeps_comes_on_top_of_what_its_site_keeps() -> None:
    first, second = cleanup_jobs([site(missing=[{**PHOTOS, "keep": ["a"]}, PHOTOS], keep=["b"])])
    assert (first["options"]["keep"], second["options"]["keep"]) == (["b", "a"], ["b"])


def test_null_stands_for_the_default_and_is_left_out() -> None:
    empty = {"marker": None, "low_priority": None, "max_listed": None}
    (job,) = cleanup_jobs([site(orphans={**ORPHANS, **empty}, marker=".mounted")])
    assert set(job["options"]) == {"name", "database_url", "media_root", "directories", "references"}


def test_null_does_not_take_the_protection_of_the_orphans_columns_away() -> None:
    (job,) = cleanup_jobs([site(orphans=ORPHANS, missing=[{**PHOTOS, "references": None}])], "missing")
    assert job["options"]["references"] == [IMAGE]


@pytest.mark.parametrize(
    ("sites", "words"),
    [
        ("kit", "must be a list of sites"),
        ({"name": "kit"}, "must be a list of sites"),
        (None, "must be a list of sites"),
        (["kit"], "must be a mapping with a name"),
        ([{}], "must be a mapping with a name"),
        ([site(name="")], "must be a mapping with a name"),
        ([site(), site()], "two sites named 'kit'"),
        ([site(database_url="")], "site 'kit' of media_cleanup_sites has no database_url"),
        ([site(media_root=None)], "site 'kit' of media_cleanup_sites has no media_root"),
        ([site(tables=[])], "unknown keys: tables"),
        ([site(marcer="x", zzz=1)], "unknown keys: marcer (did you mean marker?), zzz. It may have accept, "),
        (
            [site(missing=[{"model": "album.Photo"}])],
            "has a model, whose table only the Django project knows",
        ),
        ([site(missing=[{**PHOTOS, "labels": "x"}])], "unknown options: labels (did you mean label?)"),
        (
            [site(orphans=ORPHANS, low_priority="perhaps")],
            "low_priority is 'perhaps'; it must be ",
        ),
        ([site(directories=["photos"])], "unknown keys: directories"),
        ([site(missing=["photo"])], "missing of site 'kit' must be a mapping of options, or a list of them"),
        ([site(missing="photo")], "must be a mapping of options, or a list of them"),
        ([site(missing=[{"table": "photo"}])], "missing of site 'kit' has no file_column"),
        ([site(missing=[{"file_column": "image"}])], "missing of site 'kit' has no table"),
        ([site(orphans={"directories": ["photos"]})], "orphans of site 'kit' has no references"),
        ([site(orphans={"references": [IMAGE]})], "orphans of site 'kit' has no directories"),
        ([site(orphans={**ORPHANS, "table": "x"})], "orphans of site 'kit' has unknown options: table"),
        ([site(missing=[{**PHOTOS, "select": "missing"}])], "unknown options: select"),
        ([site(missing=[{**PHOTOS, "exclude": []}])], "unknown options: exclude"),
    ],
)
def test_what_cannot_be_meant_is_told(sites: Any, words: str) -> None:
    with pytest.raises(AnsibleFilterError, match=re.escape(words)) as refusal:
        cleanup_jobs(sites)
    assert SECRET not in str(refusal.value)


@pytest.mark.parametrize("written", [True, 5])
def test_a_job_that_is_no_description_is_told(written: object) -> None:
    with pytest.raises(AnsibleFilterError, match="must be a mapping of options"):
        cleanup_jobs([site(missing=written)])


@pytest.mark.parametrize("only", ["orphan", "orphans;missing", ["Orphans"], "orphans,", [None]])
def test_unknown_jobs_are_told_with_those_that_there_are(only: Any) -> None:
    with pytest.raises(AnsibleFilterError, match="there are orphans, incomplete, missing"):
        cleanup_jobs([FULL], only)


def test_ansible_finds_the_filter() -> None:
    assert FilterModule().filters() == {"cleanup_jobs": cleanup_jobs}


def test_an_empty_job_of_a_django_site_is_a_job() -> None:
    django = {"project": "/srv/project", "settings": "config.settings"}
    described = {"name": "kit", "user": "www-data", "django": django, "orphans": {}}
    [orphans, photos] = cleanup_jobs([{**described, "missing": [{"model": "album.Photo", "field": "image"}]}])
    assert (orphans["heading"], photos["heading"]) == ("kit · orphans", "kit · missing · album.Photo")
    assert orphans["options"] == {"name": "kit", "user": "www-data", "django": django}
    assert photos["options"]["field"] == "image"
    # Where it is, the project says; that there is one is known here.
    assert orphans["quarantine"]
    assert cleanup_jobs([{**described, "permanent": True}])[0]["quarantine"] is None

# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.django_media.cleanup.plugins.filter.cleanup_quarantines import FilterModule

RECORDS = {"table": "t", "file_column": "c"}
SITE: dict[str, Any] = {
    "database_url": "sqlite:////x",
    "media_root": "/srv/media",
    "missing": [RECORDS, {**RECORDS, "quarantine": "/srv/other"}],
    "incomplete": [RECORDS],
}


def test_each_quarantine_comes_once_for_each_media_root_with_the_jobs_that_use_it() -> None:
    quarantines = FilterModule().filters()["cleanup_quarantines"]
    kit = {**SITE, "name": "kit", "quarantine": "/srv/kept", "user": "www-data", "marker": ".mounted"}
    album = {**SITE, "name": "album", "media_root": "/srv/album", "quarantine": "/srv/kept"}
    bare = {**SITE, "name": "bare", "missing": [RECORDS]}
    good = {**SITE, "name": "good", "permanent": True, "missing": [RECORDS]}
    found = quarantines([kit, album, bare, good])
    assert [
        (each["heading"], each["options"]["quarantine"], each["options"]["media_root"], each["jobs"])
        for each in found
    ] == [
        ("kit · purge", "/srv/kept", "/srv/media", [0, 1]),
        ("kit · purge", "/srv/other", "/srv/media", [2]),
        ("album · purge", "/srv/kept", "/srv/album", [3, 4]),
        ("album · purge", "/srv/other", "/srv/album", [5]),
        ("bare · purge", "/srv/media-quarantine", "/srv/media", [6, 7]),
    ]
    assert [each["index"] for each in found] == [0, 1, 2, 3, 4]
    assert [each["user"] for each in found] == ["www-data", "www-data", None, None, None]
    assert found[0]["options"] == {
        "name": "kit",
        "user": "www-data",
        "database_url": "sqlite:////x",
        "media_root": "/srv/media",
        "quarantine": "/srv/kept",
        "references": [{"table": "t", "column": "c"}],
    }


def test_the_columns_of_all_jobs_protect_files_whichever_jobs_are_wanted() -> None:
    quarantines = FilterModule().filters()["cleanup_quarantines"]
    orphans = {"directories": ["."], "references": [{"table": "v", "column": "f", "size_column": "s"}]}
    by_path = {"table": "d", "column": "p", "action": "delete", "holds": "path"}
    by_key = {"table": "d", "column": "k", "action": "delete"}
    missing = {
        **RECORDS,
        "companion_columns": ["e"],
        "dependents": [by_path, by_key],
        "derived": ["x/{path}"],
    }
    site = {**SITE, "name": "kit", "quarantine": "/srv/kept", "orphans": orphans, "missing": missing}
    [found] = quarantines([site], "orphans")
    assert found["jobs"] == [0]
    pairs = [(column["table"], column["column"]) for column in found["options"]["references"]]
    assert sorted(pairs) == [("d", "p"), ("t", "c"), ("t", "e"), ("v", "f")]
    assert found["options"]["derived"] == ["x/{path}"]
    elsewhere = {**site, "incomplete": [{**RECORDS, "database_url": "sqlite:////y"}]}
    assert all("database_url" not in each["options"] for each in quarantines([elsewhere]))


def test_a_purge_of_a_django_site_asks_its_project_for_what_is_not_said() -> None:
    quarantines = FilterModule().filters()["cleanup_quarantines"]
    django = {"project": "/srv/project"}
    site = {"name": "kit", "user": "www-data", "django": django, "orphans": {}}
    named = {**site, "name": "named", "quarantine": "/srv/kept", "missing": [{"model": "album.Photo"}]}
    found = quarantines([site, named])
    assert [(each["heading"], each["jobs"]) for each in found] == [
        ("kit · purge", [0]),
        ("named · purge", [1, 2]),
    ]
    assert found[0]["options"] == {"name": "kit", "user": "www-data", "django": django}
    assert found[1]["options"] == {**found[0]["options"], "name": "named", "quarantine": "/srv/kept"}


@pytest.mark.promise(14)
def test_a_purge_searches_the_database_unless_no_job_does() -> None:
    quarantines = FilterModule().filters()["cleanup_quarantines"]
    site = {**SITE, "name": "kit", "missing": [{**RECORDS, "sweep": False}]}
    [found] = quarantines([{**site, "incomplete": [RECORDS]}])
    assert "sweep" not in found["options"]
    [found] = quarantines([{**site, "incomplete": [{**RECORDS, "sweep": "no"}], "sweep_exclude": ["log"]}])
    assert found["options"]["sweep"] is False
    assert found["options"]["sweep_exclude"] == ["log"]

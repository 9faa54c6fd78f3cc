# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

from __future__ import annotations

from typing import Any

from ansible_collections.django_media.cleanup.plugins.filter.cleanup_jobs import cleanup_jobs
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
    found = quarantines(cleanup_jobs([kit, album, bare]))
    assert [
        (each["heading"], each["options"]["quarantine"], each["options"]["media_root"], each["jobs"])
        for each in found
    ] == [
        ("kit · purge", "/srv/kept", "/srv/media", [0, 1]),
        ("kit · purge", "/srv/other", "/srv/media", [2]),
        ("album · purge", "/srv/kept", "/srv/album", [3, 4]),
        ("album · purge", "/srv/other", "/srv/album", [5]),
    ]
    assert [each["index"] for each in found] == [0, 1, 2, 3]
    assert [each["user"] for each in found] == ["www-data", "www-data", None, None]
    assert found[0]["options"] == {
        "name": "kit",
        "database_url": "sqlite:////x",
        "media_root": "/srv/media",
        "quarantine": "/srv/kept",
    }

# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.django_media.cleanup.plugins.filter.cleanup_sites import FilterModule, cleanup_sites

SITE = {"name": "kit", "database_url": "sqlite:////x", "media_root": "/srv/media"}


def test_each_site_comes_with_what_its_quarantine_needs() -> None:
    quarantine = {"quarantine": "/srv/kept", "quarantine_in_media_root": "no", "max_listed": 5}
    kit = {**SITE, **quarantine, "user": "www-data", "marker": ".mounted", "accept": ["path_mismatch"]}
    album = {**SITE, "name": "album", "quarantine": None, "missing": [{"table": "t", "file_column": "c"}]}
    good = {**SITE, "name": "good", "permanent": "yes"}
    assert cleanup_sites([kit, album, good]) == [
        {
            "name": "kit",
            "user": "www-data",
            "has_quarantine": True,
            "options": {
                **SITE,
                **quarantine,
                "quarantine_in_media_root": False,
                "user": "www-data",
                "accept": ["path_mismatch"],
            },
        },
        {
            "name": "album",
            "user": None,
            "has_quarantine": True,
            "options": {**SITE, "name": "album", "quarantine": "/srv/media-quarantine"},
        },
        {"name": "good", "user": None, "has_quarantine": False, "options": {**SITE, "name": "good"}},
    ]


@pytest.mark.parametrize(
    ("sites", "words"),
    [
        ("kit", "must be a list of sites"),
        ([{}], "must be a mapping with a name"),
        ([SITE, SITE], "two sites named 'kit'"),
        ([{**SITE, "quarantin": "/srv/kept"}], r"unknown keys: quarantin \(did you mean quarantine\?\)"),
        ([{**SITE, "permanent": True, "quarantine": "/k"}], "site 'kit': quarantine and permanent are both"),
        ([{**SITE, "quarantine_in_media_root": "perhaps"}], "it must be true or false"),
    ],
)
def test_a_description_that_is_not_usable_is_refused(sites: Any, words: str) -> None:
    with pytest.raises(AnsibleFilterError, match=words):
        cleanup_sites(sites)


def test_ansible_finds_the_filter() -> None:
    assert FilterModule().filters() == {"cleanup_sites": cleanup_sites}


def test_a_django_project_says_where_the_quarantine_is() -> None:
    django = {"project": "/srv/project"}
    known = {"name": "kit", "user": "www-data", "django": django}
    assert cleanup_sites([known, {**known, "name": "good", "permanent": True}]) == [
        {"name": "kit", "user": "www-data", "has_quarantine": True, "options": known},
        {
            "name": "good",
            "user": "www-data",
            "has_quarantine": False,
            "options": {**known, "name": "good"},
        },
    ]

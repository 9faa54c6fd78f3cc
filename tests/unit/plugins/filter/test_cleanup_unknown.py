# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

from __future__ import annotations

import re

import yaml

from ansible_collections.django_media.cleanup.plugins.filter.cleanup_unknown import FilterModule
from helpers.checkout import REPOSITORY

unknown = FilterModule().filters()["cleanup_unknown"]
# Nothing is near it.
FAR = "media_cleanup_" + 60 * "9"


def test_a_misspelled_variable_is_named_with_the_nearest_that_there_is() -> None:
    names = ["media_cleanup_site", "media_cleanup_sites", FAR, "media_root"]
    assert unknown(names) == [
        FAR,
        "media_cleanup_site (did you mean media_cleanup_sites?)",
    ]
    assert unknown(["media_cleanup_site", "media_cleanup_batch", "media_cleanup_paths"], True) == []


def test_all_that_the_role_and_the_playbooks_read_is_known() -> None:
    defaults = REPOSITORY / "roles" / "media_cleanup" / "defaults" / "main.yml"
    assert unknown(yaml.safe_load(defaults.read_text())) == []
    for name in (
        "cleanup.yml",
        "schedule.yml",
        "restore.yml",
        "tasks/run_jobs.yml",
        "tasks/purge.yml",
        "tasks/hand_on.yml",
        "tasks/compare.yml",
        "tasks/summary.yml",
    ):
        text = (REPOSITORY / "playbooks" / name).read_text()
        read = set(re.findall(r"(?<![\w.])media_cleanup_[a-z_]*[a-z](?![a-z_])", text))
        assert read
        assert unknown(read, name == "restore.yml") == [], name

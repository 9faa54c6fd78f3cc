# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""What a page exported, as the modules take it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.django_media.cleanup.plugins.filter.cleanup_reviews import cleanup_reviews
from helpers.pages import entry

PART = {
    "host": "web1",
    "site": "kit",
    "job": "orphans",
    "heading": "kit · orphans",
    "plan_id": "name",
    "plan": "token",
}
LIST = {"version": 1, "jobs": [entry(PART, ["p/a.jpg"])]}
JOBS = [{"index": 3, "heading": "kit · orphans"}]


@pytest.mark.promise(7)
def test_each_job_has_its_plan_and_what_is_kept_of_it() -> None:
    assert cleanup_reviews({}, "web1", JOBS) == {}
    assert cleanup_reviews(LIST, "web1", JOBS) == {
        "3": {"approved_plan": "token", "review": {"plan_id": "name", "keep": ["p/a.jpg"]}}
    }


@pytest.mark.promise(15)
def test_a_list_is_read_from_its_file_as_data(tmp_path: Path) -> None:
    file, part = tmp_path / "keep.yml", entry(PART, ["p/{{ lookup('pipe', 'id') }}.jpg"])
    file.write_text(json.dumps({"media_cleanup_keep": {"version": 1, "jobs": [part]}}))
    [review] = cleanup_reviews(str(file), "web1", JOBS).values()
    assert review["review"]["keep"] == ["p/{{ lookup('pipe', 'id') }}.jpg"]
    for text in ("", "{{ 1 }}", "[" * 100_000):
        file.write_text(text)
        with pytest.raises(AnsibleFilterError, match="no JSON text"):
            cleanup_reviews(str(file), "web1", JOBS)
    with pytest.raises(AnsibleFilterError, match="No such file"):
        cleanup_reviews(str(tmp_path / "nowhere"), "web1", JOBS)


@pytest.mark.promise(7)
def test_a_job_that_nobody_reviewed_fails() -> None:
    for host, jobs in (("web2", JOBS), ("web1", [*JOBS, {"index": 4, "heading": "kit · missing · photo"}])):
        with pytest.raises(AnsibleFilterError, match="nobody has reviewed"):
            cleanup_reviews(LIST, host, jobs)

# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""What a page exported, as the modules take it."""

from __future__ import annotations

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


@pytest.mark.promise(7)
def test_a_job_that_nobody_reviewed_fails() -> None:
    for host, jobs in (("web2", JOBS), ("web1", [*JOBS, {"index": 4, "heading": "kit · missing · photo"}])):
        with pytest.raises(AnsibleFilterError, match="nobody has reviewed"):
            cleanup_reviews(LIST, host, jobs)

# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Plans that one job of a workflow passes on to the next."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.django_media.cleanup.plugins.filter.cleanup_approval import cleanup_approval
from ansible_collections.django_media.cleanup.plugins.filter.cleanup_reviews import cleanup_reviews

PLAN = {
    "host": "web1",
    "site": "kit",
    "job": "orphans",
    "heading": "kit · orphans",
    "plan_id": "0123abcd",
    "plan": "eJw_token-==",
}
JOBS = [{"index": 3, "heading": "kit · orphans"}]


@pytest.mark.promise(7)
def test_what_is_passed_on_approves_these_plans_as_a_whole_and_no_other() -> None:
    passed_on = cleanup_approval([PLAN])
    assert cleanup_reviews(passed_on, "web1", JOBS) == {
        "3": {"approved_plan": "eJw_token-==", "review": {"plan_id": "0123abcd", "keep": []}}
    }
    with pytest.raises(AnsibleFilterError, match="nobody has reviewed it"):
        cleanup_reviews(passed_on, "web2", JOBS)
    with pytest.raises(AnsibleFilterError, match="nobody has reviewed it"):
        cleanup_reviews(cleanup_approval([]), "web1", JOBS)


@pytest.mark.promise(15)
@pytest.mark.parametrize("name", ["plan", "plan_id"])
@pytest.mark.parametrize("answer", ["{{ lookup('pipe', 'id') }}", "", "a\n", None, ["a"]])
def test_a_host_that_answers_a_template_instead_of_a_plan_is_refused(name: str, answer: object) -> None:
    with pytest.raises(AnsibleFilterError, match="the host 'web1' answered"):
        cleanup_approval([{**PLAN, name: answer}])

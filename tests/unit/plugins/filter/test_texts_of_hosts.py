# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""What hosts say stays text on the controller: no template, and nothing that a terminal obeys."""

from __future__ import annotations

import json
from typing import Any, Iterator

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar

from ansible_collections.django_media.cleanup.plugins.filter.cleanup_places import cleanup_places
from ansible_collections.django_media.cleanup.plugins.filter.cleanup_purge_rows import cleanup_purge_rows
from ansible_collections.django_media.cleanup.plugins.filter.cleanup_question import cleanup_question
from ansible_collections.django_media.cleanup.plugins.filter.cleanup_rows import cleanup_rows
from ansible_collections.django_media.cleanup.plugins.filter.cleanup_summary import cleanup_summary
from ansible_collections.django_media.cleanup.plugins.filter.cleanup_texts import cleanup_texts
from ansible_collections.django_media.cleanup.plugins.filter.cleanup_verdicts import cleanup_verdicts
from helpers.ansible_texts import a_template, is_template
from helpers.fleet import at, job, plan, rows

TEMPLATE = a_template("{{ 6 * 7 }}")
HOSTS = {"all": ["web1"], "begun": ["web1"], "planned": ["web1"]}
FAILED = {"msg": TEMPLATE, "status": "failed"}
PLACES = [{"item": "kit", "rc": 0, "stdout": json.dumps({"database": TEMPLATE})}]
PLANS = {"jobs": [{**job(), **FAILED, "item": 0, "site": "kit"}], "purges": []}
QUOTED = {
    "jobs": [{**plan(3), "item": 0, "heading": "kit", "dependents": {TEMPLATE: {"deleted": 1}}}],
    "purges": [],
}
# As no filter has had them before.
ROWS = [{**row, "reason": TEMPLATE} for row in rows(FAILED)]
SHARED = [{**row, "task": TEMPLATE + row["host"]} for row in rows(*[plan(3, **at("db", "media"))] * 2)]


def texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for each in value.values():
            yield from texts(each)
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from texts(each)
    elif isinstance(value, str):
        yield value


@pytest.mark.promise(15)
@pytest.mark.parametrize(
    "said",
    [
        pytest.param(lambda: cleanup_rows({"0": FAILED}, "web1", [job()]), id="plans"),
        pytest.param(lambda: cleanup_rows({"0": FAILED}, "web1", [], rows(plan(3))), id="ended"),
        pytest.param(lambda: cleanup_purge_rows([{"item": 0, **FAILED}], "web1", [job()]), id="purges"),
        pytest.param(lambda: cleanup_places(PLACES, "web1"), id="places"),
        pytest.param(lambda: cleanup_verdicts(SHARED), id="verdicts"),
        pytest.param(lambda: cleanup_summary(ROWS, HOSTS, {}, "clean"), id="summary"),
        pytest.param(lambda: cleanup_question([["web1", QUOTED, [0], {}, [True]]]), id="question"),
        pytest.param(lambda: cleanup_texts({"web1": PLANS}, {}), id="texts"),
        pytest.param(lambda: cleanup_texts({"web1": PLANS}, {}, False), id="lines"),
    ],
)
def test_what_a_host_says_is_no_template(said: Any) -> None:
    """With ansible-core 2.18 each text of a variable is a template unless somebody says otherwise; since then
    a text is one that is said to be."""
    found = [text for text in texts(said()) if TEMPLATE in text]
    assert found, "it is quoted"
    for text in found:
        assert not is_template(text)
        assert Templar(DataLoader(), {}).template(text) == text

# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""The list that a page exports: bound to host and job, whole, and with something about each job."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from engine.config.review import reviews
from engine.errors import SiteError
from helpers.pages import entry

pytestmark = pytest.mark.promise(7)

HEADINGS = ["kit · orphans", "kit · missing · photo", "kit · missing · photo"]
PARTS = [
    {
        "host": host,
        "site": "kit",
        "job": "orphans",
        "heading": heading,
        "plan_id": f"{at}",
        "plan": f"token {at}",
    }
    for host in ("web1", "web2")
    for at, heading in enumerate(HEADINGS)
]
LIST = {
    "media_cleanup_keep": {
        "version": 1,
        "jobs": [entry(part, [f"p/é{part['plan_id']}.jpg"]) for part in PARTS],
    }
}


def test_each_job_has_its_decisions_in_the_order_of_the_description() -> None:
    for document in (LIST, LIST["media_cleanup_keep"]):
        found = reviews(document, "web2", HEADINGS)
        assert [(each.plan_id, each.plan, *each.keep) for each in found] == [
            ("0", "token 0", "p/é0.jpg"),
            ("1", "token 1", "p/é1.jpg"),
            ("2", "token 2", "p/é2.jpg"),
        ]
    assert reviews(LIST, "web1", [HEADINGS[0]])[0].plan == "token 0"


def test_what_nobody_reviewed_is_refused() -> None:
    for host, headings in (
        ("web3", HEADINGS),
        ("web1", ["kit · incomplete · photo"]),
        ("web1", HEADINGS * 2),
    ):
        with pytest.raises(SiteError, match="nobody has reviewed"):
            reviews(LIST, host, headings)


def _change(entry: Any) -> None:
    entry["keep"].append("p/b.jpg")


CHANGES = [
    _change,
    lambda entry: entry["keep"].clear(),
    lambda entry: entry.update(keep=["p/other.jpg"]),
    lambda entry: entry.update(host="web2"),
    lambda entry: entry.update(plan_id="9"),
    lambda entry: entry.update(plan="another"),
    lambda entry: entry.update(heading="kit · other"),
    lambda entry: entry.update(count=7),
    lambda entry: entry.update(checksum="00000000"),
]


@pytest.mark.parametrize("change", CHANGES)
def test_a_list_that_was_changed_is_refused(change: Any) -> None:
    changed = copy.deepcopy(LIST)
    change(changed["media_cleanup_keep"]["jobs"][0])
    with pytest.raises(SiteError, match="changed or cut off"):
        reviews(changed, "web2", HEADINGS)


NO_LISTS = [
    None,
    [],
    "text",
    {},
    {"media_cleanup_keep": []},
    {"version": 1, "jobs": {}},
    {"version": 1, "jobs": [7]},
    {"version": 1, "jobs": [{"host": "web1"}]},
    {"version": 1, "jobs": [{**entry(PARTS[0], []), "keep": [7]}]},
    {"version": 2, "jobs": []},
]


@pytest.mark.parametrize("document", NO_LISTS)
def test_what_is_no_list_is_refused(document: Any) -> None:
    with pytest.raises(SiteError, match="the keep list"):
        reviews(document, "web1", HEADINGS)

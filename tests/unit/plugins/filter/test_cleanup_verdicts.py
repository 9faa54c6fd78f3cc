# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Which jobs are held back once the plans of all hosts of a run are known."""

from __future__ import annotations

import json
import random
from typing import Any, Sequence

import pytest

from ansible_collections.django_media.cleanup.plugins.filter.cleanup_accept import cleanup_accept
from ansible_collections.django_media.cleanup.plugins.filter.cleanup_places import cleanup_places
from ansible_collections.django_media.cleanup.plugins.filter.cleanup_verdicts import cleanup_verdicts
from ansible_collections.django_media.cleanup.plugins.module_utils._fleet import outliers
from helpers.fleet import at, host_rows, job, plan, refused, rows

SITE = at("postgresql:1@db:5432/kit", "nfs4 nas:/media:7")


def held(found: Sequence[Any], accept: Any = None) -> dict[str, list[str]]:
    """By host, the states of what is held back."""
    return {
        host: [each["state"] for each in verdict["held"].values()]
        for host, verdict in cleanup_verdicts(found, accept).items()
        if verdict["held"]
    }


# One site, several hosts.


@pytest.mark.promise("guards")
def test_hosts_that_share_database_and_media_clean_once_on_the_first() -> None:
    found = rows(plan(3), plan(3, **SITE), plan(3), plan(3, **SITE), plan(3, **SITE))
    assert held(found) == {"web4": ["shared"], "web5": ["shared"]}
    assert not any(verdict["warnings"] for verdict in cleanup_verdicts(found).values())
    [verdict] = cleanup_verdicts(found)["web5"]["held"].values()
    assert "web2" in verdict["reason"]
    # What cannot be compared with other hosts is nobody else's.
    assert held(rows(plan(3), plan(3))) == {}


def test_the_first_host_stays_the_first_where_its_plan_is_refused() -> None:
    assert held(rows(plan(3, **SITE, **refused("marker")), plan(3, **SITE))) == {"web2": ["shared"]}
    # Of a host without a plan nobody knows which site it has.
    assert held(rows({"msg": "no route"}, plan(3, **SITE), plan(3, **SITE))) == {"web3": ["shared"]}


def test_a_job_that_the_first_host_has_not_is_held_too_and_said() -> None:
    found = [*rows(plan(3, **SITE)), *host_rows("web2", plan(1, **SITE), kind="missing", table="photo")]
    assert held(found) == {"web2": ["shared"]}
    [verdict] = cleanup_verdicts(found)["web2"]["held"].values()
    assert "'missing · photo'" in verdict["reason"]


def test_two_sites_of_one_host_are_its_own() -> None:
    assert held(host_rows("web1", plan(1, **SITE), plan(2, **SITE))) == {}


OTHER_MEDIA = at("postgresql:1@db:5432/kit", "ext:1@b")
OTHER_DATABASE = at("postgresql:1@db:5432/staging", "nfs4 nas:/media:7")


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (OTHER_MEDIA, "its database is also that of web"),
        (OTHER_DATABASE, "its media store is also that of web"),
    ],
)
def test_hosts_that_share_one_of_the_two_are_warned(other: dict[str, Any], words: str) -> None:
    found = rows(plan(0, **SITE), plan(0, **other), plan(3, **at("a", "b")))
    verdicts = cleanup_verdicts(found)
    assert held(found) == {}
    assert {host: len(verdict["warnings"]) for host, verdict in verdicts.items()} == {"web1": 1, "web2": 1}
    assert f"kit: {words}2" in verdicts["web1"]["warnings"][0]
    assert f"kit: {words}1" in verdicts["web2"]["warnings"][0]


@pytest.mark.promise("guards")
@pytest.mark.parametrize(
    ("kind", "other", "accept"),
    [
        ("orphans", OTHER_DATABASE, "shared_media"),
        ("missing", OTHER_MEDIA, "shared_database"),
        ("incomplete", OTHER_MEDIA, "shared_database"),
    ],
)
def test_what_one_site_would_take_from_another_is_held_back(
    kind: str, other: dict[str, Any], accept: str
) -> None:
    records = {"found": {"records": 3, "files": 3, "bytes": 9}}
    mine, theirs = ({**plan(3, **each), **records} for each in (SITE, other))
    found = rows(mine, theirs, {**plan(3, **at("a", "b")), **records}, kind=kind)
    assert held(found) == {"web1": ["refused"], "web2": ["refused"]}
    [verdict] = cleanup_verdicts(found)["web2"]["held"].values()
    assert "is also that of web1" in verdict["reason"]
    assert f"-e media_cleanup_accept={accept} --limit web2" in verdict["reason"]
    assert held(found, accept) == {}
    assert held(found, "outlier") == held(found)
    assert cleanup_accept(f"{accept},marker") == ["marker"]


def test_what_takes_nothing_from_another_site_goes_on() -> None:
    # A common database says nothing of files that no row references, nor a common media store of rows.
    assert held(rows(plan(3, **SITE), plan(3, **OTHER_MEDIA))) == {}
    records = {"found": {"records": 3, "files": 3, "bytes": 9}}
    plans = ({**plan(3, **each), **records} for each in (SITE, OTHER_DATABASE))
    assert held(rows(*plans, kind="missing")) == {}


@pytest.mark.promise("guards")
def test_two_sites_of_one_host_that_share_a_media_store_are_held_back_too() -> None:
    found = [*host_rows("web1", plan(3, **SITE)), *host_rows("web1", plan(3, **OTHER_DATABASE), name="shop")]
    found[1]["index"] = 1
    assert held(found) == {"web1": ["refused", "refused"]}
    reasons = [verdict["reason"] for verdict in cleanup_verdicts(found)["web1"]["held"].values()]
    assert "also that of the site shop" in reasons[0]
    assert "also that of the site kit" in reasons[1]


@pytest.mark.promise("guards")
def test_a_schedule_of_half_a_site_is_refused() -> None:
    places = [
        cleanup_places([{"item": "kit", "rc": 0, "stdout": json.dumps(each["identity"])}], host)
        for host, each in (("web1", SITE), ("web2", OTHER_DATABASE))
    ]
    assert held([row for found in places for row in found]) == {"web1": ["refused"], "web2": ["refused"]}


def test_a_quarantine_of_a_job_that_needs_attention_is_left_out() -> None:
    purge = {"job": "purge", "index": -1, "of_jobs": [0], "examined": 0, "changes": 0, "state": "planned"}
    for first in (plan(3, **refused("marker")), {"msg": "no route"}, plan(3, **OTHER_DATABASE)):
        [job_row] = host_rows("web1", first)
        found = [job_row, {**job_row, **purge}, *host_rows("web2", plan(3, **SITE))]
        assert cleanup_verdicts(found)["web1"]["left_out"] == [0]
    [well] = host_rows("web1", plan(3))
    assert cleanup_verdicts([well, {**well, **purge}]) == {}


def test_a_warning_names_a_few_hosts_however_many_there_are() -> None:
    found = rows(*(plan(3, **at("db", f"media{number}")) for number in range(300)))
    [warning] = cleanup_verdicts(found)["web1"]["warnings"]
    assert "web2, web3, web4 and 296 more" in warning


@pytest.mark.promise(15)
def test_what_a_host_sends_makes_no_comparison_of_all_hosts_fail() -> None:
    odd = {
        **plan(3),
        "identity": {"database": ["a"], "media": {"b": None}},
        "found": {"files": "3", "records": 0, "more": [1]},
    }
    assert held(rows(plan(3, **SITE), odd, plan(3, **SITE))) == {"web3": ["shared"]}
    for broken in ({"found": {"files": "many"}}, {"identity": "x"}, {"refused": ["x"]}):
        with pytest.raises((AttributeError, KeyError, TypeError, ValueError)):
            host_rows("web1", {**plan(), **broken})


def test_what_the_command_says_of_each_site_is_compared_too() -> None:
    said = {"rc": 0, "stdout": json.dumps(SITE["identity"])}
    first = cleanup_places([{**said, "item": "kit"}, {"item": "down", "rc": 1, "stdout": ""}], "web1")
    second = cleanup_places([{**said, "item": "kit"}], "web2")
    assert [row["site"] for row in first] == ["kit"]
    assert held([*first, *second]) == {"web2": ["shared"]}
    assert set(first[0]) == set(rows(plan(1))[0])
    for odd in ("", "[]", "[" * 100_000, "{}", '{"database": [1]}'):
        assert held([*first, *cleanup_places([{"item": "kit", "rc": 0, "stdout": odd}], "web2")]) == {}


# Outliers.


@pytest.mark.promise("guards")
def test_a_host_that_stands_out_is_held_back_and_says_why() -> None:
    found = rows(*(plan(number) for number in (1, 2, 2, 3, 2)), plan(40))
    assert held(found) == {"web6": ["outlier"]}
    [verdict] = cleanup_verdicts(found)["web6"]["held"].values()
    assert "40 of 100 files would be removed, 40 %" in verdict["reason"]
    assert "median of 6 comparable hosts is 2 % (limit 7 %)" in verdict["reason"]
    assert "--limit web6 -e media_cleanup_accept=outlier" in verdict["reason"]


@pytest.mark.parametrize(
    ("shares", "limit"),
    [
        # All alike: the floor.
        ([2, 2, 2, 2, 2], 7.0),
        # The distances from 10 are 8, 4, 0, 4, 8: their median is 4.
        ([2, 6, 10, 14, 18], 10 + 3 * 1.4826 * 4),
        # One host, however bad, moves neither median far.
        ([2, 2, 2, 2, 100], 7.0),
    ],
)
def test_the_limit_is_the_median_and_a_spread_with_a_floor(shares: list[float], limit: float) -> None:
    assert outliers.group_of(shares, len(shares)).limit == pytest.approx(limit)


def test_a_small_group_says_nothing() -> None:
    assert held(rows(plan(0), plan(0), plan(0), plan(90))) == {}
    assert held(rows(plan(0), plan(0), plan(0), plan(0), plan(90))) == {"web5": ["outlier"]}
    # Five plans of one host are no five hosts.
    assert held(host_rows("web1", plan(0), plan(0), plan(0), plan(0), plan(90))) == {}


def test_few_files_and_a_lower_share_are_no_outliers() -> None:
    assert held(rows(*[plan(0)] * 5, plan(9, examined=12))) == {}
    assert held(rows(*[plan(0)] * 5, plan(10, examined=12))) == {"web6": ["outlier"]}
    assert held(rows(*[plan(50)] * 5, plan(0))) == {}
    assert held(rows(*[plan(0)] * 5, plan(0, examined=0))) == {}


def test_a_site_is_compared_with_those_of_its_name_where_there_are_enough() -> None:
    old = [row for host in range(5) for row in host_rows(f"old{host}", plan(40), name="archive")]
    new = [row for host in range(9) for row in host_rows(f"new{host}", plan(1))]
    # Each archive is as dirty as the others.
    assert held([*old, *new]) == {}
    # Of these, too few have one name: they are compared with every site.
    customers = [row for host in range(5) for row in host_rows(f"c{host}", plan(1), name=f"customer{host}")]
    dirty = host_rows("c5", plan(40), name="customer5")
    assert held([*customers, *dirty]) == {"c5": ["outlier"]}


def test_what_is_not_whole_is_not_compared_and_what_is_refused_is_not_held_again() -> None:
    partial = plan(90, **refused("partial"))
    assert held(rows(*[plan(0)] * 4, partial)) == {}
    assert held(rows(*[plan(0)] * 3, partial, plan(90))) == {}
    assert held(rows(*[plan(0)] * 4, plan(90, **refused("max_removal_percent")))) == {}
    # A shared site counts once.
    assert held(rows(*[plan(0, **SITE)] * 4, plan(90))) == {f"web{n}": ["shared"] for n in (2, 3, 4)}


def test_rows_that_are_emptied_or_relinked_are_changes_too() -> None:
    relinked, cleared = plan(0, relinked={"found": 30}), plan(0, cleared={"found": 30})
    for odd in (relinked, cleared):
        assert held(rows(*[plan(0)] * 5, odd, kind="missing", table="photo")) == {"web6": ["outlier"]}


def test_an_outlier_can_be_accepted() -> None:
    found = rows(*[plan(0)] * 5, plan(90), plan(3, **SITE), plan(3, **SITE))
    for accept in ("outlier", " path_mismatch, outlier", ["outlier"]):
        assert held(found, accept) == {"web8": ["shared"]}
    for accept in (None, "", [], "path_mismatch"):
        assert held(found, accept) == {"web6": ["outlier"], "web8": ["shared"]}
    assert cleanup_accept("outlier, path_mismatch") == cleanup_accept(["path_mismatch"]) == ["path_mismatch"]
    assert cleanup_accept("outlier") == cleanup_accept("") == cleanup_accept(None) == []


def test_the_order_of_hosts_does_not_matter_to_outliers() -> None:
    found = rows(*(plan(number % 4) for number in range(30)), plan(60), plan(80))
    random.Random(1).shuffle(found)
    assert set(held(found)) == {"web31", "web32"}


def test_earlier_batches_are_compared_with_and_not_judged_again() -> None:
    done = [{**row, "state": "done"} for row in rows(*[plan(0)] * 4, plan(90))]
    assert held(done) == {}
    assert held([*done, *host_rows("web6", plan(80))]) == {"web6": ["outlier"]}


def test_jobs_are_called_what_they_are_on_each_host() -> None:
    assert job(name="kit", kind="missing", table="photo")["heading"] == "kit · missing · photo"
    assert host_rows("web1", plan(1), kind="missing", table="photo")[0]["task"] == "missing · photo"

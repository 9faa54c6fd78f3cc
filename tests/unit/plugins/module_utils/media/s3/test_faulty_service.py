# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Requests of a run are cut, late, refused or repeated on their way; ``make soak`` does it for long."""

from __future__ import annotations

import random
from typing import Any, Callable, Iterator

import pytest

from helpers.bucket_sites import BucketSite, bucket_round, honestly, impatient_clients, purge_round
from helpers.databases import TestDatabase
from helpers.rounds import Figures
from helpers.s3_proxy import FaultyProxy, S3Fault
from helpers.s3_servers import MINISTACK, S3Server, Service


@pytest.fixture
def site(s3_servers: Callable[[Service], S3Server], sqlite: TestDatabase) -> Iterator[BucketSite]:
    server = s3_servers(MINISTACK)
    with FaultyProxy(server.port).running() as proxy, impatient_clients():
        yield BucketSite(sqlite, server, proxy)


@pytest.mark.promise(4)
@pytest.mark.promise(10)
@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("orphans", S3Fault("cut after", 44)),
        ("orphans", S3Fault("slow down", 55, lasting=True)),
        ("incomplete", S3Fault("kill after", 40)),
        ("orphans", S3Fault("twice", 1, lasting=True)),
        ("missing", S3Fault("broken after", 30, lasting=True)),
    ],
    ids=str,
)
def test_what_happens_to_a_request_loses_nothing(site: BucketSite, name: str, fault: S3Fault) -> None:
    figures = Figures()
    ended = bucket_round(site, name, honestly(site, name), fault, figures)
    assert figures.losses == []
    assert figures.tracebacks == []
    assert ended.how == ("killed" if fault.kind.startswith("kill") else ended.how)


@pytest.mark.promise(10)
def test_a_restore_whose_requests_arrive_twice_loses_nothing(site: BucketSite) -> None:
    figures: Any = Figures()
    site.run("orphans")
    bucket_round(site, "orphans", site.restore_all, S3Fault("twice", 1, lasting=True), figures)
    assert (figures.losses, figures.tracebacks) == ([], [])


@pytest.mark.promise(10)
@pytest.mark.parametrize("versioned", [False, True], ids=["copies", "versions"])
def test_a_purge_that_is_killed_keeps_what_is_referenced_and_touches_nothing_else(
    s3_servers: Callable[[Service], S3Server], sqlite: TestDatabase, versioned: bool
) -> None:
    """One of the files is referenced again by then, and another has come anew under its old name."""
    server, figures = s3_servers(MINISTACK), Figures()
    with FaultyProxy(server.port).running() as proxy, impatient_clients():
        site = BucketSite(sqlite, server, proxy, versioned)
        purge_round(site, "incomplete", S3Fault("kill after", 70), random.Random(3), figures)
    assert (figures.losses, figures.tracebacks) == ([], [])
    assert figures.ends == {"killed": 1}

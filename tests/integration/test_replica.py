# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""A replica may lag, and what it has not heard of looks like an orphan: no removal is planned there."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any, Iterator
from urllib.parse import urlsplit

import psycopg2
import pytest

from engine.apply import restore
from engine.config import jobs as sites
from engine.errors import CleanupError
from helpers.clock import until
from helpers.modules import run_module
from helpers.servers import running
from helpers.sites import Site

pytestmark = pytest.mark.promise("guards")

JOBS = ("orphans", "missing", "incomplete")


@pytest.fixture(scope="module")
def standby(postgresql_server: str) -> Iterator[str]:
    """The URL of a second server, which follows the first one by streaming replication."""
    with running(following=postgresql_server) as server:
        yield server.url


@pytest.fixture
def site_and_standby(tmp_path: Path, postgresql: Any, standby: str) -> tuple[Site, str]:
    """A site with work for each job, and the URL of its database on the standby."""
    site = Site(tmp_path, postgresql)
    site.keep(*(f"photos/{number}.jpg" for number in range(9)))
    site.keep("photos/incomplete.jpg", attached=False)
    site.insert("photos/missing.jpg")
    site.write("photos/orphan.jpg")
    there = urlsplit(standby)._replace(path=urlsplit(postgresql.url).path).geturl()
    until(lambda: _has_followed(there))
    return site, there


def _has_followed(url: str) -> bool:
    try:
        with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT pg_is_in_recovery(), count(*) FROM collection_photo")
            return cursor.fetchone() == (True, 11)
    except psycopg2.Error:
        return False


def _tasks(site: Site, url: str, **more: Any) -> dict[str, Any]:
    options = {"database_url": url, "quarantine": str(site.folder / "kept"), **more}
    return {
        "orphans": site.orphans(**options),
        "missing": site.records(**options),
        "incomplete": site.records(select="incomplete", **options),
    }


@pytest.mark.parametrize("job", JOBS)
def test_on_a_replica_nothing_is_removed_and_the_list_can_be_looked_at(
    site_and_standby: tuple[Site, str], job: str
):
    site, url = site_and_standby
    before = site.state()
    tasks = _tasks(site, url)
    checked = run_module(tasks[job], check=True)
    assert not checked["failed"]
    assert [refusal["guard"] for refusal in checked["refused"]] == ["replica"]
    assert "Point database_url at the primary" in str(checked["warnings"])
    assert not checked["changed"]
    assert checked["found"]["records" if job != "orphans" else "files"] == 1
    assert site.state() == before

    applied = run_module(tasks[job])
    assert applied["failed"]
    # An orphan needs no write to the database, so that it is the guard alone that keeps it.
    assert "replica" in applied["msg"]
    assert site.files == [f"photos/{name}.jpg" for name in (*range(9), "incomplete", "orphan")]
    assert len(site.images) == 11


def test_the_same_goes_from_the_primary(site_and_standby: tuple[Site, str]):
    site, _url = site_and_standby
    for job, task in _tasks(site, site.database.url).items():
        result = run_module(task)
        assert result["refused"] == [], job
        assert result["changed"], job


def test_a_replica_takes_no_rows_back(site_and_standby: tuple[Site, str]):
    site, url = site_and_standby
    batch = run_module(_tasks(site, site.database.url)["incomplete"])["batch"]
    options = {"database_url": url, "media_root": str(site.media), "quarantine": str(site.folder / "kept")}
    files = site.files
    for check in (True, False):
        with pytest.raises(CleanupError, match="Point database_url at the primary"):
            restore.restore(sites.site(options), batch, [], check=check)
    assert site.files == files
    restored = restore.restore(
        sites.site({**options, "database_url": site.database.url}), batch, [], check=False
    )
    assert restored.totals.records == 1

# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Media in a bucket: the listing and its merge, beside a pipeline of tools and the ways of two applications.

The server of the bucket is the same for all, so only what its clients need is counted.
"""

from __future__ import annotations

import http.client
import io
import random
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Iterator
from urllib.parse import quote, urlsplit

import psycopg2
from contests import PEERS, Contest, Contestant, engine
from measure import Bench, Measurement
from sites import ONE_IN, SHAPES, execute

from helpers.s3_servers import SEAWEEDFS, S3Server, running_s3

# Keys of the listing that no server holds.
SIMULATED = 10_000_000
# What the engine may need beyond a client that does nothing, in MiB, at any number of objects.
MOST_MEMORY = 48
_BUCKET, _PREFIX = "media", "site/"
_THREADS = 6
_IDLE = "boto3 that does nothing"


def contests(folder: Path, server: str, size: int) -> Iterator[Contest]:
    """Orphans in a bucket of so many objects, whose database is on this PostgreSQL."""
    keys = list(_keys(size))
    with running_s3(replace(SEAWEEDFS, asks_who=False)) as bucket:
        _fill(bucket, keys)
        url = _fill_postgresql(server, keys)
        yield _orphans(bucket, url, size)


def simulation() -> Contest:
    """The listing of more keys than a server could hold here."""
    peer = [sys.executable, str(PEERS / "simulated_bucket.py")]
    return _Bounded(
        f"bucket, listing of {SIMULATED:,} simulated keys",
        [
            Contestant(_IDLE, [*peer, "idle", str(SIMULATED)]),
            Contestant("engine's listing, one folder", [*peer, "flat", str(SIMULATED)], is_slow=True),
            Contestant(
                "engine's listing, a thousand folders", [*peer, "folders", str(SIMULATED)], is_slow=True
            ),
            Contestant("engine's listing, in no order", [*peer, "mixed", str(SIMULATED)], is_slow=True),
        ],
        SIMULATED,
    )


class _Bounded(Contest):
    """Fails where the engine needs more memory beyond an idle client than it may."""

    def run(self, bench: Bench, rounds: int) -> dict[str, Measurement]:
        measured = super().run(bench, rounds)
        most = measured[_IDLE].peak + MOST_MEMORY
        for name, one in measured.items():
            if name.startswith("engine") and one.peak > most:
                raise RuntimeError(f"{self.work}: {name} needed {one.peak:.0f} MiB, more than {most:.0f}")
        return measured


def _orphans(bucket: S3Server, url: str, size: int) -> Contest:
    where = [bucket.url, _BUCKET, _PREFIX, url]
    options = {
        "database_url": url,
        "media_root": f"s3://{_BUCKET}/{_PREFIX}",
        "storage_options": bucket.options,
        "directories": ["uploads"],
        "references": [{"table": "photo", "column": "image"}],
        "older_than_hours": 0,
        "permanent": True,
    }
    queries = [sys.executable, str(PEERS / "bucket_queries.py")]
    orphans = len(range(0, size, ONE_IN))
    return _Bounded(
        f"bucket, orphans, {size:,} objects, postgresql",
        [
            Contestant("rclone lsf, psql, sort and comm", [str(PEERS / "bucket_pipeline.sh"), *where]),
            Contestant(_IDLE, [*queries, "nothing", *where], lambda _output: orphans),
            Contestant("engine", engine("orphans", options)),
            Contestant("engine, without the sweep", engine("orphans", {**options, "sweep": False})),
            Contestant("Mastodon's way: a query a page", [*queries, "page", *where], is_slow=True),
            Contestant("Zulip's way: a query an object", [*queries, "object", *where], is_slow=True),
        ],
        orphans,
    )


def _keys(size: int) -> Iterator[str]:
    for number in range(size):
        yield f"{SHAPES['sharded'](number, size)}/IMG_{number:07}.jpg"


def _fill(bucket: S3Server, keys: list[str]) -> None:
    """Write empty objects, without a signature: boto3 takes long for one, and nobody asks for it here."""
    bucket.client().create_bucket(Bucket=_BUCKET)
    with ThreadPoolExecutor(_THREADS) as threads:
        for _written in threads.map(
            lambda part: _put(bucket, part), (keys[n::_THREADS] for n in range(_THREADS))
        ):
            pass


def _put(bucket: S3Server, keys: list[str]) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", bucket.port)) as connection:
        for key in keys:
            connection.request("PUT", quote(f"/{_BUCKET}/{_PREFIX}{key}"), body=b"")
            answer = connection.getresponse()
            answer.read()
            if answer.status != http.client.OK:
                raise RuntimeError(f"the server answered {answer.status} to a PUT")


def _fill_postgresql(server: str, keys: list[str]) -> str:
    """A table that references most of the objects, with an index, without which nobody could ask for one."""
    execute(server, "DROP DATABASE IF EXISTS bucket", "CREATE DATABASE bucket")
    url = urlsplit(server)._replace(path="/bucket").geturl()
    execute(url, "CREATE TABLE photo (id bigserial PRIMARY KEY, image varchar(100) NOT NULL UNIQUE)")
    named = [key for number, key in enumerate(keys) if number % ONE_IN]
    random.Random(1).shuffle(named)
    with closing(psycopg2.connect(url)) as connection:
        with connection.cursor() as cursor:
            cursor.copy_expert(
                "COPY photo (image) FROM STDIN", io.StringIO("".join(f"{key}\n" for key in named))
            )
        connection.commit()
    execute(url, "VACUUM ANALYZE")
    return url

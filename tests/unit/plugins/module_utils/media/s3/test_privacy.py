# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""What is in quarantine is read by nobody else: that is tried, without a name, before anything is removed."""

from __future__ import annotations

import json
import threading
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, Callable, Iterator

import pytest

from engine.config.jobs import orphans_job
from engine.errors import CleanupError, QuarantineError
from engine.media.s3 import client
from engine.media.s3.place import StorageOptions
from engine.media.s3.private.bucket import PrivateBucket
from helpers.builders import guards, run
from helpers.databases import TestDatabase
from helpers.s3_servers import SEAWEEDFS, S3Server, Service

pytestmark = pytest.mark.usefixtures("asks_anybody")
PUBLIC = r"anybody may read what is at s3://.*/kept/"


@pytest.fixture
def guarded(s3_servers: Callable[[Service], S3Server], make_kit: Any) -> Iterator[Any]:
    made = make_kit(s3_servers(SEAWEEDFS))
    yield made
    made.bucket.close()


def let_anybody_read(kit: Any, keys: str) -> None:
    resource = f"arn:aws:s3:::{kit.name}/{keys}"
    statement = {"Effect": "Allow", "Principal": "*", "Action": ["s3:GetObject"], "Resource": [resource]}
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    kit.client.put_bucket_policy(Bucket=kit.name, Policy=json.dumps(policy))


def test_a_place_that_anybody_may_read_is_refused(kit: Any) -> None:
    with kit.folder() as folder:
        if kit.service.asks_who:
            folder.lock()
            return
        with pytest.raises(QuarantineError, match=PUBLIC):
            folder.lock()
    assert kit.keys() == []


def test_a_policy_of_the_bucket_decides(guarded: Any) -> None:
    # As most sites have it: anybody may read the media.
    let_anybody_read(guarded, "media/*")
    with guarded.folder() as folder:
        folder.lock()
    let_anybody_read(guarded, "*")
    with guarded.folder() as folder, pytest.raises(QuarantineError, match=PUBLIC):
        folder.lock()
    assert guarded.keys() == []


def test_nothing_is_removed_where_anybody_would_read_it(guarded: Any, sqlite: TestDatabase) -> None:
    sqlite.run("CREATE TABLE photo (id integer PRIMARY KEY, image varchar(200))")
    sqlite.run("INSERT INTO photo VALUES (1, 'a.jpg')")
    guarded.put("media/a.jpg")
    guarded.put("media/orphan.jpg")
    job = orphans_job(
        {
            "name": "album",
            "database_url": sqlite.url,
            "media_root": f"s3://{guarded.name}/media",
            "quarantine": f"s3://{guarded.name}/kept",
            "storage_options": {name: value for name, value in vars(guarded.options).items() if value},
            "directories": ["."],
            "references": [{"table": "photo", "column": "image"}],
            "max_removal_percent": 100,
            "older_than_hours": 0,
        }
    )
    let_anybody_read(guarded, "*")
    with pytest.raises(CleanupError, match=PUBLIC):
        run(job, check=False)
    assert guarded.keys("media/") == ["media/a.jpg", "media/orphan.jpg"]
    # Once something is there, a check knows it too.
    guarded.put("kept/20261121T020003Z-orphans-4f1c9d07/manifest.jsonl/000001-000000", b"")
    plan, _outcome = run(job, check=True)
    assert guards(plan) == ["quarantine"]
    assert "anybody may read" in plan.refusals[0].message
    let_anybody_read(guarded, "media/*")
    plan, _outcome = run(job, check=True)
    assert guards(plan) == []


# Said to the client, which would otherwise use the connection once more.
CLOSED = "Content-Length: 0\r\nConnection: close"


@contextmanager
def answering(status: int) -> Iterator[str]:
    """The address of a service that answers every request so, as a proxy in front of a bucket may."""

    class Handler(BaseHTTPRequestHandler):
        def handle_one_request(self) -> None:
            if self.rfile.readline():
                while self.rfile.readline().strip():
                    pass
                self.wfile.write(f"HTTP/1.1 {status} Answer\r\n{CLOSED}\r\n\r\n".encode())
            self.close_connection = True

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("status", [400, 401, 403, 404, 408, 429, 500, 503])
def test_only_a_refusal_proves_that_a_place_is_private(status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "ATTEMPTS", 1)
    with answering(status) as address:
        options = StorageOptions(address, "us-east-1", "testing", "secret", addressing_style="path")
        with closing(PrivateBucket("uploads", options)) as bucket:
            if status in (400, 401, 403):
                bucket.require_private("kept/.lock")
                return
            with pytest.raises(OSError, match=f"status {status}"):
                bucket.require_private("kept/.lock")

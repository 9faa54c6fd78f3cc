# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""What a page to review shows of media in a bucket: pictures of a plan, and those of a batch."""

from __future__ import annotations

import io
from typing import Any, Callable

from PIL import Image

from engine.quarantine.place import place_of
from engine.quarantine.store import batches
from engine.report.page.batches import emit_batch
from engine.report.page.document import Limits, emit_document
from engine.report.page.dry_runs import DryRuns
from engine.report.page.page import read_documents
from helpers.builders import run
from helpers.databases import TestDatabase
from helpers.pages import paths_of
from helpers.s3_kit import S3Kit
from helpers.s3_servers import MINISTACK, S3Server, Service
from helpers.s3_sites import orphans_in, photos_in, wait_until_old


def test_the_pictures_of_a_plan_and_of_a_batch_in_a_bucket_are_shown(
    s3_servers: Callable[[Service], S3Server], sqlite: TestDatabase
) -> None:
    kit, picture = S3Kit(s3_servers(MINISTACK)), io.BytesIO()
    Image.new("RGB", (400, 300), "#08f").save(picture, "JPEG")
    kit.write(b"p/1.jpg", content=picture.getvalue())
    kit.write(b"p/broken.jpg", b"p/kept.jpg")
    photos_in(sqlite, [b"p/kept.jpg"])
    wait_until_old()
    job = orphans_in(kit, sqlite, "p", max_removal_percent=100)
    texts: list[Any] = []
    plan, _outcome = run(job, check=True)
    emit_document(job, plan, Limits(1 << 20, 10), texts.append)
    run(job, check=False)
    for info in batches(place_of(job.site)):
        emit_batch(job.site, info, DryRuns([], []), Limits(1 << 20, 10), texts.append)
    [planned], [kept] = (read_documents(texts[0]), read_documents(texts[1], "batch"))
    for found in (planned, kept):
        assert paths_of(found) == ["p/1.jpg", "p/broken.jpg"]
        assert (set(found["pictures"]), list(found["no_picture"])) == ({"0"}, ["1"])

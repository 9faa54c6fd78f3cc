# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Orphans in a bucket as two applications look for them: bucket_queries.py WAY ENDPOINT BUCKET PREFIX URL.

``page``: as Mastodon does, page after page, the records of all objects of a page by one query. ``object``:
as Zulip does, each object by a query, and by a second one where the first finds nothing. ``nothing``: what
a client needs before it does anything. It prints how many orphans there are.
"""

from __future__ import annotations

import sys
from typing import Any, Iterator
from urllib.parse import parse_qs, unquote, urlsplit

import boto3
from botocore.config import Config

way, endpoint, bucket, prefix, url = sys.argv[1:]
PAGE = 1000

client = boto3.client(
    "s3",
    endpoint_url=endpoint,
    region_name="us-east-1",
    aws_access_key_id="testing",
    aws_secret_access_key="testing-secret",
    config=Config(s3={"addressing_style": "path"}),
)


def model() -> Any:
    """The table of photos as a model, as both applications have one."""
    import django
    from django.conf import settings

    parts = urlsplit(url)
    host = parse_qs(parts.query).get("host", [parts.hostname or ""])[0]
    database = {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.path[1:],
        "USER": unquote(parts.username or ""),
        "HOST": host,
        "PORT": str(parts.port or ""),
    }
    settings.configure(DATABASES={"default": database}, INSTALLED_APPS=[])
    django.setup()
    from django.db import models

    class Photo(models.Model):
        image = models.CharField(max_length=100, unique=True)

        class Meta:
            app_label = "bench"
            db_table = "photo"

    return Photo


def paths(page: dict[str, Any]) -> list[str]:
    return [item["Key"][len(prefix) :] for item in page.get("Contents", ())]


def pages() -> Iterator[dict[str, Any]]:
    yield from client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)


def by_page() -> int:
    photo, orphans = model(), 0
    for page in pages():
        some = paths(page)
        records = {record.image: record for record in photo.objects.filter(image__in=some)}
        orphans += sum(path not in records for path in some)
    return orphans


def by_object() -> int:
    photo, orphans = model(), 0
    for page in pages():
        for path in paths(page):
            if photo.objects.filter(image=path).exists():
                continue
            # The attachments that were archived are in a table of their own.
            if not photo.objects.filter(image=path).exists():
                orphans += 1
    return orphans


def nothing() -> int:
    client.list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=1)
    return 0


print({"page": by_page, "object": by_object, "nothing": nothing}[way]())

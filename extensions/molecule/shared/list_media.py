# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Print the keys and ETags of all objects in the bucket of a site that is described on standard input."""

from __future__ import annotations

import json
import sys
from urllib.parse import urlsplit

import boto3

site = json.load(sys.stdin)
service = site["storage_options"]
client = boto3.client(
    "s3",
    endpoint_url=service["endpoint_url"],
    region_name=service["region_name"],
    aws_access_key_id=service["access_key"],
    aws_secret_access_key=service["secret_key"],
)
listed = client.list_objects_v2(Bucket=urlsplit(site["media_root"]).netloc)
json.dump({entry["Key"]: entry["ETag"] for entry in listed["Contents"]}, sys.stdout, sort_keys=True)

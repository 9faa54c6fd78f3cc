# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Copies of objects within a service, with all that their originals had."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Mapping, NamedTuple
from urllib.parse import urlencode

from ..client import Bucket, Head, quoted
from ..failures import NotSupported

# Bytes of the largest object that one request copies, and of a part of a larger one.
LARGEST_COPY = 5 << 30
PART = 1 << 30
# What a copy has only if one says so; a service that does not say the class means the standard one.
_SAID_AGAIN = (
    *("StorageClass", "ServerSideEncryption", "SSEKMSKeyId", "BucketKeyEnabled"),
    "WebsiteRedirectLocation",
)
# What a copy of one request has by itself, and one in parts does not.
_COPIED = (
    *("CacheControl", "ContentDisposition", "ContentEncoding", "ContentLanguage", "ContentType"),
    *("Expires", "Metadata"),
)


class Source(NamedTuple):
    """An object that is copied, as it was asked for; no other one is."""

    bucket: Bucket
    key: str
    head: Head
    # Which version of it; empty for the one that is under its key now.
    version: str = ""


def copy(source: Source, target: Bucket, key: str, is_new: bool = False) -> None:
    """Copy an object, to a key at which nothing is if ``is_new`` and the service honours that.

    Raises ConditionFailed where that is not so any more, or the source has become another object.
    """
    more = {name: source.head.said[name] for name in _SAID_AGAIN if source.head.said.get(name)}
    condition = {"If-None-Match": "*"} if is_new else {}
    if source.head.size > LARGEST_COPY:
        _copy_parts(source, target, key, more, condition)
        return
    asked = {"Key": key, "CopySource": _named(source), "CopySourceIfMatch": quoted(source.head.tag), **more}
    try:
        target.ask("copy_object", asked, condition)
    except NotSupported:
        if not condition:
            raise
        target.ask("copy_object", asked)


def _named(source: Source) -> dict[str, str]:
    named = {"Bucket": source.bucket.name, "Key": source.key}
    return {**named, "VersionId": source.version} if source.version else named


def _copy_parts(
    source: Source, target: Bucket, key: str, more: Mapping[str, Any], condition: Mapping[str, str]
) -> None:
    about = {name: source.head.said[name] for name in _COPIED if source.head.said.get(name)}
    tags = _tags_of(source.bucket, source.key, source.version)
    if tags:
        about["Tagging"] = urlencode([(tag["Key"], tag["Value"]) for tag in tags])
    upload = target.ask("create_multipart_upload", {"Key": key, **about, **more})["UploadId"]
    try:
        done = [
            _copied_part(source, target, {"Key": key, "UploadId": upload, "PartNumber": number + 1})
            for number in range(-(-source.head.size // PART))
        ]
        asked = {"Key": key, "UploadId": upload, "MultipartUpload": {"Parts": done}}
        target.ask("complete_multipart_upload", asked, condition)
    except OSError:
        # What is left of it costs space until a rule of the bucket ends it.
        with suppress(OSError):
            target.ask("abort_multipart_upload", {"Key": key, "UploadId": upload})
        raise
    # Not every service takes them at the beginning.
    if tags and _tags_of(target, key) != tags:
        target.ask("put_object_tagging", {"Key": key, "Tagging": {"TagSet": tags}})


def _tags_of(bucket: Bucket, key: str, version: str = "") -> list[dict[str, str]]:
    which = {"Key": key, "VersionId": version} if version else {"Key": key}
    try:
        return list(bucket.ask("get_object_tagging", which).get("TagSet", ()))
    except NotSupported:
        return []


def _copied_part(source: Source, target: Bucket, part: dict[str, Any]) -> dict[str, Any]:
    first = (part["PartNumber"] - 1) * PART
    last = min(first + PART, source.head.size) - 1
    asked = {
        **part,
        "CopySource": _named(source),
        "CopySourceIfMatch": quoted(source.head.tag),
        "CopySourceRange": f"bytes={first}-{last}",
    }
    said = target.ask("upload_part_copy", asked)
    return {"ETag": said["CopyPartResult"]["ETag"], "PartNumber": part["PartNumber"]}


def has_all_of(copied: Head, original: Head) -> bool:
    """Whether a copy has what the service says of its original: content type, metadata, cache headers."""
    return _about(copied) == _about(original)


def _about(head: Head) -> dict[str, Any]:
    about = {name: head.said.get(name) for name in (*_SAID_AGAIN, *_COPIED) if name != "Metadata"}
    # rclone writes a time of its own among them.
    metadata = {name.lower(): value for name, value in head.said.get("Metadata", {}).items()}
    return {**about, "Metadata": {name: value for name, value in metadata.items() if name != "mtime"}}

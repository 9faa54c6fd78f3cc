# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""A service of buckets in memory, which answers in no time: for runs that a fault ends at each request.

It knows the requests that a quarantine makes, honours every condition, and keeps versions if it is told to.
What real services do, the tests that run on them show.
"""

from __future__ import annotations

import hashlib
import io
import itertools
import threading
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from typing import Any, Mapping

from engine.media.s3.client import Bucket
from engine.media.s3.failures import ConditionFailed

_OWNER = {"ID": "owner"}
_FULL = {"Grantee": {"ID": "owner", "Type": "CanonicalUser"}, "Permission": "FULL_CONTROL"}


@dataclass(frozen=True)
class Object:
    content: bytes
    modified: datetime
    about: Mapping[str, Any] = field(default_factory=dict)
    version: str = ""

    @property
    def tag(self) -> str:
        return f'"{hashlib.md5(self.content).hexdigest()}"'


class MemoryService:
    """The objects of all buckets, by bucket and key."""

    def __init__(self, versioned: bool = False) -> None:
        self.objects: dict[tuple[str, str], Object] = {}
        self.versioned = versioned
        # All versions of a key, the newest last; a marker has no content.
        self.history: dict[tuple[str, str], list[tuple[str, Object | None]]] = {}
        self._versions = itertools.count(1)
        self._now = datetime(2026, 11, 1, tzinfo=timezone.utc)
        self._one_by_one = threading.Lock()

    def ask(self, bucket: Bucket, operation: str, asked: Any, headers: Any = None) -> Any:
        """In the place of ``Bucket.ask``."""
        with self._one_by_one:
            self._now += timedelta(seconds=1)
            answer = getattr(self, f"_{operation}")(bucket.name, dict(asked), headers or {})
        return {**answer, "ResponseMetadata": {"HTTPHeaders": {}}}

    def _found(self, name: str, key: str, version: str = "") -> Object:
        found = self.objects.get((name, key))
        if version:
            found = dict(self.history.get((name, key), ())).get(version)
        if found is None:
            raise FileNotFoundError("there is no such object")
        return found

    def _require(self, name: str, key: str, headers: Mapping[str, str]) -> None:
        there = self.objects.get((name, key))
        if "If-None-Match" in headers and there:
            raise ConditionFailed("there is one")
        if "If-Match" in headers and (there is None or there.tag != headers["If-Match"]):
            raise ConditionFailed("it is another one")

    def _put(self, name: str, key: str, put: Object, headers: Mapping[str, str]) -> dict[str, Any]:
        self._require(name, key, headers)
        put = replace(put, version=self._noted(name, key, put))
        self.objects[name, key] = put
        return {"ETag": put.tag, **_version(put.version)}

    def _noted(self, name: str, key: str, put: Object | None) -> str:
        """Note another version of a key, and return its id; empty where none are kept."""
        if not self.versioned:
            return ""
        version = f"v{next(self._versions)}"
        stored = replace(put, version=version) if put else None
        self.history.setdefault((name, key), []).append((version, stored))
        return version

    def _head_object(self, name: str, asked: Any, _headers: Any) -> dict[str, Any]:
        there = self._found(name, asked["Key"], asked.get("VersionId", ""))
        said = {"ContentLength": len(there.content), "LastModified": there.modified, "ETag": there.tag}
        return {**there.about, **said, **_version(there.version)}

    def _get_object(self, name: str, asked: Any, _headers: Any) -> dict[str, Any]:
        there = self._found(name, asked["Key"], asked.get("VersionId", ""))
        if "IfMatch" in asked and asked["IfMatch"] != there.tag:
            raise ConditionFailed("it is another one")
        first, _dash, last = asked.get("Range", "bytes=0-").partition("=")[2].partition("-")
        content = there.content[int(first) : int(last) + 1 if last else None]
        return {"Body": io.BytesIO(content), "ETag": there.tag}

    def _put_object(self, name: str, asked: Any, headers: Any) -> dict[str, Any]:
        key, content = asked.pop("Key"), asked.pop("Body")
        return self._put(name, key, Object(content, self._now, asked), headers)

    def _copy_object(self, name: str, asked: Any, headers: Any) -> dict[str, Any]:
        source = self._found(asked["CopySource"]["Bucket"], asked["CopySource"]["Key"])
        if asked.get("CopySourceIfMatch", source.tag) != source.tag:
            raise ConditionFailed("it is another one")
        put = self._put(name, asked["Key"], replace(source, modified=self._now), headers)
        return {"CopyObjectResult": put}

    def _delete_object(self, name: str, asked: Any, headers: Any) -> dict[str, Any]:
        place = name, asked["Key"]
        if "VersionId" in asked:
            return self._delete_version(place, asked["VersionId"])
        self._require(*place, headers)
        self.objects.pop(place, None)
        marker = self._noted(*place, None)
        return {"DeleteMarker": True, "VersionId": marker} if marker else {}

    def _delete_version(self, place: tuple[str, str], version: str) -> dict[str, Any]:
        left = [one for one in self.history.get(place, ()) if one[0] != version]
        self.history[place] = left
        self.objects.pop(place, None)
        if left and left[-1][1]:
            self.objects[place] = left[-1][1]
        return {"VersionId": version}

    def _list_object_versions(self, name: str, asked: Any, _headers: Any) -> dict[str, Any]:
        versions, markers = [], []
        for (bucket, key), found in sorted(self.history.items()):
            if bucket != name or not key.startswith(asked["Prefix"]):
                continue
            for number, (version, there) in enumerate(reversed(found)):
                about = {"Key": key, "VersionId": version, "IsLatest": not number, "LastModified": self._now}
                if there:
                    size, moment = len(there.content), there.modified
                    versions.append({**about, "Size": size, "LastModified": moment, "ETag": there.tag})
                else:
                    markers.append(about)
        return {"Versions": versions, "DeleteMarkers": markers}

    def _list_objects_v2(self, name: str, asked: Any, _headers: Any) -> dict[str, Any]:
        prefix, delimiter = asked.get("Prefix", ""), asked.get("Delimiter", "")
        contents, prefixes = [], set()
        for (bucket, key), there in sorted(self.objects.items()):
            if bucket != name or not key.startswith(prefix):
                continue
            part, slash, _rest = key[len(prefix) :].partition(delimiter) if delimiter else ("", "", "")
            if slash:
                prefixes.add(prefix + part + slash)
            else:
                size, moment = len(there.content), there.modified
                contents.append({"Key": key, "Size": size, "LastModified": moment, "ETag": there.tag})
        common = [{"Prefix": one} for one in sorted(prefixes)]
        return {"Contents": contents, "CommonPrefixes": common, "IsTruncated": False}

    def _get_object_acl(self, name: str, asked: Any, _headers: Any) -> dict[str, Any]:
        self._found(name, asked["Key"])
        return {"Owner": _OWNER, "Grants": [_FULL]}

    def _get_bucket_versioning(self, _name: str, _asked: Any, _headers: Any) -> dict[str, Any]:
        return {"Status": "Enabled"} if self.versioned else {}


def _version(version: str) -> dict[str, str]:
    return {"VersionId": version} if version else {}

# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""One bucket by its service: each request is a method, and each failure an OSError (see ``failures``)."""

from __future__ import annotations

import sys
from contextlib import closing
from functools import lru_cache
from typing import Any, Iterator, Mapping, NamedTuple

from ...errors import SiteError
from .failures import BucketError, failure_of
from .page_reader import ENTRIES, EVENT, Entry, take_entries, without_quotes
from .place import StorageOptions

# What every service knows.
LARGEST_PAGE = 1000
# Requests at the same time; as many connections are kept, and one for the lock that is renewed beside them.
THREADS = 16
# Of a request that fails for a reason that may pass, within half a minute or so.
ATTEMPTS = 6
_CONNECT_LIMIT, _READ_LIMIT = 10, 60
_BLOCK = 1 << 20
_SECOND = 1_000_000_000
# A parameter of ours, taken out again before botocore looks at it; see ``_send_headers``.
_HEADERS = "HeadersOfOurs"


class Page(NamedTuple):
    """A part of a listing: objects, and, where there is a delimiter, prefixes of more of them."""

    entries: list[Entry]
    prefixes: list[str]
    has_more: bool = False


class Head(NamedTuple):
    """What is known of an object without reading it; ``version`` is empty where the bucket has none."""

    size: int
    modified_ns: int
    tag: str
    version: str
    # All that the service said: content type, metadata, cache headers …
    said: Mapping[str, Any]


class Version(NamedTuple):
    """One version of an object, or a delete marker, which has neither size nor tag."""

    key: str
    version: str
    is_latest: bool
    is_marker: bool
    size: int
    modified_ns: int
    tag: str


class Written(NamedTuple):
    """What a request has written: the tag and the version of the object that is there now."""

    tag: str
    version: str


class Deleted(NamedTuple):
    """What a deletion has done: ``version`` is that of the marker that it left, or that it removed."""

    version: str
    is_marker: bool
    # Whether the request was repeated, so that the answer may be that to an earlier attempt's effect.
    was_repeated: bool


class Bucket:
    """A bucket. Keys are text, as the service has them; conditions are sent as headers.

    Raises FileNotFoundError where the service itself says that there is no such object,
    ``ConditionFailed`` where a condition does not hold, and another ``BucketError`` where nothing is known.
    """

    def __init__(self, name: str, options: StorageOptions) -> None:
        self.name = name
        self.client, self._errors = _client(options)

    @property
    def endpoint(self) -> str:
        """The address of the service."""
        return str(self.client.meta.endpoint_url)

    def close(self) -> None:
        # Older releases of botocore have no such method.
        getattr(self.client, "close", bool)()

    # Asking.

    def head(self, key: str, version: str = "") -> Head:
        """Ask for an object, or for one version of it."""
        which = _which(key, version)
        try:
            said = self.ask("head_object", which)
        except BucketError as error:
            if error.status != 404:
                raise
            # An answer without a body could be that of anything. To read is answered in words.
            self.ask("get_object", {**which, "Range": "bytes=0-0"})["Body"].close()
            said = self.ask("head_object", which)
        # An answer may end in the midst of its headers.
        if "ContentLength" not in said or "LastModified" not in said:
            raise BucketError("the service does not say how large and how old an object is")
        return Head(
            int(said["ContentLength"]),
            nanoseconds(said["LastModified"]),
            tag_of(said),
            _version_in(said),
            said,
        )

    def require(self) -> None:
        """Raise BucketError unless there is this bucket and its keys may be listed."""
        self.ask("list_objects_v2", {"MaxKeys": 1})

    def pages(
        self, prefix: str = "", delimiter: str = "", start_after: str = "", most: int = LARGEST_PAGE
    ) -> Iterator[Page]:
        """List the objects whose keys begin with the prefix, in the order of the service.

        A page has ``most`` keys and prefixes at most.
        """
        # botocore asks for encoded keys, which any byte survives, and decodes them, unless it is told to.
        asked: dict[str, Any] = {"Prefix": prefix, "MaxKeys": most}
        if delimiter:
            asked["Delimiter"] = delimiter
        if start_after:
            asked["StartAfter"] = start_after
        while True:
            said = self.ask("list_objects_v2", asked)
            yield _page(said)
            if not said["IsTruncated"]:
                return
            token = said.get("NextContinuationToken")
            if not token or token == asked.get("ContinuationToken"):
                raise BucketError("the service does not say where a listing continues")
            asked["ContinuationToken"] = token

    def versions(self, prefix: str) -> Iterator[Version]:
        """List all versions and delete markers of the objects whose keys begin with the prefix."""
        asked: dict[str, Any] = {"Prefix": prefix}
        while True:
            said = self.ask("list_object_versions", asked)
            for one in said.get("Versions", ()):
                yield _listed_version(one, is_marker=False)
            for one in said.get("DeleteMarkers", ()):
                yield _listed_version(one, is_marker=True)
            if not said.get("IsTruncated"):
                return
            markers = said.get("NextKeyMarker"), said.get("NextVersionIdMarker")
            if not markers[0] or markers == (asked.get("KeyMarker"), asked.get("VersionIdMarker")):
                raise BucketError("the service does not say where a listing of versions continues")
            asked["KeyMarker"] = markers[0]
            asked.pop("VersionIdMarker", None)
            if markers[1]:
                asked["VersionIdMarker"] = markers[1]

    def keeps_versions(self) -> bool:
        """Whether what is overwritten or deleted from now on is kept as a version."""
        return bool(self.ask("get_bucket_versioning", {}).get("Status") == "Enabled")

    def blocks(self, key: str, version: str = "") -> Iterator[bytes]:
        """Read an object block by block."""
        with closing(self.ask("get_object", _which(key, version))["Body"]) as body:
            while True:
                block = self.read(body, _BLOCK)
                if not block:
                    return
                yield block

    def read(self, body: Any, most: int | None = None) -> bytes:
        """Read on in the body of an answer, up to so many bytes."""
        try:
            return bytes(body.read(most))
        except self._errors as error:
            raise failure_of(error) from None

    def get(self, key: str, most: int, version: str = "") -> bytes | None:
        """The content of an object that is not longer than this; None where it is."""
        found = bytearray()
        for block in self.blocks(key, version):
            found += block
            if len(found) > most:
                return None
        return bytes(found)

    # Changing.

    def put(self, key: str, content: bytes, if_none_match: bool = False, **more: Any) -> Written:
        """Write an object; with ``if_none_match`` only where there is none, if the service honours that.

        A repeated attempt may fail because of the first one: who needs to know compares the content.
        """
        headers = {"If-None-Match": "*"} if if_none_match else {}
        return _written(self.ask("put_object", {"Key": key, "Body": content, **more}, headers))

    def copy(
        self, source: str, target: str, if_match: str = "", if_none_match: bool = False, **more: Any
    ) -> Written:
        """Copy an object of at most 5 GB within the service, if it still has this tag.

        What the service does not honour of these conditions, it ignores: look at what was written.
        """
        headers = {"If-None-Match": "*"} if if_none_match else {}
        if if_match:
            more["CopySourceIfMatch"] = quoted(if_match)
        asked = {"Key": target, "CopySource": {"Bucket": self.name, "Key": source}, **more}
        said = self.ask("copy_object", asked, headers)
        return Written(tag_of(said.get("CopyObjectResult", {})), _version_in(said))

    def delete(self, key: str, if_match: str = "", version: str = "") -> Deleted:
        """Delete an object, where the bucket keeps versions by a marker; or one version, for good.

        Whether a service honours ``if_match`` is for the caller to know.
        """
        headers = {"If-Match": quoted(if_match)} if if_match else {}
        said = self.ask("delete_object", _which(key, version), headers)
        repeated = int(said.get("ResponseMetadata", {}).get("RetryAttempts", 0)) > 0
        return Deleted(_version_in(said), bool(said.get("DeleteMarker")), repeated)

    def ask(self, operation: str, asked: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Any:
        own = {_HEADERS: headers} if headers else {}
        try:
            return getattr(self.client, operation)(Bucket=self.name, **asked, **own)
        except self._errors as error:
            raise failure_of(error) from None


def nanoseconds(moment: Any) -> int:
    """A moment of the service as nanoseconds since 1970, exactly."""
    seconds: float = moment.timestamp()
    return int(seconds) * _SECOND + int(moment.microsecond) * 1000


def to_the_second(moment_ns: int) -> int:
    """A moment without its parts of a second: a listing may know these, and the answer to a HEAD does not."""
    return moment_ns // _SECOND * _SECOND


@lru_cache(maxsize=None)
def _session(kind: type, profile: str | None) -> Any:
    """What clients are made of: a new one reads the descriptions of all services, which takes long."""
    return kind(profile_name=profile)


def _client(options: StorageOptions) -> tuple[Any, tuple[type[Exception], ...]]:
    """A client, and what its requests and their bodies raise. Raises SiteError where there can be none."""
    try:
        import boto3
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError, ClientError
        from urllib3.exceptions import HTTPError
    except ImportError as error:
        raise SiteError(
            f"boto3 cannot be imported by {sys.executable} on this host ({' '.join(str(error).split())}); "
            "media in a bucket need it. Install the package python3-boto3 of the distribution, or boto3 by "
            "pip, or set python of the site to an interpreter that has it, such as the application's."
        ) from None
    settings: dict[str, Any] = {
        "retries": {"total_max_attempts": ATTEMPTS, "mode": "standard"},
        "max_pool_connections": THREADS + 1,
        "connect_timeout": _CONNECT_LIMIT,
        "read_timeout": _READ_LIMIT,
        "signature_version": "s3v4",
    }
    if options.addressing_style:
        settings["s3"] = {"addressing_style": options.addressing_style}
    # Later releases add checksums that many services do not know; earlier ones know no such setting.
    for name in ("request_checksum_calculation", "response_checksum_validation"):
        if name in getattr(Config, "OPTION_DEFAULTS", ()):
            settings[name] = "when_required"
    try:
        client = _session(boto3.session.Session, options.session_profile).client(
            "s3",
            endpoint_url=options.endpoint_url,
            region_name=options.region_name,
            aws_access_key_id=options.access_key,
            aws_secret_access_key=options.secret_key,
            aws_session_token=options.security_token,
            config=Config(**settings),
        )
    except (BotoCoreError, ValueError) as error:
        raise SiteError(
            f"no client for the bucket could be made: {failure_of(error).strerror}. Correct storage_options, "
            "or the configuration of AWS on this host."
        ) from None
    client.meta.events.register("before-parameter-build.s3", _take_headers)
    client.meta.events.register("before-call.s3", _send_headers)
    # Before botocore reads the same answer for errors.
    client.meta.events.register_first(EVENT, take_entries)
    # Reading a body may raise what urllib3 does, and an answer that nobody can read a ValueError. A file of
    # credentials that is being replaced is a FileNotFoundError, which must not look like an answer.
    return client, (BotoCoreError, ClientError, HTTPError, OSError, ValueError)


def _take_headers(params: dict[str, Any], context: dict[str, Any], **_more: Any) -> None:
    context[_HEADERS] = params.pop(_HEADERS, {})


def _send_headers(params: dict[str, Any], context: dict[str, Any], **_more: Any) -> None:
    """Send conditions as headers: a botocore from before a service knew one has no parameter for it."""
    params["headers"].update(context.get(_HEADERS, {}))


def tag_of(said: Mapping[str, Any]) -> str:
    """The ETag, without the quotes that a service writes here and leaves out there."""
    return without_quotes(str(said.get("ETag") or ""))


def quoted(tag: str) -> str:
    return f'"{tag}"'


def _which(key: str, version: str) -> dict[str, str]:
    return {"Key": key, "VersionId": version} if version else {"Key": key}


def _version_in(said: Mapping[str, Any]) -> str:
    version = str(said.get("VersionId") or "")
    return "" if version == "null" else version


def _written(said: Mapping[str, Any]) -> Written:
    return Written(tag_of(said), _version_in(said))


def _page(said: Mapping[str, Any]) -> Page:
    """A page of a listing. Raises BucketError for an answer that is none, as another server may give."""
    if said.get(ENTRIES, ()) is None:
        raise BucketError("the service lists a key that is not UTF-8, which no request can name")
    try:
        entries = said[ENTRIES] if ENTRIES in said else [_entry(one) for one in said.get("Contents", ())]
        prefixes = [one["Prefix"] for one in said.get("CommonPrefixes", ())]
        return Page(entries, prefixes, bool(said["IsTruncated"]))
    except KeyError as error:
        raise BucketError(f"the service answered with a page of a listing that lacks {error}") from None


def _entry(said: Mapping[str, Any]) -> Entry:
    return Entry(said["Key"], int(said["Size"]), nanoseconds(said["LastModified"]), tag_of(said))


def _listed_version(said: Mapping[str, Any], is_marker: bool) -> Version:
    return Version(
        said["Key"],
        str(said["VersionId"]),
        bool(said.get("IsLatest")),
        is_marker,
        int(said.get("Size", 0)),
        nanoseconds(said["LastModified"]),
        tag_of(said),
    )

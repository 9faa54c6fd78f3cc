# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Where in a bucket something is, as options say it, and how its service is reached."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Mapping, NamedTuple, Sequence
from urllib.parse import urlsplit

from ...errors import SiteError
from ...text import escaped_value

SCHEME = "s3://"
# Wider than what AWS allows for new buckets: other services, and its own old buckets, have other rules.
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}")
# Bytes of a key.
LONGEST_KEY = 1024
# The guard that refuses a service which deletes an object also where it is another one by now.
UNCONDITIONAL_DELETE = "unconditional_delete"


def why_unconditional(url: str) -> str:
    """What it means that a service ignores the condition of a deletion."""
    return (
        f"the service of {url} deletes an object also where it is another one by now, so what a site uploads "
        "at that moment under the same name would be lost. If no name is used twice (file_overwrite is off), "
        f"set accept: [{UNCONDITIONAL_DELETE}]."
    )


class BucketPlace(NamedTuple):
    """A bucket, and the prefix of keys that is the root there: empty, or with a slash at its end.

    Without that slash, ``media`` would also be the root of ``media-of-another-site/a.jpg``.
    """

    bucket: str
    prefix: str

    @property
    def url(self) -> str:
        return f"{SCHEME}{self.bucket}/{self.prefix}".rstrip("/")

    def holds(self, other: BucketPlace) -> bool:
        """Whether another place is in this one, or is the same."""
        return self.bucket == other.bucket and other.prefix.startswith(self.prefix)


@dataclass(frozen=True)
class StorageOptions:
    """How the service of a bucket is reached, in the words of django-storages; what is not said is None.

    Credentials that are not said are those of the environment, of a profile, or of the instance's role.
    """

    endpoint_url: str | None = None
    region_name: str | None = None
    access_key: str | None = field(default=None, repr=False)
    secret_key: str | None = field(default=None, repr=False)
    security_token: str | None = field(default=None, repr=False)
    addressing_style: str | None = None
    session_profile: str | None = None


def is_in_bucket(place: str | bytes | None) -> bool:
    """Whether a media root or a quarantine, as somebody wrote it, is in a bucket."""
    if isinstance(place, bytes):
        return place.startswith(SCHEME.encode())
    return bool(place) and str(place).startswith(SCHEME)


def bucket_place(option: str, written: str | bytes) -> BucketPlace:
    """The place that a URL names, such as ``s3://bucket/prefix``. Raises SiteError."""
    url = written.decode("utf-8", "surrogateescape") if isinstance(written, bytes) else written
    bucket, _slash, prefix = url[len(SCHEME) :].partition("/")
    shown = escaped_value(url)
    if not _BUCKET.fullmatch(bucket):
        raise SiteError(
            f"{option} '{shown}' names no bucket. Write s3://BUCKET/PREFIX, with the name alone of the "
            "bucket; its service is set by endpoint_url of storage_options."
        )
    prefix = prefix.rstrip("/")
    why = why_no_key(prefix) if prefix else None
    if why:
        raise SiteError(
            f"{option} '{shown}' has a prefix that {why}. Write it as folders are: media/uploads."
        )
    return BucketPlace(bucket, prefix + "/" if prefix else "")


def why_no_key(path: str) -> str | None:
    """Why text is no key that a path of ours can have, as words behind "it"; None if it can.

    An empty part or a dot is a name of its own to a bucket, and another spelling to everything else.
    """
    try:
        length = len(path.encode())
    except UnicodeEncodeError:
        return "is not UTF-8, and every key of a bucket is"
    if length > LONGEST_KEY:
        return f"is longer than a key can be ({LONGEST_KEY:,} bytes)"
    if "\0" in path:
        return "holds a NUL byte"
    parts = path.split("/")
    if "" in parts:
        return "has an empty part, or a slash at an end"
    if "." in parts or ".." in parts:
        return "has a part that is '.' or '..'"
    return None


def are_plain(keys: Sequence[bytes]) -> bool:
    """Whether all of some keys can be those of paths; where not, each has to be looked at by itself."""
    text = b"\0".join([b"", *keys, b""])
    has_odd_part = any(odd in text for odd in (b"//", b"/\0", b"\0/", b"/.", b"\0."))
    return not has_odd_part and text.count(b"\0") == len(keys) + 1 and max(map(len, keys)) <= LONGEST_KEY


def storage_options(given: Mapping[str, Any] | None) -> StorageOptions:
    """The options that were given and checked. Raises SiteError for those that do not fit together."""
    found = StorageOptions(**{name: value or None for name, value in (given or {}).items()})
    if bool(found.access_key) != bool(found.secret_key):
        raise SiteError(
            "storage_options has one of access_key and secret_key without the other. Set both, or neither: "
            "those of the environment, a profile or the instance's role are used then."
        )
    if found.security_token and not found.access_key:
        raise SiteError("storage_options has a security_token without the access_key that it belongs to.")
    if found.access_key and found.session_profile:
        raise SiteError("storage_options has both an access_key and a session_profile. Keep one of them.")
    if found.endpoint_url is not None:
        _check_endpoint(found.endpoint_url)
    return found


def _check_endpoint(url: str) -> None:
    """What is wrong is said without the URL, for it may hold a password."""
    try:
        parts = urlsplit(url)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_address = False
    if not is_address:
        raise SiteError("storage_options: endpoint_url is no URL. Write https://HOST, or https://HOST:PORT.")
    if "@" in parts.netloc:
        raise SiteError(
            "storage_options: endpoint_url holds a user or a password. Set access_key and secret_key instead."
        )
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise SiteError(
            "storage_options: endpoint_url has more than the address of the service. Cut what follows; the "
            "bucket is named by media_root (s3://BUCKET/PREFIX)."
        )

# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""An object in quarantine where its bucket keeps versions: it stays where it is, hidden by a delete marker.

Nothing is copied, and what comes back is the very object that was removed. In the private folder a note
stands for it, with the version and the marker. The note is there before the object is hidden: a run that is
killed in between has hidden nothing that is not noted. Only a version with an id of its own is hidden so: no
bucket that still has versions replaces one, not even where somebody has suspended them meanwhile.
"""

from __future__ import annotations

import errno
import json
import time
from typing import NamedTuple

from ...store import Changed
from ..client import ATTEMPTS, Bucket, Head, Version
from ..failures import ConditionFailed

# Behind the name of a file: the note that stands for it.
NOTE = "@"
# What a service calls the version that an object has which was written without any.
_NO_VERSION = "null"


class Hidden(NamedTuple):
    """What a note says: the version of an object, and the marker that hides it."""

    key: str
    version: str
    size: int
    tag: str
    # Empty until the answer of the deletion has come.
    marker: str = ""
    # Whether there may be more than one marker, because the deletion was repeated.
    was_repeated: bool = False

    def written(self) -> bytes:
        return json.dumps(self._asdict()).encode()


_TYPES = {"key": str, "version": str, "size": int, "tag": str, "marker": str, "was_repeated": bool}


def read(content: bytes | None) -> Hidden:
    """A note that was written down. Raises OSError for what is none."""
    try:
        found = json.loads(content or b"")
    except ValueError:
        found = None
    if not isinstance(found, dict) or {name: type(value) for name, value in found.items()} != _TYPES:
        raise OSError(errno.EIO, "the note that stands for it in quarantine is damaged")
    return Hidden(**found)


def head_of(bucket: Bucket, hidden: Hidden) -> Head:
    """What the service says of the version. Raises FileNotFoundError where it is gone."""
    return bucket.head(hidden.key, hidden.version)


def hide(bucket: Bucket, hidden: Hidden) -> Hidden:
    """Delete an object, so that a marker hides the version; returns what there is to note by now.

    Raises Changed if another object has its key, which is left as it is.
    """
    try:
        deleted = bucket.delete(hidden.key, if_match=hidden.tag)
    except (ConditionFailed, FileNotFoundError):
        marker = _marker_over(bucket, hidden)
        if not marker:
            raise Changed("another file came into its place at the last moment") from None
        # An attempt of ours has hidden it, the answer to which was lost.
        return hidden._replace(marker=marker, was_repeated=True)
    if not deleted.is_marker:
        raise OSError(errno.EIO, "the service has left no delete marker, as a bucket with versions does")
    marker = deleted.version or _NO_VERSION
    # Not every service honours the condition of the deletion.
    latest, newest = _latest_and_newest(bucket, hidden.key)
    if latest is not None and latest.version == marker and not _is_same(newest, hidden):
        bucket.delete(hidden.key, version=marker)
        raise Changed("another file came into its place at the last moment")
    return hidden._replace(marker=marker, was_repeated=deleted.was_repeated)


def _marker_over(bucket: Bucket, hidden: Hidden) -> str:
    """The marker that hides this version now; empty if none does."""
    latest, newest = _latest_and_newest(bucket, hidden.key)
    is_over = latest is not None and latest.is_marker and newest is not None
    return latest.version if is_over and latest and _is_same(newest, hidden) else ""


def _latest_and_newest(bucket: Bucket, key: str) -> tuple[Version | None, Version | None]:
    """What one finds under a key now, and the newest version that is no marker."""
    found = _versions(bucket, key)
    latest = next((one for one in found if one.is_latest), None)
    return latest, next((one for one in found if not one.is_marker), None)


def _versions(bucket: Bucket, key: str) -> list[Version]:
    return [one for one in bucket.versions(key) if one.key == key]


def _is_same(found: Version | None, hidden: Hidden) -> bool:
    """Whether it is this version, or a later one of the same content, which the marker hides as well."""
    return found is not None and (
        found.version == hidden.version or (found.size, found.tag) == (hidden.size, hidden.tag)
    )


def marker_to_delete(bucket: Bucket, hidden: Hidden) -> str:
    """The marker without which the object is back; empty if it is back already.

    Raises FileExistsError if another object has its key, or somebody else has deleted it once more, and
    FileNotFoundError if its version is gone.
    """
    head_of(bucket, hidden)
    latest, newest = _latest_and_newest(bucket, hidden.key)
    if latest is None or not _is_same(newest, hidden):
        raise FileExistsError(errno.EEXIST, "another object has its key, or had it since")
    if not latest.is_marker:
        return ""
    if hidden.marker not in ("", latest.version) and not hidden.was_repeated:
        raise FileExistsError(errno.EEXIST, "it was deleted once more since, by somebody else")
    return latest.version


def unhide(bucket: Bucket, hidden: Hidden) -> None:
    """Delete the marker that hides an object, if it is what one finds under its key. Raises as above."""
    for _attempt in range(ATTEMPTS + 1):
        marker = marker_to_delete(bucket, hidden)
        if not marker:
            return
        bucket.delete(hidden.key, version=marker)
    raise OSError(errno.EIO, "the service does not delete the marker that hides it")


def delete_for_good(bucket: Bucket, hidden: Hidden) -> None:
    """Delete a version that is hidden, and then its marker, without which an older version would come back.

    A version that is what one finds under its key is not in quarantine any more, whatever a note says.
    """
    found = _versions(bucket, hidden.key)
    if any(one.is_latest and one.version == hidden.version for one in found):
        return
    if any(one.version == hidden.version for one in found):
        bucket.delete(hidden.key, version=hidden.version)
    has_others = any(not one.is_marker and one.version != hidden.version for one in found)
    markers = [one.version for one in found if one.is_marker and hidden.marker in ("", one.version)]
    if not has_others and markers:
        bucket.delete(hidden.key, version=markers[0])


def lock_on(head: Head) -> str:
    """Why a version cannot be deleted for good now, as words; empty if nothing of that is known."""
    if head.said.get("ObjectLockLegalHoldStatus") == "ON":
        return "a legal hold of the bucket's Object Lock is on it"
    until = head.said.get("ObjectLockRetainUntilDate")
    if until is not None and until.timestamp() > time.time():
        return f"the bucket's Object Lock keeps it until {until:%Y-%m-%d %H:%M} UTC"
    return ""

# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""An object on its way out of the media, or back: copied, looked at, and only then deleted where it was.

Where the bucket keeps versions and the private folder is in it too, nothing is copied (see ``hidden``).

A request that got no answer may still take effect, later too. So after such an error the copy stays beside
its original, and what is in quarantine without a confirmation belongs back: that the same object is in both
places counts as put back.
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress

from ....errors import QuarantineError
from ...private_folder import PrivateFolder
from ...store import Changed, MovedOut
from ..client import Bucket, Head, to_the_second
from ..failures import ConditionFailed
from ..page_reader import Entry
from . import acl
from .copy import Source, copy, has_all_of
from .folder import BESIDE, BucketFolder, digest_of
from .hidden import Hidden, head_of, hide, lock_on, marker_to_delete, unhide

_LONGEST = 1 << 16


def in_bucket(folder: PrivateFolder) -> BucketFolder:
    """A private folder, which has to be in a bucket for objects to be moved there."""
    if not isinstance(folder, BucketFolder):
        raise QuarantineError(
            "objects of a bucket cannot be moved to a directory. Set quarantine to s3://BUCKET/PREFIX."
        )
    return folder


def move(source: Bucket, checked: Entry, folder: BucketFolder, name: str) -> MovedOut:
    """Move an object into a private folder. Raises Changed if it is not the one that was checked."""
    folder.forget()
    folder.require_safe_moves()
    head = _unchanged(source, checked)
    if _stays_as_version(source, head, folder):
        lock = lock_on(head) if folder.bucket.deletes_soon else ""
        if lock:
            raise OSError(errno.EPERM, lock)
        return _hide(source, Hidden(checked.key, head.version, head.size, head.tag), folder, name)
    rights = folder.bucket.acls.of(source, checked.key)
    try:
        copy(Source(source, checked.key, head), folder.bucket, folder.key_of(name))
    except ConditionFailed:
        raise Changed("it was written to") from None
    if rights:
        folder.bucket.put(folder.key_of(name) + BESIDE, acl.written(rights))
    stored = folder.bucket.head(folder.key_of(name))
    _require_whole(stored, head)
    _delete(source, checked, folder, name)
    return MovedOut(rights is not None and has_all_of(stored, head), digest_of(stored.tag))


def _stays_as_version(source: Bucket, head: Head, folder: BucketFolder) -> bool:
    """Whether a deletion hides this object, so that it need not be copied.

    One that was written before its bucket had versions could be replaced where they are suspended.
    """
    return bool(folder.bucket.hides and head.version and source.name == folder.bucket.name)


def _hide(source: Bucket, hidden: Hidden, folder: BucketFolder, name: str) -> MovedOut:
    # The other way round, a run that is killed in between had hidden what nothing knows of.
    folder.note(name, hidden)
    try:
        hidden = hide(source, hidden)
    except Changed:
        folder.forget_note(name)
        raise
    folder.note(name, hidden)
    return MovedOut(True, b"")


def _unchanged(bucket: Bucket, checked: Entry) -> Head:
    try:
        head = bucket.head(checked.key)
    except FileNotFoundError:
        raise Changed("it was already removed") from None
    now = head.size, to_the_second(head.modified_ns), head.tag
    if now != (checked.size, to_the_second(checked.modified_ns), checked.tag):
        raise Changed("another file is in its place, or it was written to")
    return head


def _require_whole(copied: Head, original: Head) -> None:
    if copied.size != original.size:
        raise OSError(errno.EIO, f"its copy has {copied.size} bytes, and it has {original.size}")


def _delete(source: Bucket, checked: Entry, folder: BucketFolder, name: str) -> None:
    """Delete what was copied. Where another object is proven to have its key by now, the copy goes."""
    # Not every service honours the condition of the deletion.
    try:
        _unchanged(source, checked)
    except Changed:
        with suppress(FileNotFoundError):
            source.head(checked.key)
            folder.remove(name)
        raise
    try:
        source.delete(checked.key, if_match=checked.tag)
    except (ConditionFailed, FileNotFoundError):
        try:
            now = source.head(checked.key)
        except FileNotFoundError:
            # An attempt of ours has deleted it, the answer to which was lost.
            return
        if now.tag == checked.tag:
            raise OSError(errno.EIO, "the service does not delete what it says is there") from None
        folder.remove(name)
        raise Changed("another file came into its place at the last moment") from None


def check_put_back(folder: BucketFolder, name: str, target: Bucket, key: str) -> None:
    """Raise what ``put_back`` would raise, as far as that can be known without changing anything."""
    noted = folder.noted(name)
    # The prefix of the media may have been changed meanwhile.
    if noted and (target.name, key) == (folder.bucket.name, noted.key):
        marker_to_delete(target, noted)
    else:
        _is_put_back(_stored(folder, name, noted).head, target, key)


def put_back(folder: BucketFolder, name: str, target: Bucket, key: str) -> None:
    """Move an object out of a private folder to a key at which nothing is. Raises FileExistsError."""
    noted = folder.noted(name)
    # The prefix of the media may have been changed meanwhile.
    if noted and (target.name, key) == (folder.bucket.name, noted.key):
        unhide(target, noted)
        folder.forget_note(name)
        return
    source = _stored(folder, name, noted)
    stored = source.head
    if not _is_put_back(stored, target, key):
        try:
            copy(source, target, key, is_new=True)
        except ConditionFailed:
            # It may be an attempt of ours that got no answer.
            if not _is_put_back(stored, target, key):
                raise
        _require_whole(target.head(key), stored)
    if noted:
        folder.forget_note(name)
        return
    acl.restore(target, key, _acl_beside(folder, name))
    folder.remove(name)


def _stored(folder: BucketFolder, name: str, noted: Hidden | None) -> Source:
    if noted:
        return Source(folder.bucket, noted.key, head_of(folder.bucket, noted), noted.version)
    return Source(folder.bucket, folder.key_of(name), folder.bucket.head(folder.key_of(name)))


def _is_put_back(stored: Head, target: Bucket, key: str) -> bool:
    """Whether the same object is there already. Raises FileExistsError if another one is."""
    try:
        there = target.head(key)
    except FileNotFoundError:
        return False
    if (there.size, there.tag) == (stored.size, stored.tag) and has_all_of(there, stored):
        return True
    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))


def _acl_beside(folder: BucketFolder, name: str) -> acl.Acl:
    try:
        return acl.read(folder.bucket.get(folder.key_of(name) + BESIDE, _LONGEST))
    except FileNotFoundError:
        return {}

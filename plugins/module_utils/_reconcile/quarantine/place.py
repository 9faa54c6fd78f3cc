# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Opens the private folder at a place: here alone it is known what kinds of places there are."""

from __future__ import annotations

import os
from typing import Any, Mapping, NamedTuple, Union

from ..config.site import Site
from ..media.disk.folder import DiskFolder
from ..media.private_folder import PrivateFolder
from ..media.s3.place import BucketPlace, StorageOptions, bucket_place, is_in_bucket, storage_options
from ..text import escaped


class InBucket(NamedTuple):
    """A place in a bucket, and how its service is reached."""

    where: BucketPlace
    options: StorageOptions
    accepts_unconditional_delete: bool = False


# On a disk it is an absolute path.
Place = Union[bytes, InBucket]


def place_of(site: Site) -> Place:
    """Where the quarantine of a site is; an empty path where it has none."""
    if site.quarantine is not None and is_in_bucket(site.quarantine):
        where = bucket_place("quarantine", site.quarantine)
        return InBucket(where, site.storage_options, site.accepts_unconditional_delete)
    return site.quarantine or b""


def place_said(options: Mapping[str, Any]) -> Place:
    """Where a quarantine is that options name by itself, without a site. Raises SiteError."""
    written = options["quarantine"]
    if is_in_bucket(written):
        return InBucket(bucket_place("quarantine", written), storage_options(options["storage_options"]))
    return os.fsencode(written)


def inside(place: Place, name: str) -> Place:
    """The folder of that name in another one."""
    if isinstance(place, InBucket):
        return place._replace(where=place.where._replace(prefix=f"{place.where.prefix}{name}/"))
    return os.path.join(place, os.fsencode(name))


def path_of(place: Place) -> bytes:
    """What a place is called, for messages; the path of a disk is the path itself."""
    return place.where.url.encode() if isinstance(place, InBucket) else place


def shown(place: Place) -> str:
    return escaped(path_of(place))


def open_folder(place: Place, what: str) -> PrivateFolder:
    """Open the folder at a place; ``what`` is its name in messages: "the quarantine".

    Raises FileNotFoundError where there is none, except for one in a bucket.
    """
    if isinstance(place, InBucket):
        # Only where it is used: a module of Ansible compiles all that it imports at each start.
        from ..media.s3.private.folder import BucketFolder

        return BucketFolder.open(place.where, place.options, what, place.accepts_unconditional_delete)
    return DiskFolder.open(place, what)


def make_folder(place: Place, what: str) -> PrivateFolder:
    """The same; the folder is made, with those above it, so that it survives a power failure."""
    if isinstance(place, InBucket):
        return open_folder(place, what)
    return DiskFolder.make(place, what)

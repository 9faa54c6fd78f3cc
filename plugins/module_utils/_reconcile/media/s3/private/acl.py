# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Who else than its owner may do what with an object, which no copy has by itself."""

from __future__ import annotations

import errno
import json
from typing import Any, Mapping

from ..client import Bucket
from ..failures import BucketError, NotSupported

# What is said, as JSON: the owner, and the grants. Nothing where only the owner has any right.
Acl = Mapping[str, Any]


class Acls:
    """Asks for the ACLs of a run's objects, as long as the service answers at all."""

    def __init__(self) -> None:
        # None until the first answer.
        self.are_known: bool | None = None

    def of(self, bucket: Bucket, key: str) -> Acl | None:
        """The ACL of an object; None where it cannot be known, as without the right to read it."""
        if self.are_known is False:
            return None
        try:
            found = acl_of(bucket, key)
        except BucketError as error:
            # A service that never answered this has no ACLs; one that has answered may answer again.
            if self.are_known and error.status != 403:
                raise
            self.are_known = False
            return {} if isinstance(error, NotSupported) else None
        self.are_known = True
        return found


def acl_of(bucket: Bucket, key: str) -> Acl:
    said = bucket.ask("get_object_acl", {"Key": key})
    owner, grants = said.get("Owner") or {}, list(said.get("Grants", ()))
    return {} if all(_is_of(owner, grant) for grant in grants) else {"Owner": owner, "Grants": grants}


def _is_of(owner: Mapping[str, Any], grant: Mapping[str, Any]) -> bool:
    grantee = grant.get("Grantee") or {}
    # SeaweedFS has owners without an id.
    is_owner = not grantee.get("URI") and (grantee.get("ID") or "") == (owner.get("ID") or "")
    return is_owner and grant.get("Permission") == "FULL_CONTROL"


def restore(bucket: Bucket, key: str, acl: Acl) -> None:
    """Give an object the ACL that it had, unless it has it."""
    if acl and acl_of(bucket, key) != acl:
        bucket.ask("put_object_acl", {"Key": key, "AccessControlPolicy": acl})


def written(acl: Acl) -> bytes:
    return json.dumps(acl).encode()


def read(content: bytes | None) -> Acl:
    """An ACL that was written down. Raises OSError for what is none."""
    try:
        found = json.loads(content or b"")
    except ValueError:
        found = None
    if not isinstance(found, dict) or found.keys() != {"Owner", "Grants"}:
        raise OSError(errno.EIO, "its ACL, which is kept beside it, is damaged")
    return found

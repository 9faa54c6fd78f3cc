# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The bucket of a quarantine: what is deleted there is gone for good, and nobody may read it unasked."""

from __future__ import annotations

from contextlib import suppress

from ....errors import QuarantineError, RefusedError
from ..client import Bucket
from ..failures import BucketError, ConditionFailed, NotSupported
from ..place import UNCONDITIONAL_DELETE, StorageOptions
from .acl import Acls

# The MD5 of another content than that of the probe.
_OTHER_TAG = "d41d8cd98f00b204e9800998ecf8427e"


class PrivateBucket(Bucket):
    """A bucket that also deletes for good."""

    def __init__(self, name: str, options: StorageOptions, unconditional: bool = False) -> None:
        super().__init__(name, options)
        # Whether nothing is lost by a deletion, as was accepted or found out.
        self._deletes_safely = unconditional
        self._options = options
        self.acls = Acls()
        self._has_versions: bool | None = None

    @property
    def has_versions(self) -> bool:
        """Whether there may be earlier versions of its objects, whether or not it still keeps new ones."""
        if self._has_versions is None:
            # Not before it is known: another thread may ask meanwhile.
            self._has_versions = self._may_have_versions()
        return self._has_versions

    def _may_have_versions(self) -> bool:
        with suppress(NotSupported):
            return bool(self.ask("get_bucket_versioning", {}).get("Status"))
        return False

    def erase(self, key: str) -> None:
        """Delete an object with all its versions; none has to be there."""
        if not self.has_versions:
            self.delete(key)
            return
        # The latest comes first in a listing, and has to go last: an earlier one would take its place.
        for version in reversed([found for found in self.versions(key) if found.key == key]):
            self.delete(key, version=version.version)

    def require_private(self, key: str) -> None:
        """Raise QuarantineError if anybody may read an object that is there."""
        if self._is_read_by_anybody(key):
            raise QuarantineError(
                f"anybody may read what is at s3://{self.name}/{key}, as the policy of the bucket or its ACL "
                "says. Files that were removed must not stay public: set quarantine to a place that is "
                "private, such as another bucket. Nothing was removed."
            )

    def require_conditional_delete(self, key: str) -> None:
        """Try once, at this key, whether the service honours the condition of a deletion.

        Raises RefusedError where it does not: what a site uploads between the last check of an object and
        its deletion would be lost.
        """
        if self._deletes_safely:
            return
        written = self.put(key, b"probe")
        try:
            self.delete(key, if_match=_OTHER_TAG)
        except (ConditionFailed, FileNotFoundError):
            self._deletes_safely = self.head(key).tag == written.tag
        except NotSupported:
            pass
        self.erase(key)
        if not self._deletes_safely:
            raise RefusedError(
                f"refused by the guard {UNCONDITIONAL_DELETE}: the service of s3://{self.name} deletes an "
                "object also where it is another one by now, so what a site uploads at that moment under "
                "the same name would be lost. If no name is used twice (file_overwrite is off), set accept: "
                f"[{UNCONDITIONAL_DELETE}]. Nothing was removed."
            )

    def _is_read_by_anybody(self, key: str) -> bool:
        from botocore.handlers import disable_signing

        anybody = Bucket(self.name, self._options)
        try:
            anybody.client.meta.events.register("choose-signer.s3.*", disable_signing)
            anybody.head(key)
        except BucketError as error:
            if 400 <= error.status < 500 and error.status != 404:
                return False
            raise
        finally:
            anybody.close()
        return True

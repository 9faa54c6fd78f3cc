# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The bucket of a quarantine: what is deleted there is gone for good, and nobody may read it unasked."""

from __future__ import annotations

from contextlib import suppress

from ....errors import QuarantineError
from ..client import Bucket
from ..failures import BucketError, ConditionFailed, NotSupported
from ..place import StorageOptions
from .acl import Acls

# What a service answers to somebody whom it does not know; some call a request without a name a bad one.
_DENIED = (400, 401, 403)
# The MD5 of another content than that of the probe.
_OTHER_TAG = "d41d8cd98f00b204e9800998ecf8427e"


class PrivateBucket(Bucket):
    """A bucket that also deletes for good."""

    def __init__(self, name: str, options: StorageOptions, unconditional: bool = False) -> None:
        super().__init__(name, options)
        # Whether nothing is lost by a deletion, as was accepted or found out; None until somebody tries.
        self._deletes_safely: bool | None = True if unconditional else None
        self._options = options
        self.acls = Acls()
        self._versioning: str | None = None
        # Whether a deletion hides an object by a marker, as was tried; None if that was not tried.
        self.hides: bool | None = None
        # Whether what is moved here is deleted for good by the same run.
        self.deletes_soon = False

    @property
    def has_versions(self) -> bool:
        """Whether there may be earlier versions of its objects, whether or not it still keeps new ones."""
        return bool(self._asked_versioning())

    def _asked_versioning(self) -> str:
        if self._versioning is None:
            found = ""
            with suppress(NotSupported):
                found = str(self.ask("get_bucket_versioning", {}).get("Status") or "")
            # Not before it is known: another thread may ask meanwhile.
            self._versioning = found
        return self._versioning

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

    def deletes_safely(self, key: str) -> bool:
        """Whether nothing is lost by a deletion with a condition; it is tried once, at this key.

        Else what a site uploads between the last check of an object and its deletion would be lost.
        """
        if self._deletes_safely is None:
            written = self.put(key, b"probe")
            try:
                self._deletes_safely = self._keeps_on_other_tag(key, written.tag)
            finally:
                self.erase(key)
        return self._deletes_safely

    def _keeps_on_other_tag(self, key: str, tag: str) -> bool:
        try:
            self.delete(key, if_match=_OTHER_TAG)
        except (ConditionFailed, FileNotFoundError):
            return self.head(key).tag == tag
        except NotSupported:
            pass
        return False

    def try_hiding(self, key: str) -> None:
        """Try once, at this key, whether what is deleted stays as a version under a marker."""
        if self.hides is None:
            self.hides = self._asked_versioning() == "Enabled" and self._is_hidden_when_deleted(key)

    def _is_hidden_when_deleted(self, key: str) -> bool:
        written = self.put(key, b"probe")
        is_hidden = False
        with suppress(ConditionFailed, NotSupported, FileNotFoundError):
            is_marker = self.delete(key, if_match=written.tag).is_marker
            stays = bool(written.version) and self.head(key, written.version).tag == written.tag
            is_hidden = is_marker and stays
        self.erase(key)
        return is_hidden

    def _is_read_by_anybody(self, key: str) -> bool:
        from botocore.handlers import disable_signing

        anybody = Bucket(self.name, self._options)
        try:
            anybody.client.meta.events.register("choose-signer.s3.*", disable_signing)
            anybody.head(key)
        except BucketError as error:
            # Any other answer says nothing of what somebody gets who asks again.
            if error.status in _DENIED:
                return False
            raise
        finally:
            anybody.close()
        return True

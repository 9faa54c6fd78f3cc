# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The rules by which a bucket deletes what it keeps, which end a quarantine that consists of versions."""

from __future__ import annotations

from typing import Any, Mapping

from ...text import counted, escaped_value
from .client import Bucket
from .failures import BucketError, NotSupported


def notes_on_versions(bucket: Bucket, prefix: str) -> list[str]:
    """What a person should know of how long hidden versions stay below a prefix."""
    where = escaped_value(bucket.name)
    try:
        days = _days_of_versions(bucket, prefix)
    except OSError as error:
        return [
            f"the lifecycle rules of the bucket {where} could not be read ({error.strerror}), so it is not "
            "known whether one deletes versions that are not current, of which the quarantine consists"
        ]
    if days is None:
        return []
    return [
        f"a lifecycle rule of the bucket {where} deletes versions {counted(days, 'day')} after they were "
        "deleted or overwritten: what is in quarantine can be restored until then. Let the rule keep them "
        "longer than batches are kept, or set quarantine to another bucket"
    ]


def _days_of_versions(bucket: Bucket, prefix: str) -> int | None:
    """After how many days the first rule deletes versions that are not current; None if none does."""
    try:
        rules = bucket.ask("get_bucket_lifecycle_configuration", {}).get("Rules", ())
    except NotSupported:
        return None
    except BucketError as error:
        if error.status == 404:
            return None
        raise
    days = [_days(rule) for rule in rules if rule.get("Status") == "Enabled" and _concerns(rule, prefix)]
    return min((found for found in days if found is not None), default=None)


def _days(rule: Mapping[str, Any]) -> int | None:
    found = (rule.get("NoncurrentVersionExpiration") or {}).get("NoncurrentDays")
    return None if found is None else int(found)


def _concerns(rule: Mapping[str, Any], prefix: str) -> bool:
    """Whether a rule may be about objects below a prefix; one that asks for tags may be about any."""
    filters = rule.get("Filter") or {}
    of_rule = filters.get("Prefix") or (filters.get("And") or {}).get("Prefix") or rule.get("Prefix") or ""
    return bool(prefix.startswith(of_rule) or of_rule.startswith(prefix))

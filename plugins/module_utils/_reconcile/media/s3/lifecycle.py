# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Lifecycle rules of a bucket, by which the service deletes what is in quarantine there."""

from __future__ import annotations

from typing import Any, Iterable, Mapping, Sequence

from ...text import counted, escaped_value
from .client import Bucket
from .failures import BucketError, NotSupported
from .place import BucketPlace

# What a person has to compare the days with; the engine does not know it.
_RETENTION = (
    "Let the rule keep it for more days than batches are kept (media_cleanup_retention_days, 30 if nobody "
    "has set it), or set quarantine to another bucket"
)
Rules = Sequence[Mapping[str, Any]]


def notes_on_rules(
    bucket: Bucket, media: BucketPlace, kept_in: BucketPlace, keeps_versions: bool
) -> list[str]:
    """What a person should know of how long a quarantine in the bucket of the media lasts."""
    where = escaped_value(bucket.name)
    try:
        rules = _rules(bucket)
    except OSError as error:
        return [
            f"the lifecycle rules of the bucket {where} could not be read ({error.strerror}), so it is not "
            "known whether one deletes what is in quarantine"
        ]
    notes = []
    expired = _fewest_days(_concerning(rules, kept_in.prefix), "Expiration", "Days")
    if expired is not None:
        notes.append(
            f"a lifecycle rule of the bucket {where} deletes what is in the quarantine "
            f"{escaped_value(kept_in.url)} after {counted(expired, 'day')}. {_RETENTION}"
        )
    of_versions = _fewest_days(
        _concerning(rules, media.prefix), "NoncurrentVersionExpiration", "NoncurrentDays"
    )
    if keeps_versions and of_versions is not None:
        notes.append(
            f"a lifecycle rule of the bucket {where} deletes versions {counted(of_versions, 'day')} after "
            "they were deleted or overwritten: what is in quarantine can be restored until then. "
            f"{_RETENTION}"
        )
    return notes


def _rules(bucket: Bucket) -> Rules:
    try:
        return list(bucket.ask("get_bucket_lifecycle_configuration", {}).get("Rules", ()))
    except (NotSupported, FileNotFoundError):
        return []
    except BucketError as error:
        if error.status == 404:
            return []
        raise


def _fewest_days(rules: Iterable[Mapping[str, Any]], action: str, days: str) -> int | None:
    """After how many days the first of some rules acts; None if none does by days."""
    found = [(rule.get(action) or {}).get(days) for rule in rules]
    return min((int(one) for one in found if one is not None), default=None)


def _concerning(rules: Rules, prefix: str) -> list[Mapping[str, Any]]:
    return [rule for rule in rules if rule.get("Status") == "Enabled" and _concerns(rule, prefix)]


def _concerns(rule: Mapping[str, Any], prefix: str) -> bool:
    """Whether a rule may be about objects below a prefix; one that asks for tags may be about any."""
    filters = rule.get("Filter") or {}
    of_rule = filters.get("Prefix") or (filters.get("And") or {}).get("Prefix") or rule.get("Prefix") or ""
    return bool(prefix.startswith(of_rule) or of_rule.startswith(prefix))

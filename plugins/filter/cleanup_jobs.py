# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
name: cleanup_jobs
short_description: The jobs that the description of sites asks for, one by one
version_added: 1.0.0
author: Django Media Cleanup contributors (!UNKNOWN)
description:
  - Takes the list C(media_cleanup_sites) and returns a list of jobs, each with the options for its module.
    What a site says holds for all its jobs, unless a job says otherwise.
  - The columns that the job C(orphans) of a site lists as references also protect files from the site's
    other jobs.
  - Fails with a clear message where the description cannot be meant.
positional: _input, only
options:
  _input:
    description: The description of the sites.
    type: list
    elements: dict
    required: true
  only:
    description: The jobs that are wanted, as a list or separated by commas; all of them by default.
    type: raw
"""

EXAMPLES = r"""
- name: Which jobs are there?
  ansible.builtin.debug:
    msg: "{{ media_cleanup_sites | django_media.cleanup.cleanup_jobs | map(attribute='heading') }}"

- name: Only those that look for orphans
  ansible.builtin.debug:
    msg: "{{ media_cleanup_sites | django_media.cleanup.cleanup_jobs('orphans') | map(attribute='heading') }}"
"""

RETURN = r"""
_value:
  description: The jobs, each with C(index), C(heading), C(job), C(user) and the C(options) for its module.
  type: list
  elements: dict
"""

from typing import Any, Callable, Iterator, Mapping, Sequence

from ansible.errors import AnsibleFilterError

JOBS = ("orphans", "incomplete", "missing")
# What a site may say once for all its jobs.
SHARED = (
    "database_url",
    "media_root",
    "media_url",
    "quarantine",
    "quarantine_in_media_root",
    "max_removal_percent",
    "accept",
    "include_likely_moves",
    "marker",
    "max_listed",
    "older_than_hours",
    "derived",
)
ORPHANS_ONLY = ("directories", "references", "age_stamp", "exclude")
RECORDS_ONLY = (
    "table",
    "file_column",
    "companion_columns",
    "unattached_column",
    "uploaded_at_column",
    "time_zone",
    "label",
    "dependents",
    "max_dependents",
    "references",
)
ABOUT_THE_SITE = ("name", "user", *JOBS)
_AT_SITE_LEVEL = {*ABOUT_THE_SITE, *SHARED, "age_stamp", "exclude", "time_zone", "max_dependents"}


def cleanup_jobs(sites: Any, only: Any = None) -> list[dict[str, Any]]:
    """List the wanted jobs of all sites, in the order of the description."""
    if isinstance(sites, (str, Mapping)) or not isinstance(sites, Sequence):
        raise AnsibleFilterError("media_cleanup_sites must be a list of sites.")
    wanted = _wanted(only)
    names = [_checked(site) for site in sites]
    for name in names:
        if names.count(name) > 1:
            raise AnsibleFilterError(f"media_cleanup_sites has two sites named {name!r}.")
    jobs = [job for site in sites for job in _jobs_of(site, wanted)]
    return [{"index": index, **job} for index, job in enumerate(jobs)]


def _wanted(only: Any) -> Sequence[str]:
    if only is None or only == "":
        return JOBS
    wanted = [job.strip() for job in only.split(",")] if isinstance(only, str) else list(only)
    unknown = [job for job in wanted if job not in JOBS]
    if unknown:
        raise AnsibleFilterError(
            f"media_cleanup_jobs names {', '.join(map(repr, unknown))}; there are {', '.join(JOBS)}."
        )
    return wanted


def _checked(site: Any) -> str:
    if not isinstance(site, Mapping) or not site.get("name"):
        raise AnsibleFilterError("each site of media_cleanup_sites must be a mapping with a name.")
    name = str(site["name"])
    for required in ("database_url", "media_root"):
        if not site.get(required):
            raise AnsibleFilterError(f"site {name!r} of media_cleanup_sites has no {required}.")
    unknown = sorted(set(site) - _AT_SITE_LEVEL)
    if unknown:
        raise AnsibleFilterError(
            f"site {name!r} of media_cleanup_sites has unknown keys: {', '.join(unknown)}. "
            f"It may have {', '.join(sorted(_AT_SITE_LEVEL))}; the rest belongs into its jobs."
        )
    return name


def _jobs_of(site: Mapping[str, Any], wanted: Sequence[str]) -> Iterator[dict[str, Any]]:
    for job in JOBS:
        if job not in wanted or not site.get(job):
            continue
        known = {*SHARED, *(ORPHANS_ONLY if job == "orphans" else RECORDS_ONLY)}
        entries = [site[job]] if isinstance(site[job], Mapping) else site[job]
        for entry in entries:
            _check_entry(site, job, entry, known)
            heading = f"{site['name']} · {job}"
            if job != "orphans":
                heading += f" · {entry['table']}"
            yield {
                "heading": heading,
                "job": job,
                "user": site.get("user"),
                "options": _options(site, job, entry, known),
            }


def _check_entry(site: Mapping[str, Any], job: str, entry: Any, known: set[str]) -> None:
    where = f"{job} of site {site['name']!r}"
    if not isinstance(entry, Mapping):
        raise AnsibleFilterError(f"{where} must be a mapping of options, or a list of them.")
    unknown = sorted(set(entry) - known)
    if unknown:
        raise AnsibleFilterError(
            f"{where} has unknown options: {', '.join(unknown)}. It may have {', '.join(sorted(known))}."
        )
    required = ("directories", "references") if job == "orphans" else ("table", "file_column")
    for option in required:
        if not entry.get(option):
            raise AnsibleFilterError(f"{where} has no {option}.")


def _options(site: Mapping[str, Any], job: str, entry: Mapping[str, Any], known: set[str]) -> dict[str, Any]:
    options = {key: value for key, value in site.items() if key in known}
    if job != "orphans":
        options["select"] = job
        orphans = site.get("orphans") or {}
        options["references"] = orphans.get("references", [])
    return {**options, "name": site["name"], **entry}


class FilterModule:
    """Make the filter known to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"cleanup_jobs": cleanup_jobs}

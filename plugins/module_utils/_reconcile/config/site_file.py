# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The description of sites: the jobs that it asks for, and the file that holds one site of it.

A site says once what holds for all its jobs, and a job may say otherwise. The playbooks, the role
and the command all take that apart here, so that they mean the same by the same words.
"""

from __future__ import annotations

import json
import os
import re
from typing import Any, Iterator, Mapping, Sequence

from ..errors import SiteError
from .site import OrphansJob, RecordsJob, orphans_job, records_job

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
    "low_priority",
    "marker",
    "max_listed",
    "older_than_hours",
    "derived",
)
ORPHANS_ONLY = ("directories", "references", "age_stamp", "exclude")
RECORDS_ONLY = (
    "table",
    "file_column",
    "size_column",
    "checksum_column",
    "companion_columns",
    "unattached_column",
    "uploaded_at_column",
    "time_zone",
    "label",
    "dependents",
    "max_dependents",
    "references",
)
# Who runs the jobs, with which interpreter, and when: nothing that a job itself needs.
ABOUT_THE_SITE = ("name", "user", "python", "schedule", "calendar", *JOBS)
AT_SITE_LEVEL = {*ABOUT_THE_SITE, *SHARED, "age_stamp", "exclude", "time_zone", "max_dependents"}
# What the modules' argument specs say, for those who do not come through one.
DEFAULTS: Mapping[str, Any] = {
    "media_url": "/media/",
    "exclude": [".*", "lost+found", ".nfs*", "@eaDir"],
}
_TEXTS = (
    *("database_url", "media_root", "media_url", "quarantine", "marker", "age_stamp", "table"),
    *("file_column", "size_column", "checksum_column", "unattached_column", "uploaded_at_column"),
    *("time_zone", "label", "python", "user"),
)
_LISTS_OF_TEXTS = ("accept", "derived", "directories", "exclude", "companion_columns")
_LISTS_OF_MAPPINGS = ("references", "dependents")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def list_jobs(sites: Any, only: Any = None, source: str = "media_cleanup_sites") -> list[dict[str, Any]]:
    """List the wanted jobs of all sites, in the order of the description.

    Raises SiteError, which names the source, where the description cannot be meant.
    """
    if isinstance(sites, (str, Mapping)) or not isinstance(sites, Sequence):
        raise SiteError(f"{source} must be a list of sites.")
    wanted = _wanted(only)
    names = [_checked(site, source) for site in sites]
    for name in names:
        if names.count(name) > 1:
            raise SiteError(f"{source} has two sites named {name!r}.")
    jobs = [job for site in sites for job in _jobs_of(site, wanted)]
    return [{"index": index, **job} for index, job in enumerate(jobs)]


def _wanted(only: Any) -> Sequence[str]:
    if only is None or only == "":
        return JOBS
    wanted = [job.strip() for job in only.split(",")] if isinstance(only, str) else list(only)
    unknown = [job for job in wanted if job not in JOBS]
    if unknown:
        raise SiteError(
            f"media_cleanup_jobs names {', '.join(map(repr, unknown))}; there are {', '.join(JOBS)}."
        )
    return wanted


def _checked(site: Any, source: str) -> str:
    if not isinstance(site, Mapping) or not site.get("name"):
        raise SiteError(f"each site of {source} must be a mapping with a name.")
    name = str(site["name"])
    for required in ("database_url", "media_root"):
        if not site.get(required):
            raise SiteError(f"site {name!r} of {source} has no {required}.")
    unknown = sorted(set(map(str, site)) - AT_SITE_LEVEL)
    if unknown:
        raise SiteError(
            f"site {name!r} of {source} has unknown keys: {', '.join(unknown)}. "
            f"It may have {', '.join(sorted(AT_SITE_LEVEL))}; the rest belongs into its jobs."
        )
    return name


def _jobs_of(site: Mapping[str, Any], wanted: Sequence[str]) -> Iterator[dict[str, Any]]:
    for job in JOBS:
        if job not in wanted or not site.get(job):
            continue
        known = {*SHARED, *(ORPHANS_ONLY if job == "orphans" else RECORDS_ONLY)}
        entries = [site[job]] if isinstance(site[job], Mapping) else site[job]
        if isinstance(entries, str) or not isinstance(entries, Sequence):
            entries = [entries]
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
    where = f"{job} of site {str(site['name'])!r}"
    if not isinstance(entry, Mapping):
        raise SiteError(f"{where} must be a mapping of options, or a list of them.")
    unknown = sorted(set(map(str, entry)) - known)
    if unknown:
        raise SiteError(
            f"{where} has unknown options: {', '.join(unknown)}. It may have {', '.join(sorted(known))}."
        )
    required = ("directories", "references") if job == "orphans" else ("table", "file_column")
    for option in required:
        if not entry.get(option):
            raise SiteError(f"{where} has no {option}.")


def _options(site: Mapping[str, Any], job: str, entry: Mapping[str, Any], known: set[str]) -> dict[str, Any]:
    options = {key: value for key, value in site.items() if key in known}
    if job != "orphans":
        options["select"] = job
        options["references"] = _protected(site)
    return {**options, "name": site["name"], **entry}


def _protected(site: Mapping[str, Any]) -> list[Any]:
    """The columns that name files of the job orphans; they protect files from the other jobs."""
    orphans = site.get("orphans") or ()
    entries = [orphans] if isinstance(orphans, Mapping) else orphans
    return [
        column for entry in entries if isinstance(entry, Mapping) for column in entry.get("references", ())
    ]


def read(directory: str, name: str) -> dict[str, Any]:
    """Read the description of one site from its file.

    Raises SiteError if there is no such file, or if it does not describe that site.
    """
    if not _NAME.fullmatch(name):
        raise SiteError(
            f"{name!r} is no name of a site: letters, digits, '.', '_' and '-' make one, and it begins "
            "with a letter or digit."
        )
    path = os.path.join(directory, f"{name}.json")
    try:
        with open(path, encoding="utf-8") as file:
            site = json.load(file)
    except FileNotFoundError:
        raise SiteError(f"there is no site {name!r}: {path} does not exist. {_known(directory)}") from None
    except OSError as error:
        raise SiteError(
            f"the site file {path} cannot be read: {error.strerror}. Run as the user whom it belongs to, "
            "or as root."
        ) from None
    except (ValueError, RecursionError) as error:
        # The text of the error tells the place only; what stands there may be a password.
        raise SiteError(f"the site file {path} is no JSON text: {_where(error)}. Install it again.") from None
    if not isinstance(site, dict) or site.get("name") != name:
        raise SiteError(f"the site file {path} does not describe a site named {name!r}. Install it again.")
    return site


def _where(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} in line {error.lineno}, column {error.colno}"
    return "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else "it is nested too deep"


def _known(directory: str) -> str:
    try:
        found = sorted(entry[:-5] for entry in os.listdir(directory) if entry.endswith(".json"))
    except OSError as error:
        return f"{directory} cannot be listed: {error.strerror}."
    return f"There are: {', '.join(found)}." if found else "There is none yet."


def jobs_of(
    site: Mapping[str, Any], job: str, source: str, overrides: Mapping[str, Any]
) -> list[OrphansJob | RecordsJob]:
    """Build the jobs of one kind that a site describes, overrides coming before all it says.

    Raises SiteError where an option is not usable, or where the site has no such job.
    """
    found = list_jobs([site], [job], source)
    if not found:
        described = [name for name in JOBS if site.get(name)]
        raise SiteError(
            f"site {site['name']!r} describes no job {job!r} in {source}; it has "
            f"{', '.join(described) or 'none at all'}."
        )
    _check_types(site, source)
    for entry in found:
        _check_types(entry["options"], f"{job} in {source}")
    return [_built(_merged(entry["options"], overrides), job) for entry in found]


def _check_types(options: Mapping[str, Any], where: str) -> None:
    """What an argument spec does for the modules; numbers are checked where they are used."""
    for name in options:
        wanted = _type_wanted(name, options[name])
        if wanted:
            # The value is not shown: it may be a URL with its password.
            raise SiteError(f"{where}: {name} must be {wanted}.")


def _type_wanted(name: str, value: Any) -> str:
    """What an option should have been; empty if it is that, or null."""
    if value is None:
        return ""
    if name in _TEXTS:
        return "" if isinstance(value, str) else "a text"
    if name in _LISTS_OF_TEXTS:
        return "" if _is_list_of(value, str) else "a list of texts"
    if name in _LISTS_OF_MAPPINGS:
        return "" if _is_list_of(value, Mapping) else "a list of mappings"
    return ""


def _is_list_of(value: Any, kind: Any) -> bool:
    return isinstance(value, list) and all(isinstance(entry, kind) for entry in value)


def _merged(options: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """What holds in the end; null stands for the default, as in Ansible."""
    said = {key: value for key, value in options.items() if value is not None}
    accepted = [*said.get("accept", ()), *overrides.get("accept", ())]
    return {**DEFAULTS, **said, **overrides, "accept": accepted}


def _built(options: Mapping[str, Any], job: str) -> OrphansJob | RecordsJob:
    try:
        return orphans_job(options) if job == "orphans" else records_job(options)
    except UnicodeEncodeError:
        raise SiteError("an option holds half of a surrogate pair, which is no text.") from None

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
from typing import Any, Iterable, Iterator, Mapping, Sequence

from ..errors import SiteError
from ..media.s3.place import is_in_bucket
from .django_jobs.from_options import job_of
from .jobs import quarantine_of
from .options import JOBS, QUARANTINE, Option, job_options, module_options, shared_options, site_options
from .site import Job
from .trust.paths import why_untrusted
from .values import boolean, checked, unknown_keys

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def list_jobs(sites: Any, only: Any = None, source: str = "media_cleanup_sites") -> list[dict[str, Any]]:
    """List the wanted jobs of all sites, in the order of the description.

    ``only`` is a list of jobs, or a text with commas; None and an empty text are all. Each job has its
    ``index``, ``heading``, ``job``, ``user``, its ``quarantine``, which is None where it deletes for good,
    and ``options``, which hold what its module takes and the description says: no option whose value is
    null, and booleans as such.

    Raises SiteError, which says the source, where the description is not usable.
    """
    wanted = _wanted(only)
    checked_sites = _checked_sites(sites, source)
    jobs = [found for site in checked_sites for job in JOBS if job in wanted for found in _jobs_of(site, job)]
    return [{"index": index, **job} for index, job in enumerate(jobs)]


def list_sites(sites: Any, source: str = "media_cleanup_sites") -> list[dict[str, Any]]:
    """List the sites with ``name``, ``user`` and, as with ``list_jobs``, ``options`` for media_quarantine.

    Raises SiteError, which says the source, where the description is not usable.
    """
    return [
        {
            "name": str(site["name"]),
            "user": site.get("user"),
            "has_quarantine": _has_quarantine(site),
            "options": _quarantine_options(site),
        }
        for site in _checked_sites(sites, source)
    ]


def _has_quarantine(site: Mapping[str, Any]) -> bool:
    where = f"site {str(site['name'])!r}"
    return _quarantine_of(_said(site, shared_options(), where), where) is not None


def _quarantine_options(site: Mapping[str, Any]) -> dict[str, Any]:
    """What media_quarantine takes of a site; no quarantine where its jobs delete for good."""
    where = f"site {str(site['name'])!r}"
    said = _said(site, shared_options(), where)
    known = {**site, "name": str(site["name"]), "quarantine": _named(_quarantine_of(said, where))}
    return _said(known, QUARANTINE, where)


def _named(quarantine: str | None) -> str | None:
    """A quarantine as an option; None where the project is to say where it is."""
    return quarantine if quarantine and (quarantine.startswith("/") or is_in_bucket(quarantine)) else None


def _quarantine_of(options: Mapping[str, Any], where: str) -> str | None:
    """Where a job puts what it removes; None where it deletes for good.

    Of a media root that only the project knows, it is in words, with the root as Django calls it.
    """
    if options.get("django") and not options.get("media_root"):
        options = {**options, "media_root": "MEDIA_ROOT"}
    try:
        return quarantine_of(options)
    except SiteError as error:
        raise SiteError(f"{where}: {error}") from None


def list_quarantines(
    sites: Any, only: Any = None, source: str = "media_cleanup_sites"
) -> list[dict[str, Any]]:
    """List the quarantines of the wanted jobs, each once for each media root it serves.

    ``only`` is as for ``list_jobs``. Each has its ``index``, ``heading``, ``user``, the numbers of its
    ``jobs``, and ``options`` for media_quarantine, which protect the files that any job of the site
    knows to be referenced.
    """
    found: dict[tuple[str, str], dict[str, Any]] = {}
    everything = list_jobs(sites, source=source)
    for job in list_jobs(sites, only, source):
        said = job["options"]
        if job["quarantine"] is None:
            continue
        place = (job["quarantine"], str(said.get("media_root")))
        known = found.setdefault(
            place,
            {
                "index": len(found),
                "heading": f"{said['name']} · purge",
                "user": job["user"],
                "jobs": [],
                "options": _for_quarantine({**said, "quarantine": _named(job["quarantine"])}, everything),
            },
        )
        known["jobs"].append(job["index"])
    return list(found.values())


def _for_quarantine(said: Mapping[str, Any], jobs: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The options of media_quarantine; the columns and derived files are those of all jobs of the site."""
    ours = [job["options"] for job in jobs if job["options"]["name"] == said["name"]]
    databases = {options.get("database_url") for options in ours}
    found = {
        **{option.name: said[option.name] for option in QUARANTINE if option.name in said},
        "references": _each_once(column for options in ours for column in _referencing(options)),
        "derived": _each_once(pattern for options in ours for pattern in _entries(options.get("derived"))),
        # One database cannot answer for another one: nothing is purged.
        "database_url": databases.pop() if len(databases) == 1 else None,
        # What one job has searched for, a purge must not delete because another one searches for nothing.
        "sweep": False if all(options.get("sweep") is False for options in ours) else None,
    }
    return {name: value for name, value in found.items() if value not in (None, [])}


def _referencing(options: Mapping[str, Any]) -> Iterator[Any]:
    """The columns of a job that reference files; what is wrong with one, the purge reports."""
    dependents = _entries(options.get("dependents"))
    for column in (*_entries(options.get("references")), *filter(_holds_path, dependents)):
        is_mapping = isinstance(column, Mapping)
        yield {name: column.get(name) for name in ("table", "column")} if is_mapping else column
    for name in (options.get("file_column"), *_entries(options.get("companion_columns"))):
        if name:
            yield {"table": options.get("table"), "column": name}


def _holds_path(dependent: Any) -> bool:
    return not isinstance(dependent, Mapping) or dependent.get("holds") == "path"


def _each_once(values: Iterable[Any]) -> list[Any]:
    found: list[Any] = []
    found.extend(value for value in values if value not in found)
    return found


def _checked_sites(sites: Any, source: str) -> Sequence[Mapping[str, Any]]:
    if isinstance(sites, (str, Mapping)) or not isinstance(sites, Sequence):
        raise SiteError(f"{source} must be a list of sites.")
    names = [_checked_name(site, source) for site in sites]
    for name in names:
        if names.count(name) > 1:
            raise SiteError(f"{source} has two sites named {name!r}.")
    return list(sites)


def _wanted(only: Any) -> Sequence[str]:
    if only is None or only == "":
        return JOBS
    wanted = [job.strip() for job in only.split(",")] if isinstance(only, str) else list(only)
    unknown = [job for job in wanted if job not in JOBS]
    if unknown:
        raise SiteError(
            f"media_cleanup_jobs has {', '.join(map(repr, unknown))}; there are {', '.join(JOBS)}."
        )
    return wanted


def _checked_name(site: Any, source: str) -> str:
    """The name of a site, once its keys are checked."""
    if not isinstance(site, Mapping) or not site.get("name"):
        raise SiteError(f"each site of {source} must be a mapping with a name.")
    where = f"site {str(site['name'])!r} of {source}"
    known = site_options()
    _require(site, known, where, site)
    unknown = unknown_keys(site, known)
    if unknown:
        raise SiteError(
            f"{where} has unknown keys: {unknown}. It may have {_names(known)}; "
            "the rest belongs into its jobs."
        )
    return str(site["name"])


def _jobs_of(site: Mapping[str, Any], job: str) -> Iterator[dict[str, Any]]:
    where = f"{job} of site {str(site['name'])!r}"
    known = job_options(job)
    for entry in _described(site, job):
        if not isinstance(entry, Mapping):
            raise SiteError(f"{where} must be a mapping of options, or a list of them.")
        unknown = unknown_keys(entry, known)
        if unknown:
            raise SiteError(f"{where} has unknown options: {unknown}. It may have {_names(known)}.")
        # What the site says need not be said again.
        _require(entry, [option for option in known if "site" not in option.scope], where, site)
        named = [entry[name] for name in ("table", "model") if name in entry][:1]
        options = _options(site, job, entry)
        yield {
            "heading": " · ".join(map(str, (site["name"], job, *named))),
            "job": job,
            "user": site.get("user"),
            "quarantine": _quarantine_of(options, where),
            "options": options,
        }


def has_job(site: Mapping[str, Any], job: str) -> bool:
    """Whether a site describes a job of that kind; a Django project may say all that is to be said of it."""
    return bool(_described(site, job))


def _described(site: Mapping[str, Any], job: str) -> Sequence[Any]:
    """What a site says of the jobs of one kind: nothing, one job, which may be an empty one, or a list."""
    written = site.get(job)
    return [written] if isinstance(written, Mapping) and site.get("django") else _entries(written)


def _entries(written: Any) -> Sequence[Any]:
    """One thing or a list of things, as a list; nothing is an empty one."""
    if not written:
        return ()
    return written if isinstance(written, Sequence) and not isinstance(written, str) else [written]


def _require(
    given: Mapping[str, Any], options: Iterable[Option], where: str, site: Mapping[str, Any]
) -> None:
    for option in options:
        is_known = option.by_project and site.get("django")
        if option.required and not is_known and not given.get(option.name):
            if given.get("model") and not site.get("django"):
                raise SiteError(
                    f"{where} has a model, whose table only the Django project knows. Describe the project "
                    "in django of the site, or say table and file_column instead of model."
                )
            raise SiteError(f"{where} has no {option.name}.")


def _names(options: Iterable[Option]) -> str:
    return ", ".join(sorted(option.name for option in options))


def _options(site: Mapping[str, Any], job: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    """What the module of a job takes."""
    known = module_options(job)
    shared = {option.name: site[option.name] for option in known if option.name in site}
    # What a job says of the one replaces what its site says of the other.
    is_permanent = boolean(entry.get("permanent") or False, "permanent")
    if is_permanent:
        shared.pop("quarantine", None)
    elif entry.get("quarantine"):
        shared.pop("permanent", None)
    merged = {**shared, **entry, "name": str(site["name"])}
    if site.get("keep") and entry.get("keep"):
        # What a job keeps takes nothing away from what its site keeps.
        merged["keep"] = [*_entries(site["keep"]), *_entries(entry["keep"])]
    return {**_implied(site, job), **_said(merged, known, f"{job} of site {str(site['name'])!r}")}


def _said(values: Mapping[str, Any], options: Iterable[Option], where: str) -> dict[str, Any]:
    """The options that are set; null means the default, as in Ansible, and is left out."""
    found = {option.name: values[option.name] for option in options if values.get(option.name) is not None}
    for option in options:
        if option.type == "bool" and option.name in found:
            found[option.name] = boolean(found[option.name], f"{where}: {option.name}")
    return found


def _implied(site: Mapping[str, Any], job: str) -> dict[str, Any]:
    """What a job has from its place in the description: the columns of orphans protect files from it."""
    if job == "orphans":
        return {}
    orphans = [entry for entry in _entries(site.get("orphans")) if isinstance(entry, Mapping)]
    references = [column for entry in orphans for column in _entries(entry.get("references"))]
    return {"select": job, "references": references}


def read(directory: str, name: str) -> dict[str, Any]:
    """Read the description of one site from its file.

    Raises SiteError if there is no such file, if it does not describe that site, or if somebody else than
    root or this user may write it.
    """
    if not _NAME.fullmatch(name):
        raise SiteError(
            f"{name!r} is no name of a site: letters, digits, '.', '_' and '-' make one, and it begins "
            "with a letter or digit."
        )
    path = os.path.join(directory, f"{name}.json")
    try:
        _require_trusted(path)
        with open(path, encoding="utf-8") as file:
            site = json.load(file)
    except FileNotFoundError:
        raise SiteError(f"there is no site {name!r}: {path} does not exist. {_known(directory)}") from None
    except OSError as error:
        raise SiteError(
            f"the site file {path} cannot be read: {error.strerror}. Run as the site's user, or as root."
        ) from None
    except (ValueError, RecursionError) as error:
        # Only the place of the error is reported; the text there may be a password.
        raise SiteError(f"the site file {path} is no JSON text: {_where(error)}. Install it again.") from None
    if not isinstance(site, dict) or site.get("name") != name:
        raise SiteError(f"the site file {path} does not describe a site named {name!r}. Install it again.")
    return site


def _require_trusted(path: str) -> None:
    os.stat(path)
    why = why_untrusted(path)
    if why:
        raise SiteError(f"the site file {path} is not read, because it says what is removed, and {why}")


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


def jobs_of(site: Mapping[str, Any], job: str, source: str, overrides: Mapping[str, Any]) -> list[Job]:
    """Build the jobs of one kind that a site describes, overrides coming before all it says.

    Raises SiteError where an option is not usable, or where the site has no such job.
    """
    found = list_jobs([site], [job], source)
    if not found:
        described = [name for name in JOBS if has_job(site, name)]
        raise SiteError(
            f"site {site['name']!r} describes no job {job!r} in {source}; it has "
            f"{', '.join(described) or 'none at all'}."
        )
    checked(site, site_options(), f"{source}: ")
    return [_built(job, _overridden(entry["options"], overrides), source) for entry in found]


def _overridden(options: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """The options with what the command line says; to a list it adds."""
    merged = {**options}
    for name, value in overrides.items():
        already = options.get(name, [])
        if not isinstance(value, list):
            merged[name] = value
        elif isinstance(already, list):
            merged[name] = [*already, *value]
    return merged


def _built(job: str, options: Mapping[str, Any], source: str) -> Job:
    try:
        return job_of(job, options)
    except UnicodeEncodeError:
        raise SiteError("an option holds half of a surrogate pair, which is no text.") from None
    except SiteError as error:
        raise SiteError(f"{job} in {source}: {error}") from None

# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Builds the jobs of a site from what its description says, and its Django project.

What the project says is completed by the description: ``references``, ``derived``, ``exclude`` and ``keep``
add to it, ``dependents`` replace by table and column, and single values replace.
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any, Iterator, Mapping

from ...errors import SiteError
from ..django.facts import Facts
from ..jobs import columns_of, orphans_job, records_job
from ..options import OF_MODEL, OPTIONS
from ..site import Claims, Job, OrphansJob, ProjectParts, RecordsJob
from .deletion import deletion_of, said_key
from .files import Files, files_of
from .place import Place, database_url, place_of, place_options, service_options
from .records import Records, records_of

Options = Mapping[str, Any]

# Options of a model whose values are names of Django's, which are translated.
_IN_DJANGO = ("label", "only", "uploaded_at_column", "unattached_column")
_CREDENTIALS = {"access_key", "secret_key", "security_token", "session_profile"}
_EXCLUDE = next(option.default for option in OPTIONS if option.name == "exclude")


def project_job(job: str, said: Options, facts: Facts) -> Job:
    """Build a job of that kind. Raises SiteError where the project does not say all that it needs."""
    place = _place(said, facts)
    files = files_of(facts, place)
    built: Job
    if job == "orphans":
        built = _orphans(said, facts, place, files)
    else:
        built = _records(job, said, facts, place, files)
    project = ProjectParts(columns_of(files.references), tuple(_delete_receivers(facts)))
    keep = replace(built.site.keep, defaults=tuple(map(os.fsencode, files.defaults)))
    # Of a media store that is said by hand, the project does not say who writes to it.
    uses_names_once = not said.get("media_root") and place.uses_names_once(facts)
    site = replace(built.site, project=project, keep=keep, uses_names_once=uses_names_once)
    return replace(built, site=site)


def _delete_receivers(facts: Facts) -> Iterator[str]:
    for model in facts.models:
        yield from (f"{receiver} of {model.label}" for receiver in model.delete_receivers)


def quarantine_options(said: Options, facts: Facts) -> dict[str, Any]:
    """The options of media_quarantine, from the description of a site and from its project."""
    place = _place(said, facts)
    return _completed(said, facts, place, files_of(facts, place))


def _place(said: Options, facts: Facts) -> Place:
    django = said["django"]
    return place_of(facts, django.get("database"), django.get("storage"))


def _orphans(said: Options, facts: Facts, place: Place, files: Files) -> OrphansJob:
    options = _completed(said, facts, place, files)
    if said.get("directories"):
        return orphans_job(options)
    options["directories"] = files.directories or ["."]
    job = orphans_job(options)
    claims = Claims(columns_of(files.claiming), tuple(files.notes))
    directories = job.directories if files.directories else ()
    return replace(job, claims=claims, directories=directories)


def _records(job: str, said: Options, facts: Facts, place: Place, files: Files) -> RecordsJob:
    options = {"select": job, **_completed(said, facts, place, files)}
    if not said.get("model"):
        if not said.get("table"):
            raise SiteError("model is missing; it must be the label of a model, such as album.Photo.")
        # Its table and columns are said by hand.
        return records_job(options)
    found = records_of(facts, place, files, {**said, "select": job})
    replacing = {name: value for name, value in options.items() if name not in (*_IN_DJANGO, "dangling")}
    unattached = {"unattached_column": found.unattached[0]} if found.unattached else {}
    built = records_job({**found.options, **replacing, **unattached})
    return _with_rules(built, found, facts, place)


def _with_rules(built: RecordsJob, found: Records, facts: Facts, place: Place) -> RecordsJob:
    built = replace(built, more_unattached_columns=found.unattached[1:], dangling=found.dangling)
    if built.clears:
        # No row is deleted, so nothing depends on it.
        return built
    said = {said_key(rule.column.table, rule.column.name): rule.action for rule in built.dependents}
    deletion = deletion_of(facts, found.model, place.database_alias, built.site.accept, said)
    implied = [rule for rule in deletion.rules if said_key(rule.column.table, rule.column.name) not in said]
    return replace(
        built,
        dependents=(*built.dependents, *implied),
        parents=built.parents or deletion.parents,
        parent_links=deletion.parent_links,
        prefixes=found.prefixes,
        doubt=deletion.doubt,
        notes=deletion.notes,
    )


def _completed(said: Options, facts: Facts, place: Place, files: Files) -> dict[str, Any]:
    """The options of any job: what the project says, and what the description says on top."""
    given = {name: value for name, value in said.items() if name not in ("django", *OF_MODEL)}
    known: dict[str, Any] = {}
    if not {"media_root", "media_url"} <= given.keys():
        known.update(place_options(facts, place))
    if "database_url" not in given:
        known["database_url"] = database_url(place.database, facts.directory)
    return {
        **known,
        **given,
        **_service(given, place),
        "exclude": list(dict.fromkeys([*_EXCLUDE, *_added(said, "exclude")])),
        "references": [*_added(said, "references"), *files.references],
        "derived": list(dict.fromkeys([*_added(said, "derived"), *files.derived])),
        "keep": [*_added(said, "keep"), *files.keep],
    }


def _service(given: Options, place: Place) -> dict[str, Any]:
    """How the service of a bucket is reached: what is said replaces what the project says of the same.

    Whose credentials are used is one thing, of which all or nothing is said.
    """
    said = {name: value for name, value in (given.get("storage_options") or {}).items() if value}
    known = service_options(place)
    if not _CREDENTIALS.isdisjoint(said):
        known = {name: value for name, value in known.items() if name not in _CREDENTIALS}
    found = {**known, **said}
    return {"storage_options": found} if found else {}


def _added(said: Options, name: str) -> list[Any]:
    value = said.get(name) or []
    if isinstance(value, (str, Mapping)):
        raise SiteError(f"{name} must be a list.")
    return list(value)

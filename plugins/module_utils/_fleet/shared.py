# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Hosts that have a site together: the first one cleans it, and the others say so."""

from __future__ import annotations

from typing import Iterable, Iterator, NamedTuple, Sequence

from .rows import Row

_SHOWN = 3


class Place(NamedTuple):
    """The database and the media store of a site."""

    database: str
    media: str


def place_of(row: Row) -> Place | None:
    """Where the site of a job is; None where that cannot be compared with other hosts."""
    place = Place(row["identity"]["database"], row["identity"]["media"])
    return place if all(place) else None


def first_hosts(rows: Iterable[Row]) -> dict[Place, str]:
    """Which host cleans each site: the first one that has it."""
    first: dict[Place, str] = {}
    for row in rows:
        place = place_of(row)
        if place:
            first.setdefault(place, row["host"])
    return first


def held_as_shared(rows: Sequence[Row]) -> Iterator[tuple[Row, str]]:
    """Yield each job whose site an earlier host has too, and why it is held back."""
    first = first_hosts(rows)
    tasks = {(row["host"], place_of(row), row["task"]) for row in rows}
    for row in rows:
        place = place_of(row)
        if place and first[place] != row["host"]:
            host = first[place]
            reason = f"the host {host} has the same database and the same media store, and cleans them."
            if (host, place, row["task"]) not in tasks:
                reason += f" It has no job {row['task']!r}: describe the site alike on both hosts."
            yield row, reason


def warnings(rows: Sequence[Row]) -> Iterator[tuple[str, str]]:
    """Yield each host that shares either its database or its media store with another one, and a warning."""
    places = {(row["host"], row["site"]): place for row in rows for place in [place_of(row)] if place}
    for kind, part, words in _ONE_SHARED:
        by_part: dict[str, dict[Place, list[str]]] = {}
        for (host, _site), place in places.items():
            hosts = by_part.setdefault(place[part], {}).setdefault(place, [])
            if host not in hosts:
                hosts.append(host)
        for (host, site), place in places.items():
            others = [
                name for other, names in by_part[place[part]].items() if other != place for name in names
            ]
            others = [name for name in dict.fromkeys(others) if name != host]
            if others:
                yield host, f"{site}: its {kind} is also that of {_listed(others)}, {words}"


_ONE_SHARED = (
    (
        "database",
        0,
        "with another media store: a row whose file is there counts as missing here. Give them one media "
        "store, or describe the site for one host only.",
    ),
    (
        "media store",
        1,
        "with another database: the files of the one are orphans for the other. Correct database_url or "
        "media_root; if it is one database at two addresses, use the same address on all hosts.",
    ),
)


def _listed(hosts: Sequence[str]) -> str:
    more = f" and {len(hosts) - _SHOWN:,} more" if len(hosts) > _SHOWN else ""
    return ", ".join(hosts[:_SHOWN]) + more

# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Hosts that have a site together: the first one cleans it, and the others say so.

Sites that share only one of database and media store are in each other's way: the files of the one are
orphans for the other, or its rows miss their files. What each would remove of the other is held back.
"""

from __future__ import annotations

from typing import Collection, Iterable, Iterator, NamedTuple, Sequence

from .rows import PLANNED, SHARED_DATABASE, SHARED_MEDIA, Row

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


def held_as_half_shared(rows: Sequence[Row], accepts: Collection[str]) -> Iterator[tuple[Row, str]]:
    """Yield each job that would take what another site needs, and why it is held back.

    Only of plans that would remove something, and of sites that have no plan yet, only a place.
    """
    found = {(half.host, half.site, half.part.kind): half for half in _halves(rows)}
    for row in rows:
        for part in _PARTS:
            half = found.get((row["host"], row["site"], part.kind))
            is_concerned = row["state"] == PLANNED and row["job"] in part.jobs
            if half and part.accepted_as not in accepts and (is_concerned or not row["job"]):
                yield row, f"{half.words} If all of it is wanted, {part.how_to_accept(row['host'])}"


def warnings(rows: Sequence[Row]) -> Iterator[tuple[str, str]]:
    """Yield each host that shares either its database or its media store with another site, and a warning."""
    for half in _halves(rows):
        yield half.host, f"{half.site}: {half.words}"


class _Part(NamedTuple):
    """One of the two that sites may share: its name and place, whose jobs are in danger, and what to do."""

    kind: str
    number: int
    jobs: Sequence[str]
    accepted_as: str
    words: str

    def how_to_accept(self, host: str) -> str:
        """How a run goes on all the same."""
        return (
            f"run it with -e media_cleanup_accept={self.accepted_as} --limit {host}; a schedule needs "
            "media_cleanup_shared: true."
        )


class _Half(NamedTuple):
    """A site of a host that shares one part with other sites, but not the other part."""

    host: str
    site: str
    part: _Part
    others: Sequence[str]

    @property
    def words(self) -> str:
        return f"its {self.part.kind} is also that of {_listed(self.others)}, {self.part.words}"


_PARTS = (
    _Part(
        "database",
        0,
        ("missing", "incomplete"),
        SHARED_DATABASE,
        "with another media store: a row whose file is there counts as missing here. Give them one media "
        "store, or describe the site for one host only.",
    ),
    _Part(
        "media store",
        1,
        ("orphans",),
        SHARED_MEDIA,
        "with another database: the files of the one are orphans for the other. Correct database_url or "
        "media_root; if it is one database at two addresses, use the same address on all hosts.",
    ),
)


def _halves(rows: Sequence[Row]) -> Iterator[_Half]:
    places = {(row["host"], row["site"]): place for row in rows for place in [place_of(row)] if place}
    for part in _PARTS:
        by_part: dict[str, dict[Place, list[tuple[str, str]]]] = {}
        for site, place in places.items():
            by_part.setdefault(place[part.number], {}).setdefault(place, []).append(site)
        for (host, name), place in places.items():
            others = [
                _called(each, host)
                for other, sites in by_part[place[part.number]].items()
                if other != place
                for each in sites
            ]
            if others:
                yield _Half(host, name, part, list(dict.fromkeys(others)))


def _called(site: tuple[str, str], to: str) -> str:
    """A site as it is called on a host: there by its name, elsewhere by its host."""
    host, name = site
    return f"the site {name}" if host == to else host


def _listed(hosts: Sequence[str]) -> str:
    more = f" and {len(hosts) - _SHOWN:,} more" if len(hosts) > _SHOWN else ""
    return ", ".join(hosts[:_SHOWN]) + more

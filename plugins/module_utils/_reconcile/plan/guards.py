# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The checks that refuse a whole plan."""

from __future__ import annotations

from typing import Callable, Iterable, Mapping, NamedTuple, Protocol, Sequence

from ..compare.folders.unreferenced import FEW_FILES
from ..compare.no_paths import ColumnWithoutPaths
from ..compare.older_database import NewerOrphans
from ..database.sweep import Unsearchable
from ..media.s3.place import UNCONDITIONAL_DELETE, why_unconditional
from ..quarantine.state.identity import Identity
from ..spool import Listed
from ..text import counted, escaped, moment
from .approval import Approval
from .plan import Plan

# The share in a table of dependent rows is judged from so many rows on.
FEW_ROWS = 100
# A cascade over fewer records is judged as if it were over so many.
FEW_RECORDS = 10
_SHOWN = 3


class Refusable(Protocol):
    """A plan, or what else is refused as a whole."""

    def refuse(self, guard: str, message: str) -> None:
        """Refuse it by a guard; the message says what was found and what lifts the guard."""


def guard_share(plan: Plan, what: str, found: int, examined: int, most: int) -> None:
    """Refuse a plan that removes a larger share, in percent, than ``most``."""
    if found * 100 > examined * most:
        share = found * 100 / examined
        plan.refuse(
            "max_removal_percent",
            f"{found:,} of {examined:,} {what} would be removed, {share:.4g} %, and max_removal_percent "
            f"allows {most} %. So large a share is more often a wrong media_root, a disk that is not mounted "
            "or a wrong database than a real loss. If it is what you mean, set max_removal_percent to "
            f"{min(100, -(-found * 100 // examined))}.",
        )


def guard_relinks(plan: Plan, relinks: int, examined: int, most: int) -> None:
    """Refuse a plan that points a larger share of the records, in percent, at other files than ``most``."""
    if relinks * 100 > examined * most:
        plan.refuse(
            "max_removal_percent",
            f"{relinks:,} of {examined:,} records would be pointed at other files, and max_removal_percent "
            f"allows {most} %. So many point to a wrong media_root, or a folder that was renamed and can be "
            "renamed back. If it is what you mean, set max_removal_percent to "
            f"{min(100, -(-relinks * 100 // examined))}.",
        )


class Tally(NamedTuple):
    """The files of one listed directory: all, those with a reference, those that would be removed."""

    directory: str
    files: int
    referenced: int
    removed: int


def guard_directories(plan: Plan, tallies: Iterable[Tally], most: int, accepted: Sequence[str]) -> None:
    """Refuse a plan that empties a single directory, or one in which nothing is referenced.

    A few files say nothing about a directory, so fewer than ``FEW_FILES`` are not judged.
    """
    for tally in tallies:
        if tally.removed < FEW_FILES:
            continue
        if not tally.referenced and "no_references" not in accepted:
            plan.refuse(
                "no_references",
                f"the database references nothing below {tally.directory!r}, which holds {tally.files:,} "
                "files. A column may be missing in references, or the database may be empty or the wrong "
                "one. If nothing there is needed, set accept: [no_references].",
            )
        elif tally.referenced and not plan.is_refused_by("max_removal_percent"):
            guard_share(plan, f"files in {tally.directory!r}", tally.removed, tally.files, most)


def guard_emptied(plan: Plan, emptied: Iterable[tuple[bytes, int]], most: int) -> None:
    """Refuse a plan where all files of a folder are missing that many records reference, not just some.

    ``emptied`` has the records by the folder below which no file is; those with fewer than ``FEW_FILES``
    are not judged.
    """
    if most == 100 or plan.is_refused_by("max_removal_percent"):
        return
    judged: Listed[tuple[bytes, int]] = Listed(_SHOWN)
    for directory, rows in emptied:
        if rows >= FEW_FILES:
            judged.add((directory, rows))
    if judged.total:
        shown = ", ".join(f"{escaped(directory) or '.'} {rows:,}" for directory, rows in judged.items)
        more = f" and {judged.total - _SHOWN:,} more" if judged.truncated else ""
        plan.refuse(
            "max_removal_percent",
            f"directories are empty or missing in which many records have their files ({shown}{more}), as "
            "where a disk is not mounted; all of these records would be removed, and max_removal_percent "
            f"allows {most} %. If the files really are deleted, set max_removal_percent to 100.",
        )


def guard_tables(
    plan: Plan, deleted: Mapping[str, int], count: Callable[[str], int], most: int, accepted: Sequence[str]
) -> None:
    """Refuse a plan whose cascade deletes a larger share of a table of dependent rows.

    Tables may well hold a few rows, all of which depend on the records, so fewer than ``FEW_ROWS`` are
    not judged; ``count`` is asked only for tables that are.
    """
    if "emptied_dependents" in accepted:
        return
    for table, rows in deleted.items():
        if rows < FEW_ROWS:
            continue
        everything = count(table)
        if rows * 100 > everything * most:
            plan.refuse(
                "emptied_dependents",
                f"{rows:,} of {everything:,} rows of {table} would be deleted by cascade, "
                f"{rows * 100 / everything:.4g} %, and max_removal_percent allows {most} %. A table that a "
                "cascade empties often holds more than these records did. Say in dependents what becomes of "
                "its rows; if it is what you mean, set accept: [emptied_dependents].",
            )


def guard_cascade(plan: Plan, dependents: Mapping[str, Mapping[str, int]], most: int) -> None:
    """Refuse a plan with far more dependent rows than records: ``most`` for each record, in all.

    ``dependents`` has the rows that are deleted or updated by table. Fewer than ``FEW_RECORDS``
    records count as so many.
    """
    rows = sum(sum(counts.values()) for counts in dependents.values())
    if rows > most * max(plan.found.records, FEW_RECORDS):
        tables = ", ".join(f"{table} {sum(n.values()):,}" for table, n in sorted(dependents.items()))
        plan.refuse(
            "max_dependents",
            f"{counted(rows, 'dependent row')} would be deleted or updated with "
            f"{counted(plan.found.records, 'record')} ({tables}), and max_dependents allows {most:,} for "
            "each record. A cascade that wide often means that the rows hold more than the files did. If it "
            "is what you mean, raise max_dependents.",
        )


def guard_path_mismatch(plan: Plan, reading: str | None, accepted: Sequence[str]) -> None:
    """Refuse a plan where most references would fit a file if they were read otherwise."""
    if reading and "path_mismatch" not in accepted:
        plan.refuse(
            "path_mismatch",
            f"most paths in the database fit no file as they are, and would fit {reading}. This points to "
            "a wrong media_root or MEDIA_URL, not to a loss. Correct media_root; if it is correct already, "
            "set accept: [path_mismatch].",
        )


def guard_no_paths(plan: Plan, found: Iterable[ColumnWithoutPaths], accepted: Sequence[str]) -> None:
    """Refuse a plan where a listed column holds hardly any path, so that it protects nothing."""
    if "no_paths" in accepted:
        return
    for column, paths, values in found:
        plan.refuse(
            "no_paths",
            f"the listed column {column} holds no paths: {paths:,} of {values:,} different values look like "
            "one, so it protects no file. List the column of the FileField or ImageField instead. A text "
            "that mentions files, such as one of an editor, need not be listed: the sweep finds them. If the "
            "column is meant, set accept: [no_paths].",
        )


def guard_empty_root(plan: Plan, is_empty: bool, accepted: Sequence[str]) -> None:
    """Refuse a plan where there is nothing at all below the media root."""
    if is_empty and "empty_media_root" not in accepted:
        plan.refuse(
            "empty_media_root",
            "the media root is empty, as a disk is that is not mounted. If all media really is deleted, set "
            "accept: [empty_media_root].",
        )


def guard_identity(plan: Refusable, before: Identity | None, now: Identity, accepted: Sequence[str]) -> None:
    """Refuse a plan where the database or the media store is not the one that the first apply recorded."""
    if before and before.database != now.database and "other_database" not in accepted:
        plan.refuse(
            "other_database",
            f"these media belong to the database {before.database}, as an earlier run has recorded, and this "
            f"is {now.database}. The files of the one are orphans for the other, as where a staging site "
            "has the media of production. Correct database_url or media_root; if the database has moved, "
            "set accept: [other_database] for one run; a job records the new one.",
        )
    if before and before.media != now.media and "other_media" not in accepted:
        plan.refuse(
            "other_media",
            f"this site has the media store {before.media}, as an earlier run has recorded, and this is "
            f"{now.media}. Is it mounted, and is media_root right? If the media have moved, set "
            "accept: [other_media] for one run; a job records the new place.",
        )


def guard_older_database(
    plan: Plan, newer_orphans: Callable[[], NewerOrphans | None], accepted: Sequence[str]
) -> None:
    """Refuse a plan of orphans many of which are newer than all that the database references."""
    if "older_database" in accepted:
        return
    newer = newer_orphans()
    if newer:
        plan.refuse(
            "older_database",
            f"{newer.files:,} of the files that would be removed are newer than every file that a row "
            "references, the last of which was written "
            f"{moment(newer.newest_reference_ns / 1e9)}. This points to a database that is an older copy, "
            "such as a restored dump or that of a staging site, and does not know what was uploaded since. "
            "Correct database_url; if the database is the live one and nothing of these uploads is needed, "
            "set accept: [older_database] for one run.",
        )


def guard_file_system(plan: Plan, before: int, now: int, accepted: Sequence[str]) -> None:
    """Refuse a plan where the media root is on another file system than at the last run; 0 is unknown."""
    if before and now and before != now and "other_file_system" not in accepted:
        plan.refuse(
            "other_file_system",
            "the media root is on another file system than when the last batch was made, as it "
            "is when the media disk is not mounted. If the media has moved, set "
            "accept: [other_file_system] for one run.",
        )


def guard_partial(plan: Plan, unreadable: Listed[tuple[bytes, str]]) -> None:
    """Refuse a plan where something in the media store could not be read."""
    if unreadable.total:
        places = [f"{escaped(path) or 'media_root'}: {reason}" for path, reason in unreadable.items[:_SHOWN]]
        if unreadable.total > len(places):
            places.append(f"and {unreadable.total - len(places):,} more")
        shown = "; ".join(places)
        plan.refuse(
            "partial",
            f"the run is partial: {counted(unreadable.total, 'place')} could not be read ({shown}). "
            "A partial run removes nothing. Fix the access, then run again.",
        )


def guard_durable(plan: Plan, lost_by_crash: str, accepted: Sequence[str]) -> None:
    """Refuse a plan that deletes rows where their deletion may be undone after their files are gone."""
    if lost_by_crash and "not_durable" not in accepted:
        plan.refuse(
            "not_durable",
            f"{lost_by_crash}, so a crash of it may bring back rows whose files are removed by then. Correct "
            "that setting; if this database may be lost anyway, set accept: [not_durable].",
        )


def guard_sweep(plan: Refusable, unsearchable: Sequence[Unsearchable]) -> None:
    """Refuse a plan where tables could not be searched for mentions of the files that would go."""
    for table in unsearchable[:_SHOWN]:
        plan.refuse("sweep", not_searched(table))
    if len(unsearchable) > _SHOWN:
        more = counted(len(unsearchable) - _SHOWN, "more table")
        plan.refuse("sweep", f"{more} could not be searched for the files that would go.")


def not_searched(table: Unsearchable) -> str:
    """Why a table could not be searched, and what can be done."""
    what = "table" if table.is_table else "database"
    first = f"Run: {table.remedy} " if table.remedy else ""
    otherwise = (
        f"If nothing in it mentions a file of the site, set sweep_exclude: [{table.name}]."
        if table.is_table
        else "Without that right only sweep: false goes on, and then a forgotten column protects nothing."
    )
    return (
        f"the {what} {table.name} could not be searched for the files that would go: "
        f"{table.reason.rstrip('.')}. {first}{otherwise}"
    )


def guard_replica(plan: Refusable, is_replica: bool) -> None:
    """Refuse a plan that was made from a copy of the database that may lag behind."""
    if is_replica:
        plan.refuse(
            "replica",
            "the database is a replica: what was uploaded a moment ago may not have arrived there yet, and "
            "would count as an orphan. Point database_url at the primary.",
        )


def guard_marker(plan: Plan, marker: str, present: bool) -> None:
    """Refuse a plan where the file that proves the mount is not there."""
    if not present:
        plan.refuse("marker", without_marker(marker))


def without_marker(marker: str) -> str:
    """What a missing marker means."""
    return (
        f"the marker {marker!r} is not below the media root, so the media counts as not mounted. "
        "Mount it, or create the marker once on the mounted media."
    )


def guard_quarantine(plan: Plan, obstacle: str | None) -> None:
    """Refuse a plan whose quarantine, which nobody has named, cannot be made or used."""
    if obstacle:
        plan.refuse(
            "quarantine",
            "what is removed is kept beside the media root, unless quarantine says another place, and "
            f"{obstacle}. With permanent: true it is deleted for good.",
        )


def guard_unconditional_delete(plan: Plan, where: str, is_honoured: bool | None) -> None:
    """Refuse a plan where what a site uploads at the moment of a removal could go with it.

    None is not known yet, as before the first run that applies.
    """
    if is_honoured is None:
        plan.warnings.append(
            f"whether the service of {where} deletes an object only while it is unchanged is not known: the "
            "first run that removes something tries it, and removes nothing by the guard "
            f"{UNCONDITIONAL_DELETE} if it does not"
        )
    elif not is_honoured:
        plan.refuse(UNCONDITIONAL_DELETE, why_unconditional(where))


def guard_approval(plan: Plan, approval: Approval | None) -> None:
    """Refuse a plan that was approved as a whole and is no longer the same."""
    if approval and approval.is_whole and approval.digest != plan.digest:
        plan.refuse(
            "approved_plan",
            f"the approved plan of {approval.count:,} items was too large to be compared one by one, and "
            "the plan made now is not the same. Review the new plan and approve that.",
        )

# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The checks that refuse a whole plan."""

from __future__ import annotations

from typing import Callable, Iterable, Mapping, NamedTuple, Sequence

from ..spool import Listed
from ..text import counted, escaped
from .approval import Approval
from .plan import Plan

# So many files must go from one directory before their share in it is judged.
FEW_FILES = 10


# So many rows must go from a table that hangs on the records before their share in it is judged.
FEW_ROWS = 100


def guard_share(plan: Plan, what: str, found: int, examined: int, most: int) -> None:
    """Turn the plan down when it takes a larger share than ``max_removal_percent`` allows."""
    if found * 100 > examined * most:
        share = found * 100 / examined
        plan.refuse(
            "max_removal_percent",
            f"{found:,} of {examined:,} {what} would go, {share:.4g} %, and max_removal_percent allows "
            f"{most} %. So large a share is more often a wrong media_root, a disk that is not mounted or "
            "a wrong database than a real loss. If it is what you mean, set max_removal_percent to "
            f"{min(100, -(-found * 100 // examined))}.",
            "max_removal_percent",
        )


class Tally(NamedTuple):
    """The files of one listed directory: all, those with a reference, those that would go."""

    directory: str
    files: int
    referenced: int
    going: int


def guard_directories(plan: Plan, tallies: Iterable[Tally], most: int, accepted: Sequence[str]) -> None:
    """Turn the plan down for a single directory that it would empty, or that nothing names.

    A handful of files says nothing about a directory, so less than ``FEW_FILES`` are not judged.
    """
    for tally in tallies:
        if tally.going < FEW_FILES:
            continue
        if not tally.referenced and "no_references" not in accepted:
            plan.refuse(
                "no_references",
                f"the database names nothing below {tally.directory!r}, which holds {tally.files:,} files. A "
                "column may be missing in references, or the database may be empty or the wrong one. If "
                "nothing there is wanted, set accept: [no_references].",
                "accept: [no_references]",
            )
        elif tally.referenced and not any(told.guard == "max_removal_percent" for told in plan.refusals):
            where = f"files in {tally.directory!r}"
            guard_share(plan, where, tally.going, tally.files, most)


def guard_emptied(plan: Plan, emptied: Mapping[bytes, int], most: int) -> None:
    """Turn the plan down when all files of a directory are gone that many rows name, not just some.

    ``emptied`` has the rows by directory; those with less than ``FEW_FILES`` are not judged.
    """
    if most == 100 or any(told.guard == "max_removal_percent" for told in plan.refusals):
        return
    judged = [(directory, rows) for directory, rows in emptied.items() if rows >= FEW_FILES]
    if judged:
        shown = ", ".join(f"{escaped(directory) or '.'} {rows:,}" for directory, rows in judged[:3])
        more = f" and {len(judged) - 3:,} more" if len(judged) > 3 else ""
        plan.refuse(
            "max_removal_percent",
            f"directories are empty or gone in which many rows name files ({shown}{more}), as where a disk "
            "is not mounted; all of these rows would go, and max_removal_percent allows "
            f"{most} %. If the files really are lost, set max_removal_percent to 100.",
            "max_removal_percent",
        )


def guard_tables(
    plan: Plan, going: Mapping[str, int], count: Callable[[str], int], most: int, accepted: Sequence[str]
) -> None:
    """Turn the plan down for a table of which a cascade would take more than that share.

    Tables may well hold a few rows, all of which hang on what goes, so less than ``FEW_ROWS`` are
    not judged; ``count`` is asked only for tables that are.
    """
    if "emptied_dependents" in accepted:
        return
    for table, rows in going.items():
        if rows < FEW_ROWS:
            continue
        everything = count(table)
        if rows * 100 > everything * most:
            plan.refuse(
                "emptied_dependents",
                f"{rows:,} of {everything:,} rows of {table} would go along, "
                f"{rows * 100 / everything:.4g} %, and max_removal_percent allows {most} %. A table that a "
                "cascade empties often holds more than these records did. Say in dependents what becomes of "
                "its rows; if it is what you mean, set accept: [emptied_dependents].",
                "accept: [emptied_dependents]",
            )


def guard_path_mismatch(plan: Plan, reading: str | None, accepted: Sequence[str]) -> None:
    """Turn the plan down when most references would fit if they were read otherwise."""
    if reading and "path_mismatch" not in accepted:
        plan.refuse(
            "path_mismatch",
            f"most paths in the database fit no file as they are, and would fit {reading}. This looks like a "
            "wrong media_root or MEDIA_URL, not like a loss. Correct media_root; if it is as you mean it, "
            "set accept: [path_mismatch].",
            "accept: [path_mismatch]",
        )


def guard_empty_root(plan: Plan, is_empty: bool, accepted: Sequence[str]) -> None:
    """Turn the plan down when there is nothing at all below the media root."""
    if is_empty and "empty_media_root" not in accepted:
        plan.refuse(
            "empty_media_root",
            "the media root is empty, as a disk is that is not mounted. If all media really is lost, set "
            "accept: [empty_media_root].",
            "accept: [empty_media_root]",
        )


def guard_file_system(plan: Plan, before: int, now: int, accepted: Sequence[str]) -> None:
    """Turn the plan down when the media root lies on another file system than at the last run."""
    if before and now and before != now and "other_file_system" not in accepted:
        plan.refuse(
            "other_file_system",
            "the media root lies on another file system than when the last batch was taken from it, as it "
            "does when the media disk is not mounted. If the media has moved, set "
            "accept: [other_file_system] for one run.",
            "accept: [other_file_system]",
        )


def guard_partial(plan: Plan, unseen: Listed[tuple[bytes, str]]) -> None:
    """Turn the plan down when not everything could be seen."""
    if unseen.total:
        places = [f"{escaped(path) or 'media_root'}: {reason}" for path, reason in unseen.items[:3]]
        if unseen.total > len(places):
            places.append(f"and {unseen.total - len(places):,} more")
        shown = "; ".join(places)
        plan.refuse(
            "partial",
            f"the run is partial: {counted(unseen.total, 'place')} could not be looked at ({shown}). "
            "Nothing is removed on half a view. Mend the access, then run again.",
        )


def guard_replica(plan: Plan, is_replica: bool) -> None:
    """Turn down a plan made from a copy of the database that may lag behind."""
    if is_replica:
        plan.refuse(
            "replica",
            "the database is a replica: what was uploaded a moment ago may not have arrived there yet, and "
            "would look like an orphan. Point database_url at the primary.",
        )


def guard_marker(plan: Plan, marker: str, present: bool) -> None:
    """Turn the plan down when the file that proves the mount is not there."""
    if not present:
        plan.refuse("marker", without_marker(marker), "marker")


def without_marker(marker: str) -> str:
    """What a missing marker means."""
    return (
        f"the marker {marker!r} is not below the media root, so the media is taken for unmounted. "
        "Mount it, or create the marker once on the mounted media."
    )


def guard_approval(plan: Plan, approval: Approval | None) -> None:
    """Turn down a plan that was approved as a whole and is no longer the same."""
    if approval and approval.is_whole and approval.digest != plan.digest:
        plan.refuse(
            "approved_plan",
            f"the approved plan of {approval.count:,} items was too large to be compared one by one, and "
            "the plan made now is not the same. Review the new plan and approve that.",
            "approved_plan",
        )

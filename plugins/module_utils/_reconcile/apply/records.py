# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Deletes records with all that hangs on them, and then their files.

Rows go first, in one transaction, and their files only after it is committed: whatever happens in
between leaves an orphan at the worst, which the job ``orphans`` collects, and never a row without
its file.
"""

from __future__ import annotations

from contextlib import closing
from typing import Any, Generator, Mapping

from ..compare.missing import MissingCheck
from ..config.site import RecordsJob
from ..database.base import Database
from ..errors import CleanupError, CommitUnknown, DatabaseError, UnreadableError
from ..media.local import LocalStore
from ..plan.cascade import Cascade, CascadeRow, cascade_of
from ..plan.plan import Plan
from ..plan.records import Record, RecordsPlan, add_counts, handfuls, name_of, naming_of, restricted
from ..quarantine.format import as_text
from ..spool import Spool
from ..text import counted, escaped
from .outcome import Outcome
from .remover import Remover


def carry_out(
    plan: RecordsPlan,
    job: RecordsJob,
    tree: LocalStore,
    database: Database,
    taker: Remover,
) -> Outcome:
    """Delete the plan's records in one transaction, and then the files that nothing names."""
    outcome = Outcome(job.site.max_listed, taker)
    try:
        with database.transaction():
            stayed: set[bytes] = set()
            for some in handfuls(plan.items, plan.hanging):
                stayed |= _delete_records(some, plan, job, tree, database, outcome)
        outcome.removed.records = outcome.gone.total
    except CommitUnknown as error:
        outcome = Outcome(job.site.max_listed, taker)
        outcome.error = (
            f"{error} So either all rows of this job are gone or none is; no file was touched. Run the job "
            "again: rows that are still there go then, and files whose rows are gone are orphans."
        )
        return outcome
    except CleanupError as error:
        taker.roll_back()
        outcome = Outcome(job.site.max_listed, taker)
        outcome.error = f"{error} All rows of this job were rolled back, and no file was touched."
        return outcome
    try:
        _remove_files(stayed, plan, job, tree, database, outcome)
    except CleanupError as error:
        outcome.error = f"{error} The rows are gone; files left over are orphans from now on."
    return outcome


def _delete_records(
    records: list[Record],
    plan: RecordsPlan,
    job: RecordsJob,
    tree: LocalStore,
    database: Database,
    outcome: Outcome,
) -> set[bytes]:
    """Delete those of the records that are still what the plan says, and all that hangs on them.

    Returns the paths that the other records name.
    """
    selection = plan.selection
    selected = database.still_selected(selection, [record.row for record in records])
    if job.select == "missing":
        selected -= _returned(records, job, tree)
    along, staying = cascade_of(plan.hanging, [record.row for record in records if record.key in selected])
    going: list[Record] = []
    stayed: set[bytes] = set()
    for record in records:
        if record.key in selected and record.key not in staying:
            going.append(record)
            outcome.gone.add(record)
            continue
        stayed.update(record.paths)
        if record.key in staying:
            outcome.skip(name_of(record), restricted(staying[record.key]))
        else:
            outcome.skip(name_of(record), "it is no longer what the plan says, and stays")
    rows = [record.row for record in going]
    if not rows:
        return stayed
    with closing(_rows_to_keep(plan, going, along, database)) as rows_to_keep:
        outcome.taker.archive(rows_to_keep)
    along.carry_out()
    add_counts(outcome.dependents, along.counts())
    database.delete_selected(selection, rows)
    left = database.count_keys(selection.table, [row.key for row in rows])
    if left:
        raise DatabaseError(
            f"deleting rows of {job.table} left {left:,} of {counted(len(rows), 'row')} locked for it. "
            "A trigger or a row security policy interferes; let this database user delete them."
        )
    return stayed


def _rows_to_keep(
    plan: RecordsPlan, records: list[Record], along: Cascade, database: Database
) -> Generator[dict[str, Any], None, None]:
    """The rows as they are now, records first; each has the files of the records for which it goes."""
    table = plan.selection.table
    files = {record.key: record.paths for record in records}
    for key, row in database.rows_for_archive(table, list(files)):
        yield _line(CascadeRow("deleted", table, row, [key]), files)
    for kept in along.rows_to_archive():
        yield _line(kept, files)


def _line(kept: CascadeRow, files: Mapping[tuple[Any, ...], list[bytes]]) -> dict[str, Any]:
    of = kept.table
    paths = sorted({as_text(path) for key in kept.records for path in files[key]})
    return {"action": kept.action, "schema": of.schema, "table": of.relation, "files": paths, **kept.row}


def _returned(records: list[Record], job: RecordsJob, tree: LocalStore) -> set[tuple[Any, ...]]:
    """The records whose file is there after all, or can no longer be looked for."""
    tree.forget()
    looks = MissingCheck(job, tree)
    unheard = Plan(job.name, "", 0.0, Spool(tuple, Record), 0)
    back = {record.key for record in records if not looks.is_missing(record.row, unheard)}
    tree.verify_root()
    if tree.unseen.total:
        path, reason = tree.unseen.items[0] if tree.unseen.items else (b"", "")
        raise UnreadableError(
            f"the media tree cannot be seen any more ({escaped(path) or 'media root'}: {reason})."
        )
    return back


def _remove_files(
    stayed: set[bytes],
    plan: RecordsPlan,
    job: RecordsJob,
    tree: LocalStore,
    database: Database,
    outcome: Outcome,
) -> None:
    """Remove the plan's files, each only if its record went and no row names it or its source now."""
    staying = set(MissingCheck(job, tree).with_derived(sorted(stayed)))
    for chunk in plan.files.chunks():
        tree.forget()
        outcome.taker.announce(tree, ((file.path, job.select) for file in chunk))
        naming = naming_of(job, database, [file.path for file in chunk])
        for file in chunk:
            stay = naming.reason_to_keep(file.path)
            if stay:
                outcome.skip(file.path, stay.reason)
            elif file.path in staying:
                outcome.skip(file.path, "its record stayed, and so does the file")
            else:
                outcome.remove(tree, file.path, file.state)
        outcome.taker.settle()

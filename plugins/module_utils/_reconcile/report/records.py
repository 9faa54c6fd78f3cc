# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The jobs ``missing`` and ``incomplete`` in words and as data."""

from __future__ import annotations

from abc import abstractmethod
from functools import cached_property
from itertools import islice
from typing import Any, Sequence

from ..config.keep import entry_of_row
from ..config.only import only_words
from ..config.site import RecordsJob
from ..media.store import FileState
from ..plan.records import Record, RecordsPlan, Relink
from ..spool import Listed
from ..text import counted, escaped, printable
from .description import SAMPLE, Description, Subject

# Files of which a page shows size and age.
_STATES = 100_000


class RecordsDescription(Description):
    """Records with their files and dependent rows."""

    job: RecordsJob
    plan: RecordsPlan
    list_name = "records"

    @abstractmethod
    def _what(self, found: int) -> str:
        """What was found about the records."""

    def lines(self) -> list[str]:
        plan = self.plan
        labels = ", ".join(f"{owner} {count:,}" for owner, count in self.labels[:SAMPLE])
        rows = counted(plan.examined["records"], "row")
        what = self._what(plan.found.records)
        only = only_words(self.job.only)
        where = f" where {only}" if only else ""
        lines = [f"  {rows} of {self.job.table}{where}: {what}" + (f" ({labels})" if labels else "")]
        if plan.selection.uploaded_at_column is None:
            lines.append("  these rows have no age: no time column is known; uploaded_at_column names one")
        if self.job.clears and plan.found.records:
            kept = counted(plan.found.records, "row")
            lines.append(f"  {self._columns} of {kept} to be emptied, which are kept (on_missing: clear)")
        if plan.found.files:
            files, size = counted(plan.found.files, "file"), counted(plan.found.bytes, "byte")
            verb = "is" if plan.found.files == 1 else "are"
            lines.append(f"  {files} of theirs {verb} removed with them, {size}")
        if len(plan.relinks):
            rows = counted(len(plan.relinks), "row")
            lines.append(f"  {rows} of {self.job.table} to point at the file that was moved (relink):")
            relinks = self.relinks.items[:SAMPLE]
            lines += [
                f"    {_path(relink.record)} -> {escaped(relink.record.moved_to)}" for relink in relinks
            ]
            rest = self.relinks.total - len(relinks)
            lines += [f"    … and {rest:,} more"] if rest > 0 else []
        return lines

    def item_words(self, item: Record) -> tuple[str, ...]:
        return _path(item), f"row {item.shown_key}", item.owner or ""

    def item_data(self, item: Record) -> dict[str, Any]:
        return {
            "key": item.shown_key,
            "path": escaped(item.file or b""),
            "companions": [escaped(path) for path in item.companions if path],
            "label": item.owner,
        }

    def item_paths(self, item: Record) -> list[bytes]:
        return item.paths

    def subject(self, item: Record) -> Subject:
        state = self._states.get(item.file or b"")
        return Subject(
            path=item.file or b"(no file)",
            entry=entry_of_row(self.job.table, item.shown_key),
            pictures=item.paths,
            size=state.size if state else -1,
            modified=state.mtime_ns // 10**9 if state else 0,
            about=printable(f"row {item.shown_key}"),
            owner=printable(item.owner or ""),
            details=[
                printable(f"{counted(number, 'row')} of {table} {verb}")
                for table, verb, number in item.dependent_counts
            ]
            + self.remarks(item.paths),
        )

    @cached_property
    def _states(self) -> dict[bytes, FileState]:
        """The first of the files that are removed with their records."""
        return {file.path: file.state for file in islice(self.plan.files, _STATES)}

    def item_diff(self, item: Record) -> str:
        return self._diff(item, _path(item))

    def _diff(self, item: Record, path: str) -> str:
        owner = f" ({item.owner})" if item.owner else ""
        return printable(f"{self.job.table} {item.shown_key}: {path}{owner}")

    def totals(self, totals: dict[str, int]) -> str:
        rows = f"{counted(totals['records'], 'row')} of {self.job.table}"
        if self.job.clears:
            rows += f" to be emptied of {self._columns} and kept"
        return f"{rows}; {_files(totals)}"

    def done(self, totals: dict[str, int]) -> str:
        if not self.job.clears:
            return super().done(totals)
        rows = counted(totals["records"], "row")
        return f"cleared {self._columns} of {rows} of {self.job.table}; removed {_files(totals)}"

    def removed_totals(self, totals: dict[str, int]) -> dict[str, int]:
        return {**totals, "records": 0} if self.job.clears else totals

    @property
    def _columns(self) -> str:
        return ", ".join(self.job.file_columns)

    @property
    def relinks(self) -> Listed[Relink]:
        if self.outcome:
            return self.outcome.relinks
        found: Listed[Relink] = Listed(self.job.site.max_listed)
        for relink in islice(self.plan.relinks, self.job.site.max_listed):
            found.add(relink)
        found.total = len(self.plan.relinks)
        return found

    @property
    def relink_diffs(self) -> Sequence[tuple[str, str]]:
        records = [relink.record for relink in self.relinks.items]
        return [(self.item_diff(each), self._diff(each, escaped(each.moved_to))) for each in records]

    @property
    def own_data(self) -> dict[str, Any]:
        done = self.outcome.relinks.total if self.outcome else 0
        relinks = [
            {**self.item_data(relink.record), "to": escaped(relink.record.moved_to)}
            for relink in self.relinks.items
        ]
        cleared = {
            "found": self.plan.found.records if self.job.clears else 0,
            "done": self.outcome.removed.records if self.job.clears and self.outcome else 0,
        }
        return {
            "cleared": cleared,
            "relinked": {"found": len(self.plan.relinks), "done": done},
            "relinks": relinks,
        }

    @property
    def labels(self) -> Sequence[tuple[str, int]]:
        return self.plan.labels.most_common()

    @property
    def dependents(self) -> dict[str, dict[str, int]]:
        found = self.outcome.dependents if self.outcome else self.plan.dependents
        return {printable(table): counts for table, counts in sorted(found.items())}

    @property
    def dependents_listed(self) -> Listed[str]:
        return self.outcome.dependents_listed if self.outcome else self.plan.dependents_listed


class MissingDescription(RecordsDescription):
    """Records whose file does not exist."""

    def item_paths(self, item: Record) -> list[bytes]:
        # Its companions decide nothing, and may be there.
        return [item.file] if item.file else []

    def _what(self, found: int) -> str:
        return f"{found:,} {'is missing its file' if found == 1 else 'are missing their files'}"


class IncompleteDescription(RecordsDescription):
    """Records that were never attached to anything."""

    def _what(self, found: int) -> str:
        return f"{found:,} never attached and older than {self.job.age_limit.older_than_hours} h"


def _files(totals: dict[str, int]) -> str:
    return f"{counted(totals['files'], 'file')}, {counted(totals['bytes'], 'byte')}"


def _path(record: Record) -> str:
    return escaped(record.file) if record.file else "(no file)"

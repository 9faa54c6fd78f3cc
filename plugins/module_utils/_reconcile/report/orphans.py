# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The job ``orphans`` in words and as data."""

from __future__ import annotations

from itertools import islice
from typing import Any, Iterator

from ..compare.names.nearest import NearestNames
from ..config.keep import entry_of_file
from ..config.site import OrphansJob
from ..database.drivers import connect
from ..plan.plan import PlannedFile
from ..text import age, counted, escaped, moment
from .description import Description, Subject


class OrphansDescription(Description):
    """Files that no row references."""

    job: OrphansJob
    list_name = "orphans"

    def lines(self) -> list[str]:
        plan, job = self.plan, self.job
        directories = ", ".join(escaped(path) or "." for path in plan.directories) or "no directory"
        columns = ", ".join(map(str, job.references))
        files = counted(plan.examined["files"], "candidate" if job.candidates else "file")
        listed = f" of the list {escaped(job.candidates)}" if job.candidates else ""
        lines = [
            f"  {files}{listed} in {directories}; {plan.examined['referenced']:,} referenced by {columns}"
        ]
        found = f"  {counted(plan.found.files, 'orphan')}, {counted(plan.found.bytes, 'byte')}"
        if plan.young:
            young = "is younger" if plan.young == 1 else "are younger"
            kept = "is kept" if plan.young == 1 else "are kept"
            found += f"; {plan.young:,} more {young} than {job.age_limit.older_than_hours} h and {kept}"
        lines.append(found)
        if plan.examined["derived"]:
            derived = counted(plan.examined["derived"], "derived file")
            verb = "is" if plan.examined["derived"] == 1 else "are"
            lines.append(f"  {derived} of referenced files {verb} kept")
        return lines

    def item_words(self, item: PlannedFile) -> tuple[str, ...]:
        seconds = self.plan.moment - self._stamp(item)
        return escaped(item.path), f"{item.state.size:>11,} bytes", f"{age(seconds)} old"

    def item_data(self, item: PlannedFile) -> dict[str, Any]:
        modified = moment(self._stamp(item))
        return {"path": escaped(item.path), "bytes": item.state.size, "modified": modified}

    def item_paths(self, item: PlannedFile) -> list[bytes]:
        return [item.path]

    def subject(self, item: PlannedFile) -> Subject:
        size, modified = item.state.size, int(self._stamp(item))
        details = self.remarks([item.path])
        return Subject(item.path, entry_of_file(item.path), [item.path], size, modified, details=details)

    def subjects(self, most: int) -> Iterator[Subject]:
        """The first items, each with the reference that is most like it; all references are read for that."""
        names = NearestNames(item.path for item in islice(self.plan.items, most))
        if len(self.plan.items):
            with connect(self.job.site.database_url, read_only=True) as database:
                names.read(database.references(self.job.references))
        for subject in super().subjects(most):
            nearest = names.of(subject.path)
            words = [f"most like it: {escaped(nearest.reference)} ({nearest.how})"] if nearest else []
            yield subject._replace(details=[*words, *subject.details])

    def item_diff(self, item: PlannedFile) -> str:
        return f"{escaped(item.path)}  {item.state.size} bytes"

    def totals(self, totals: dict[str, int]) -> str:
        return f"{counted(totals['files'], 'file')}, {counted(totals['bytes'], 'byte')}"

    def _stamp(self, orphan: PlannedFile) -> float:
        return orphan.state.stamp_ns(self.job.age_limit.age_stamp) / 1e9

# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Columns that stay listed although the Django project says no more that they reference files."""

from __future__ import annotations

from dataclasses import replace
from typing import Iterator, Union

from ..config.site import Column, OrphansJob, RecordsJob
from ..errors import SiteError
from ..quarantine import known_fields
from ..session import Session

Job = Union[OrphansJob, RecordsJob]


def with_earlier_fields(session: Session, job: Job) -> Job:
    """The job with the columns of fields that an earlier run knew, where they are still there.

    Raises StateError where that cannot be known.
    """
    if not job.site.project_columns:
        return job
    columns = list(_dropped(session, job))
    for column in columns:
        note = (
            f"no field of the Django project has the column {column} any more, and it is still there: what "
            "it references is kept. Drop the column if nobody needs these files"
        )
        if note not in session.notes:
            session.notes.append(note)
    return replace(job, references=(*job.references, *columns))


def record_fields(session: Session, job: Job) -> None:
    """Let the next run know the fields of the project, and the columns of earlier ones."""
    if job.site.project_columns:
        known_fields.record(session.state, {*job.site.project_columns, *_dropped(session, job)})


def _dropped(session: Session, job: Job) -> Iterator[Column]:
    """The columns of earlier fields that the project does not name, as far as they can hold references."""
    for column in known_fields.earlier(session.state):
        if column not in job.site.project_columns and _is_there(session, column):
            yield column


def _is_there(session: Session, column: Column) -> bool:
    try:
        session.database.path_column(column)
    except SiteError:
        return False
    return True

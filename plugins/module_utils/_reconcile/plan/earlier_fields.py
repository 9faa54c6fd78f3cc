# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Columns that stay listed although the Django project says no more that they reference files."""

from __future__ import annotations

from dataclasses import replace
from typing import Iterator

from ..config.site import Column, Job, ProjectParts
from ..errors import SiteError
from ..quarantine.state import known_fields
from ..session import Session


def with_earlier_fields(session: Session, job: Job) -> Job:
    """The job with the columns of fields that an earlier run knew, where they are still there.

    Raises StateError where that cannot be known.
    """
    if job.site.project is None:
        return job
    columns = list(_dropped(session, job.site.project))
    for column in columns:
        note = (
            f"no field of the Django project has the column {column} any more, and it is still there: what "
            "it references is kept. Drop the column if nobody needs these files"
        )
        if note not in session.notes:
            session.notes.append(note)
    return replace(job, references=(*job.references, *columns))


def record_fields(session: Session, job: Job) -> None:
    """Let the next run know what the project has, and the columns of earlier fields."""
    project = job.site.project
    if project is not None:
        columns = (*project.columns, *_dropped(session, project))
        known_fields.record(session.state, replace(project, columns=columns))


def _dropped(session: Session, project: ProjectParts) -> Iterator[Column]:
    """Those that the project does not name any more."""
    return (column for column in known_columns(session) if column not in project.columns)


def known_columns(session: Session) -> Iterator[Column]:
    """The columns of the fields that an earlier run knew, as far as they can hold references."""
    before = known_fields.earlier(session.state)
    return (column for column in (before.columns if before else ()) if can_hold_paths(session, column))


def can_hold_paths(session: Session, column: Column) -> bool:
    """Whether the database has a column of paths."""
    try:
        session.database.path_column(column)
    except SiteError:
        return False
    return True

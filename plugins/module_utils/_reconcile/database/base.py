# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What the engine asks of a database, whichever it is."""

from __future__ import annotations

from abc import abstractmethod
from contextlib import contextmanager
from types import TracebackType
from typing import ContextManager, Iterator

from ..errors import DatabaseError
from .archived_rows import RowArchive
from .catalog import ForeignKey
from .dependents import DependentRows
from .records import Records
from .references import References


class Database(References, Records, DependentRows, RowArchive):
    """An open database. Reading sees what is committed at the moment of each statement."""

    @abstractmethod
    def __init__(self, url: str, read_only: bool) -> None: ...

    @abstractmethod
    def close(self) -> None: ...

    def __enter__(self) -> Database:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @abstractmethod
    def foreign_keys(self) -> list[ForeignKey]:
        """All foreign keys of the database."""

    @abstractmethod
    def transaction(self) -> ContextManager[None]:
        """Commit what happens inside, or roll all of it back when it raises."""

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Undo what happens inside, and no more, when it raises a DatabaseError."""
        self._execute("setting a savepoint", "SAVEPOINT attempt", [])
        try:
            yield
        except DatabaseError:
            self._execute("going back to a savepoint", "ROLLBACK TO SAVEPOINT attempt", [])
            raise
        finally:
            self._execute("releasing a savepoint", "RELEASE SAVEPOINT attempt", [])

    @abstractmethod
    def check_now(self, immediate: bool) -> None:
        """Check foreign keys with each statement from now on, or put it off to the commit."""

    @abstractmethod
    def lock(self) -> None:
        """Keep other runs off this database until it is closed; raises BusyError if one is on it."""

    @abstractmethod
    def is_replica(self) -> bool:
        """Whether this is a copy that lags behind the database where the site writes."""

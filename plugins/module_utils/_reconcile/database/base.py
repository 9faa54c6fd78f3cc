# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What the engine asks of a database, whichever it is, and what a database asks of its driver."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import contextmanager
from typing import Any, ContextManager, Iterator, Protocol, Sequence

from ..closable import Closable
from ..errors import DatabaseError
from .archived_rows import RowArchive
from .dependents import DependentRows
from .records import Records
from .references import References
from .sweep import Sweep

# How the name of a transaction begins that was prepared for a commit in two phases.
PREPARED = "prepared "


class Database(References, Records, DependentRows, RowArchive, Sweep, Closable):
    """An open database: its catalog, references, records, dependent rows, rows for the archive, and texts.

    Paths are bytes throughout, and what comes ordered comes in the order of these bytes. Each statement
    sees what is committed by then. Opened read-only, it changes nothing, whatever is called. Every method
    raises DatabaseError where the database refuses or is lost, with what was being done, the server's
    words without any secret, and what can be done; it raises SiteError where the description names
    what the database does not have.
    """

    # What a person should know of how the database was opened.
    notes: Sequence[str] = ()

    @abstractmethod
    def close(self) -> None:
        """Close the connection, which ends a transaction and the lock."""

    @abstractmethod
    def identity(self) -> str:
        """What identifies this database among all others, on one line and without a secret.

        It is the same after the site's user, password or options change. What is local to a host
        carries the host's id, so that hosts cloned from one image have two databases.
        """

    def own_files(self) -> frozenset[tuple[int, int]]:
        """Device and inode of each file on this host that is part of the database; none for a server."""
        return frozenset()

    @abstractmethod
    def is_replica(self) -> bool:
        """Whether this, or a table that was looked up, is a copy that lags behind where the site writes."""

    def superuser(self) -> str:
        """The name of this database user if it is a superuser or may become one; empty otherwise."""
        return ""

    def sufficient_grants(self) -> str:
        """The statements that give a role what any job needs; empty where that depends on the job."""
        return ""

    def open_transactions(self) -> dict[str, str]:
        """The transactions of others that are open now and may still write, each with words for it.

        A transaction has one name from its beginning to its end; one that is prepared for a commit in two
        phases gets a new one then, which begins with ``PREPARED``. Empty where the database cannot know.
        """
        return {}

    def lost_by_crash(self) -> str:
        """Why a crash of the database may undo what was committed; empty where it does not."""
        return ""

    @abstractmethod
    def lock(self) -> None:
        """Keep other runs off this database until it is closed; raises BusyError if one is on it."""

    @abstractmethod
    def transaction(self) -> ContextManager[None]:
        """Commit what happens inside, or roll all of it back when it raises.

        Deferred foreign keys are checked before the commit. Raises CommitUnknown where the connection was
        lost while committing, so that the outcome is not known.
        """

    @abstractmethod
    def rehearsal(self) -> ContextManager[None]:
        """Like ``transaction``, but all that happens inside is rolled back at its end.

        The database and its files are as before; only what triggers do outside of the database, and
        the numbers that they draw from sequences, remain.
        """

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Inside a transaction: undo what happens inside, and no more, when it raises a DatabaseError."""
        self._execute("setting a savepoint", "SAVEPOINT media_cleanup", [])
        try:
            yield
        except DatabaseError:
            self._execute("rolling back to a savepoint", "ROLLBACK TO SAVEPOINT media_cleanup", [])
            raise
        finally:
            self._execute("releasing a savepoint", "RELEASE SAVEPOINT media_cleanup", [])

    @abstractmethod
    def defer_foreign_keys(self) -> None:
        """Inside a transaction: check foreign keys that can be deferred at its end only."""


class DriverError(Exception):
    """What a driver reports, as a sentence without any secret of the URL.

    ``code`` is the server's SQLSTATE, or empty where it gave none. ``is_lost`` says that the connection
    ended, so that what was under way may have been done.
    """

    def __init__(self, text: str, code: str = "", is_lost: bool = False) -> None:
        super().__init__(text)
        self.code = code
        self.is_lost = is_lost


class Lines(Protocol):
    """What lines are written to; one that raises an error ends the writing."""

    def write(self, line: Any, /) -> object: ...


class Connection(ABC):
    """An open connection of a driver for PostgreSQL; every method raises DriverError only.

    The first statement begins a transaction, which ``commit`` or ``rollback`` ends. Placeholders are
    ``%s``, and a percent sign is written twice. Bytes are passed as bytea, a list as an array.
    """

    # Host and port that were connected to; the host is a folder where it is a socket in that folder.
    host: str
    port: str

    @property
    @abstractmethod
    def is_closed(self) -> bool: ...

    @property
    @abstractmethod
    def is_in_transaction(self) -> bool: ...

    @property
    @abstractmethod
    def is_streaming(self) -> bool:
        """Whether a stream was begun and not yet read to its end, or closed."""

    @abstractmethod
    def set_mode(self, read_only: bool) -> None:
        """Choose READ COMMITTED, and read-only or not, for all transactions that follow."""

    @abstractmethod
    def execute(self, statement: str, parameters: Sequence[Any]) -> int:
        """Run a statement, and return how many rows it changed."""

    @abstractmethod
    def fetch(self, statement: str, parameters: Sequence[Any]) -> list[Any]:
        """Run a query, and return all its rows."""

    @abstractmethod
    def stream(self, statement: str, parameters: Sequence[Any], size: int) -> Iterator[list[Any]]:
        """Yield the rows by a cursor in the server, in lists of at most ``size``, none of them empty."""

    @abstractmethod
    def copy_to(self, file: Lines, query: str) -> None:
        """Write the rows of a query to a file, each by a call of its own, in the text format of COPY."""

    @abstractmethod
    def commit(self) -> None: ...

    @abstractmethod
    def rollback(self) -> None: ...

    @abstractmethod
    def close(self) -> None: ...

# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What a server of MySQL or MariaDB is, and who uses it."""

from __future__ import annotations

import hashlib
import secrets
import time
from abc import abstractmethod
from typing import Any
from urllib.parse import quote as percent_encode

from ...errors import BusyError, DatabaseError
from ...system.host import host_id
from ..base import PREPARED, DriverError
from .catalog import MySQLCatalog
from .connection import ACCESS_DENIED, MySQLConnection
from .session import variables

# Where a statement has another name in another version.
_UNKNOWN = "1064"
_SUPERUSER = (
    "SELECT CASE WHEN count(*) > 0 THEN current_user() ELSE '' END FROM information_schema.user_privileges "
    "WHERE privilege_type = 'SUPER'"
)
# Not allowed to see what is prepared.
_NOT_ALLOWED_XA = "1401"
_LOCAL_HOSTS = ("", "localhost", "127.0.0.1", "::1")
_TRANSACTIONS = (
    "SELECT t.trx_mysql_thread_id, t.trx_started, p.user, t.trx_query "
    "FROM information_schema.innodb_trx AS t "
    "LEFT JOIN information_schema.processlist AS p ON p.id = t.trx_mysql_thread_id "
    "WHERE t.trx_mysql_thread_id <> 0 AND coalesce(p.db, database()) = database() AND %s <> '' "
    "ORDER BY t.trx_started"
)
_ONE_OF_CLUSTER = (
    "this server is a node of a Galera cluster, and does not show the open transactions and the locks of the "
    "other nodes: let the site and all runs on this database use the same node, where you can"
)
_HIDDEN_TRANSACTIONS = (
    "this database user may not see open transactions, so files are checked again without waiting for these "
    "to end: GRANT PROCESS ON *.* TO the user, to change that"
)
# Seconds for which the server keeps its list of transactions after somebody has read it, and a bit.
_LIST_IS_KEPT, _ATTEMPTS = 0.12, 100


class MySQLServer(MySQLCatalog):
    """A database that says what its server is, and keeps other runs off."""

    _connection: MySQLConnection
    _is_mariadb: bool
    # The name of the database.
    _name: str

    @abstractmethod
    def _one(self, statement: str) -> Any:
        """The only value of a short answer."""

    def _require_all_rows(self) -> None:
        """Raise DatabaseError where the server leaves out rows, without an error."""
        recovery = int(self._one("SELECT @@global.innodb_force_recovery"))
        if recovery:
            raise DatabaseError(
                f"innodb_force_recovery is {recovery} on the database server, which therefore skips what is "
                "damaged, as if those rows were not there. Restore the database first, and set it to 0."
            )
        if (
            self._all("SHOW STATUS WHERE variable_name = 'wsrep_ready' AND value = 'OFF'", [])
            and self._is_cluster()
        ):
            raise DatabaseError(
                "this node of a Galera cluster has lost the other nodes, so it does not have what they have "
                "committed since. Point database_url at a node of the cluster that is ready."
            )

    def _is_cluster(self) -> bool:
        return variables(self._connection, ["wsrep_on"]).get("wsrep_on") == "ON"

    def _limits(self, read_only: bool) -> list[str]:
        """What a person should know of what this server does not show."""
        notes = []
        with self._doing("asking whether the server is one of a cluster"):
            if self._is_cluster():
                notes.append(_ONE_OF_CLUSTER)
        if not read_only and not self._sees_transactions():
            notes.append(_HIDDEN_TRANSACTIONS)
        return notes

    def identity(self) -> str:
        server = ""
        with self._doing("reading the identity of the database"):
            if not self._is_mariadb:
                server = str(self._one("SELECT @@server_uuid"))
        kind = "mariadb" if self._is_mariadb else "mysql"
        return f"{kind}:{server}@{self._place(is_exact=not server)}/{percent_encode(self._name, safe='')}"

    def _place(self, is_exact: bool) -> str:
        """The server's address; where that is this host, its id, and the socket or the port if asked."""
        host, port = self._connection.host, self._connection.port
        is_socket = host.startswith("/")
        if not is_socket and host not in _LOCAL_HOSTS:
            return f"{percent_encode(host, safe='')}:{port}"
        if not is_exact:
            return host_id()
        return f"{host_id()}({percent_encode(host, safe='/') if is_socket else port})"

    def is_replica(self) -> bool:
        with self._doing("asking whether this is a replica"):
            if str(self._one("SELECT @@global.read_only")) not in ("0", "OFF"):
                return True
            running = self._connection.fetch("SHOW GLOBAL STATUS LIKE 'Slave%%running'", [])
            if any(str(value) not in ("0", "OFF") for _name, value in running):
                return True
            return any(map(self._has_rows, ("SHOW SLAVE STATUS", "SHOW REPLICA STATUS")))

    def _has_rows(self, statement: str) -> bool:
        try:
            return bool(self._connection.fetch(statement, []))
        except DriverError as error:
            if error.code not in (*ACCESS_DENIED, _UNKNOWN):
                raise
        return False

    def superuser(self) -> str:
        with self._doing("asking what this user may do"):
            return str(self._one(_SUPERUSER))

    def sufficient_grants(self) -> str:
        name = self._name.replace("`", "``").replace("_", "\\_")
        rights = "SELECT, INSERT, UPDATE, DELETE, CREATE TEMPORARY TABLES, TRIGGER"
        return f"GRANT {rights} ON `{name}`.* TO ROLE; GRANT PROCESS ON *.* TO ROLE;"

    def lock(self) -> None:
        with self._doing("taking the lock of the site"):
            if self._all("SELECT GET_LOCK(%s, 0)", [self._lock_name()])[0][0] == 1:
                return
            holder = self._all("SELECT IS_USED_LOCK(%s)", [self._lock_name()])[0][0]
        who = f" (connection {holder} of the server)" if holder else ""
        raise BusyError(f"another run cleans a site of this database{who}. Try again later.")

    def _lock_name(self) -> str:
        # Locks are the server's, and their names are short.
        return f"media_cleanup:{hashlib.sha256(self._name.encode()).hexdigest()[:40]}"

    def lost_by_crash(self) -> str:
        with self._doing("asking whether commits are durable"):
            flush = self._one("SELECT @@global.innodb_flush_log_at_trx_commit")
        return "" if int(flush) == 1 else f"innodb_flush_log_at_trx_commit is {flush} on the database server"

    def _sees_transactions(self) -> bool:
        try:
            self._connection.fetch("SELECT 1 FROM information_schema.innodb_trx LIMIT 1", [])
        except DriverError as error:
            if error.code not in ACCESS_DENIED:
                raise DatabaseError(f"asking for open transactions failed: {error}") from None
            return False
        return True

    def open_transactions(self) -> dict[str, str]:
        if not self._sees_transactions():
            return {}
        with self._doing("asking for open transactions"):
            # What is prepared comes last: a transaction is prepared before its session lets go of it.
            found = {
                f"{thread} {started}": f"{user or 'no name'}, connection {thread} of the server"
                for thread, started, user in self._sessions_in_transaction()
            }
            found.update((f"{PREPARED}{row[-1]!r}", f"prepared as {row[-1]!r}") for row in self._prepared())
        return found

    def _prepared(self) -> list[Any]:
        """The transactions that are prepared for a commit in two phases, as far as this user may see them."""
        try:
            return self._connection.fetch("XA RECOVER", [])
        except DriverError as error:
            if error.code not in (*ACCESS_DENIED, _NOT_ALLOWED_XA):
                raise
            return []

    def _sessions_in_transaction(self) -> list[Any]:
        """The connections of others that are in a transaction: each with its beginning, and its user."""
        # The server answers with a copy of its list, which may be older than this question. It is not where
        # it has this very question of ours.
        for _attempt in range(_ATTEMPTS):
            mark = secrets.token_hex(8)
            self._connection.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT", [])
            rows = self._connection.fetch(_TRANSACTIONS, [mark])
            self._connection.execute("ROLLBACK", [])
            if any(mark in (question or "") for *_session, question in rows):
                return [row[:-1] for row in rows if mark not in (row[-1] or "")]
            time.sleep(_LIST_IS_KEPT)
        raise DatabaseError(
            "asking for open transactions failed: the server returned no new list of them. Something else "
            "reads information_schema.innodb_trx all the time; let it pause, and run again."
        )

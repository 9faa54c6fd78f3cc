# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The settings of a session of MySQL or MariaDB, whatever those of the server are."""

from __future__ import annotations

from typing import Any, Iterable

from ...media.paths import LONGEST_PATH
from .connection import MySQLConnection

# Seconds. A site must not stall because of a cleanup: wait this long for a lock, work this long at most.
LOCK_TIMEOUT = 10
STATEMENT_TIMEOUT = 900
# Seconds for which a session may be idle, as while a large tree is walked, or a reader be slow.
_IDLE, _SLOW = 86_400, 600
_LARGEST = 18_446_744_073_709_551_615

_SQL_MODE = (
    # Values that were stored under other rules must come back as they were.
    "ANSI_QUOTES,STRICT_ALL_TABLES,ALLOW_INVALID_DATES,NO_AUTO_VALUE_ON_ZERO,NO_ENGINE_SUBSTITUTION"
)
_SETTINGS: dict[str, Any] = {
    "sql_mode": f"'{_SQL_MODE}'",
    "time_zone": "'+00:00'",
    "autocommit": 1,
    "completion_type": 0,
    "foreign_key_checks": 1,
    "unique_checks": 1,
    # Each of these would quietly leave out rows, or add some.
    "sql_auto_is_null": 0,
    "sql_select_limit": _LARGEST,
    "sql_big_selects": 1,
    "sql_safe_updates": 0,
    # What is beyond this length would not be sorted.
    "max_sort_length": LONGEST_PATH * 2,
    # A value that is too large to be read is no more than a warning, which must not be lost among others.
    "max_error_count": 65_535,
    "innodb_lock_wait_timeout": LOCK_TIMEOUT,
    "lock_wait_timeout": LOCK_TIMEOUT,
    "wait_timeout": _IDLE,
    "net_write_timeout": _SLOW,
    "net_read_timeout": _SLOW,
}
# The same, where a server has them.
_OPTIONAL = {
    # Rows as they were at another time.
    "system_versioning_asof": "DEFAULT",
    # A node of a Galera cluster waits until it has what the others have committed, and has nothing to say
    # while it has lost them.
    "wsrep_sync_wait": "7",
    "wsrep_dirty_reads": "0",
}


def settle(connection: MySQLConnection, is_mariadb: bool, is_read_only: bool) -> None:
    """Choose the settings of a session; raises DriverError where the server refuses one."""
    settings = dict(_SETTINGS)
    limit = (
        {"max_statement_time": STATEMENT_TIMEOUT}
        if is_mariadb
        else {"max_execution_time": STATEMENT_TIMEOUT * 1000}
    )
    settings.update(limit)
    settings.update({name: _OPTIONAL[name] for name in variables(connection, _OPTIONAL)})
    connection.execute("SET NAMES utf8mb4 COLLATE utf8mb4_bin", [])
    chosen = ", ".join(f"SESSION {name} = {value}" for name, value in settings.items())
    connection.execute(f"SET {chosen}", [])
    connection.execute("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED", [])
    if is_read_only:
        connection.execute("SET SESSION TRANSACTION READ ONLY", [])


def variables(connection: MySQLConnection, names: Iterable[str]) -> dict[str, str]:
    """The values of those variables that the server has, by their names."""
    wanted = ", ".join(f"'{name}'" for name in names)
    rows = connection.fetch(f"SHOW SESSION VARIABLES WHERE variable_name IN ({wanted})", [])
    return {str(name): str(value) for name, value in rows}

# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""All text of a database of MySQL or MariaDB, for the sweep."""

from __future__ import annotations

import re
from abc import abstractmethod
from typing import Any, Match, Sequence

from ..base import DriverError
from ..catalog import Table
from ..sweep import (
    LONGEST,
    OVERLAP,
    PIECE,
    TEXTS_AT_ONCE,
    Receive,
    Rows,
    SearchedColumns,
    SearchedTable,
    Unsearchable,
)
from .catalog import MySQLCatalog
from .connection import MySQLConnection

_COLUMNS = (
    "SELECT c.table_name, c.column_name, find_in_set('select', lower(c.privileges)) > 0 "
    "FROM information_schema.columns AS c JOIN information_schema.tables AS t "
    # Names of tables may differ by their case alone.
    "ON t.table_schema = c.table_schema AND CAST(t.table_name AS BINARY) = CAST(c.table_name AS BINARY) "
    "WHERE c.table_schema = database() AND t.table_type IN ('BASE TABLE', 'SYSTEM VERSIONED') "
    "AND lower(c.data_type) IN ('char', 'varchar', 'tinytext', 'text', 'mediumtext', 'longtext', 'json', "
    "                           'enum', 'set') ORDER BY c.table_name, c.ordinal_position"
)
# Characters, each of four bytes at most.
_LENGTH, _COMMON = PIECE, OVERLAP
# A line of SHOW GRANTS, for all databases or for those that a pattern fits.
_NAME = r"`(?P<backticks>(?:[^`]|``)+)`|\"(?P<quotes>(?:[^\"]|\"\")+)\""
_GRANT = re.compile(
    rf"GRANT (?P<rights>.+?) ON (?:(?P<everywhere>\*)|{_NAME})\.\* TO ", re.IGNORECASE | re.DOTALL
)
_WILDCARDS = {"%": ".*", "_": "."}


class MySQLSweep(MySQLCatalog):
    """A database whose text is streamed, by a connection of its own."""

    _connection: MySQLConnection
    # Kept from table to table: to open one may take longer than to read a table.
    _reading: MySQLConnection | None = None

    @abstractmethod
    def _settle(self, connection: MySQLConnection) -> None:
        """Choose the settings of a session."""

    def _text_columns(self) -> SearchedColumns:
        with self._doing("reading which columns hold text"):
            rows = self._all(_COLUMNS, [])
            database, account = self._all("SELECT database(), current_user()", [])[0]
            grants = [str(row[0]) for row in self._all("SHOW GRANTS", [])]
        user, _at, host = account.rpartition("@")
        to = f"TO {_quoted(user)}@{_quoted(host)};"
        found: dict[str, list[str]] = {}
        hidden: dict[str, Unsearchable] = {}
        for table, column, is_readable in rows:
            if is_readable:
                found.setdefault(table, []).append(column)
            else:
                reason = f"SELECT on {column} is not granted"
                hidden[table] = Unsearchable(("", table), reason, f"GRANT SELECT ON {_quoted(table)} {to}")
        unsearchable = [*hidden.values()]
        if not any(_reads_all_of(database, grant) for grant in grants):
            reason = "tables on which this database user has no right at all are hidden from it"
            remedy = f"GRANT SELECT ON {_quoted(database)}.* {to}"
            unsearchable.append(Unsearchable(("", f"{database}.*"), reason, remedy, is_table=False))
        tables = [SearchedTable(("", table), tuple(columns)) for table, columns in found.items()]
        return SearchedColumns(tables, unsearchable)

    def _read_texts(self, searched: SearchedTable, keyed: Table | None, receive: Receive) -> None:
        sql, table = self.dialect, self._table(searched)
        key = sql.key_values(keyed) if keyed else []
        texts = [sql.text(sql.field("t", name), table.columns[name]) for name in searched.columns]
        length = " + ".join(f"coalesce(LENGTH({text}), 0)" for text in texts)
        rows = f"FROM {sql.relation(table)} AS t"
        reading = self._opened_for_reading()
        try:
            reading.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT", [])
            whole = f"SELECT {', '.join([*key, *map(_sent, texts)])} {rows} WHERE {length} <= {PIECE}"
            for batch in reading.stream(whole, [], TEXTS_AT_ONCE):
                receive(Rows(batch, len(key), len(texts)))
            for number, text in enumerate(texts):
                longest = f"SELECT coalesce(max(CHAR_LENGTH({text})), 0) {rows} WHERE {length} > {PIECE}"
                for start in range(0, int(reading.fetch(longest, [])[0][0]), _LENGTH):
                    piece = _sent(f"SUBSTRING({text}, {start + 1}, {_LENGTH + _COMMON})")
                    long = f"{length} > {PIECE} AND CHAR_LENGTH({text}) > {start}"
                    statement = f"SELECT {', '.join([*key, piece])} {rows} WHERE {long}"
                    for batch in reading.stream(statement, [], TEXTS_AT_ONCE):
                        pieces = [_with_piece(row, len(key), number, len(texts)) for row in batch]
                        receive(Rows(pieces, len(key), len(texts)))
            reading.execute("ROLLBACK", [])
        except BaseException:
            # There may be rows on their way that nobody has read.
            self._end_reading()
            raise

    def _opened_for_reading(self) -> MySQLConnection:
        if self._reading is not None:
            return self._reading
        reading = self._connection.another()
        try:
            self._settle(reading)
            name, factor = ("max_statement_time", 1) if self._is_mariadb else ("max_execution_time", 1000)
            reading.execute(f"SET SESSION {name} = {LONGEST * factor}", [])
            # Rows that grow meanwhile must be found by one of the two.
            reading.execute("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ", [])
        except DriverError:
            # With other settings, it might leave out rows.
            reading.close()
            raise
        self._reading = reading
        return reading

    def _end_reading(self) -> None:
        """Close the connection by which texts are read, if there is one."""
        reading, self._reading = self._reading, None
        if reading is not None:
            reading.close()


def _sent(text: str) -> str:
    """A text as bytes, which no driver converts."""
    return f"CAST({text} AS BINARY)"


def _reads_all_of(database: str, grant: str) -> bool:
    """Whether a line of SHOW GRANTS allows to read all tables of a database."""
    found = _GRANT.match(grant)
    if not found:
        return False
    rights = {right.strip().upper() for right in found["rights"].split(",")}
    if not rights & {"SELECT", "ALL", "ALL PRIVILEGES"}:
        return False
    return bool(found["everywhere"]) or _fits(_unquoted(found), database)


def _unquoted(found: Match[str]) -> str:
    return (found["backticks"] or "").replace("``", "`") or (found["quotes"] or "").replace('""', '"')


def _fits(pattern: str, name: str) -> bool:
    """Whether the name of a database fits the pattern of a grant."""
    signs = re.findall(r"\\?.", pattern, re.DOTALL)
    parts = (_WILDCARDS.get(sign) or re.escape(sign[-1]) for sign in signs)
    return re.fullmatch("".join(parts), name, re.DOTALL) is not None


def _quoted(name: str) -> str:
    return "`{}`".format(name.replace("`", "``"))


def _with_piece(row: Sequence[Any], width: int, number: int, columns: int) -> Sequence[Any]:
    texts = [None] * columns
    texts[number] = row[-1]
    return [*row[:width], *texts]

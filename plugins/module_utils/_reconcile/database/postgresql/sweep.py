# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""All text of a PostgreSQL database, for the sweep."""

from __future__ import annotations

from abc import abstractmethod
from typing import Sequence

from ..catalog import Table, TableIdentity
from ..sweep import (
    LONGEST,
    OVERLAP,
    PIECE,
    Receive,
    Rows,
    SearchedColumns,
    SearchedTable,
    TextBlock,
    TextRow,
    Unsearchable,
    as_text,
)
from .catalog import PostgreSQLCatalog
from .dialect import PostgreSQLDialect, unescaped
from .settled import SettledConnection

# Bytes that are handed on as one; what the server sends meanwhile waits in the connection's buffer.
_BLOCK = 128 * 1024
_TAB = ord("\t")

# Text, what is written as text with text in it, and what is made of such types: domains, arrays, composites.
_TEXT_COLUMNS = """
WITH RECURSIVE made_of(oid, part) AS (
  SELECT t.oid, t.typbasetype FROM pg_type AS t WHERE t.typtype = 'd'
  UNION ALL SELECT t.oid, t.typelem FROM pg_type AS t WHERE t.typcategory = 'A'
  UNION ALL SELECT t.oid, a.atttypid FROM pg_type AS t JOIN pg_attribute AS a ON a.attrelid = t.typrelid
    WHERE t.typtype = 'c' AND a.attnum > 0
), texts(oid) AS (
  SELECT t.oid FROM pg_type AS t WHERE t.typtype = 'e' OR t.typtype = 'b' AND
    (t.typcategory = 'S' OR t.typname IN ('json', 'jsonb', 'jsonpath', 'xml', 'hstore'))
  UNION SELECT m.oid FROM made_of AS m JOIN texts AS x ON x.oid = m.part
)
SELECT n.nspname, c.relname, a.attname, has_schema_privilege(n.oid, 'USAGE'),
       has_column_privilege(c.oid, a.attnum, 'SELECT'), row_security_active(c.oid)
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_attribute AS a ON a.attrelid = c.oid JOIN texts AS x ON x.oid = a.atttypid
WHERE c.relkind IN ('r', 'p', 'm') AND c.relpersistence <> 't'
  -- Since PostgreSQL 14, a table may be left a partition whose rows are no more those of its parent.
  AND (NOT c.relispartition OR EXISTS (SELECT 1 FROM pg_inherits AS i
       WHERE i.inhrelid = c.oid AND (to_jsonb(i)->>'inhdetachpending')::boolean))
  AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%%'
  AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY n.nspname, c.relname, a.attnum
"""


class PostgreSQLSweep(PostgreSQLCatalog):
    """A database of PostgreSQL whose text is streamed."""

    dialect: PostgreSQLDialect
    _connection: SettledConnection

    @abstractmethod
    def _end_reading(self) -> None:
        """End the transaction that reading began."""

    def change_mark(self) -> str | None:
        # Every transaction that writes gets a number, and is in the snapshot until it ends. A standby does
        # not list those of its primary, but nothing changes there unless something is replayed.
        with self._doing("asking whether anything was written"):
            mark = self._first(
                "SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()::text "
                "ELSE txid_current_snapshot()::text END",
                [],
            )[0]
        return None if mark is None else str(mark)

    def _text_columns(self) -> SearchedColumns:
        with self._doing("reading which columns hold text"):
            rows = self._all(_TEXT_COLUMNS, [])
            user = self.dialect.quote(self._first("SELECT current_user::text", [])[0]).replace("%%", "%")
        found: dict[TableIdentity, list[str]] = {}
        unsearchable: dict[TableIdentity, Unsearchable] = {}
        for schema, relation, column, may_use, may_read, is_secured in rows:
            identity = (schema, relation)
            found.setdefault(identity, []).append(column)
            if not (may_use and may_read):
                unsearchable[identity] = self._forbidden(identity, may_use, may_read, user)
            elif is_secured:
                unsearchable[identity] = Unsearchable(
                    identity, "a row security policy hides rows of it", f"ALTER ROLE {user} BYPASSRLS;"
                )
        tables = [
            SearchedTable(identity, tuple(columns))
            for identity, columns in found.items()
            if identity not in unsearchable
        ]
        return SearchedColumns(tables, list(unsearchable.values()))

    def _forbidden(self, identity: TableIdentity, may_use: bool, may_read: bool, user: str) -> Unsearchable:
        grants = [
            f"GRANT USAGE ON SCHEMA {self.dialect.quote(identity[0])} TO {user};",
            f"GRANT SELECT ON {self.dialect.qualified(*identity)} TO {user};",
        ]
        needed = [grant for grant, is_given in zip(grants, (may_use, may_read)) if not is_given]
        reason = "this database user may not read it"
        return Unsearchable(identity, reason, " ".join(needed).replace("%%", "%"))

    def _read_texts(self, searched: SearchedTable, keyed: Table | None, receive: Receive) -> None:
        statement = self._text_statement(searched, self.dialect.key_values(keyed) if keyed else [])
        copied = _CopiedFile(receive, len(keyed.key) if keyed else 0)
        if not self._in_transaction:
            # What a type of the site's own runs to write its values as text must change nothing.
            self._connection.execute("SET TRANSACTION READ ONLY", [])
            # All of the table comes by one statement.
            self._connection.execute(f"SET LOCAL statement_timeout = '{LONGEST}s'", [])
        try:
            self._connection.copy_to(copied, statement)
            copied.hand_over()
        finally:
            self._end_reading()

    def _text_statement(self, searched: SearchedTable, key: Sequence[str]) -> str:
        """The rows of a table as they are or, where they are long, in pieces with the number of the column.

        The number and the piece come first, and are empty where there is none.

        All in one statement, so that a row which grows or shrinks meanwhile is not left out of both. A
        long text becomes bytes once, of which a piece costs nothing more to take.
        """
        sql = self.dialect
        keys = [f"k{number}" for number in range(len(key))]
        texts = [f"c{number}" for number in range(len(searched.columns))]
        fields = [
            *(f"{part} AS {alias}" for part, alias in zip(key, keys)),
            *(f"{sql.field('t', name)}::text AS {alias}" for name, alias in zip(searched.columns, texts)),
        ]
        size = " + ".join(f"coalesce(octet_length(s.{text}), 0)" for text in texts)
        values = ", ".join(f"({number}, s.{text})" for number, text in enumerate(texts))
        nothing = ", ".join("NULL::text" for _text in texts)
        read = [f"p.{text}" for text in texts]
        return (
            f"SELECT {', '.join(['p.number', 'p.piece', *(f's.{name}' for name in keys), *read])} "
            f"FROM (SELECT {', '.join(fields)} FROM {self._rows_of_its_own(searched)} AS t OFFSET 0) AS s "
            f"CROSS JOIN LATERAL (SELECT {', '.join(f's.{text} AS {text}' for text in texts)}, "
            f"'' AS number, '' AS piece WHERE {size} <= {PIECE} UNION ALL SELECT {nothing}, "
            f"w.number::text, encode(substr(w.bytes, g.start, {PIECE + OVERLAP}), 'hex') "
            f"FROM (SELECT v.number, convert_to(v.value, 'UTF8') AS bytes "
            f"FROM (VALUES {values}) AS v(number, value) WHERE {size} > {PIECE} OFFSET 0) AS w, "
            f"generate_series(1, octet_length(w.bytes), {PIECE}) AS g(start)) AS p"
        )

    def _rows_of_its_own(self, searched: SearchedTable) -> str:
        """A table without those that inherit from it, which are searched for themselves."""
        relation = self.dialect.qualified(*searched.identity)
        is_partitioned = self._hierarchy().is_partitioned(searched.identity)
        return relation if is_partitioned else f"ONLY {relation}"


class _CopiedFile:
    """The file that COPY writes the rows to, each by a call of its own: hands them on in blocks."""

    def __init__(self, receive: Receive, keys: int) -> None:
        self._receive = receive
        self._keys = keys
        self._lines: list[bytes] = []
        self._size = 0

    def write(self, line: bytes) -> None:
        if line[0] == _TAB:
            self._lines.append(line)
            self._size += len(line)
            if self._size > _BLOCK:
                self.hand_over()
        else:
            number, piece, row = line.split(b"\t", 2)
            key, texts = _values(row, self._keys)
            texts[int(number)] = bytes.fromhex(piece.decode())
            self._receive(Rows([[*key, *texts]], self._keys, len(texts)))

    def hand_over(self) -> None:
        """Hand on what is left."""
        if self._lines:
            lines, self._lines, self._size = self._lines, [], 0
            self._receive(CopiedRows(lines, self._keys))


class CopiedRows(TextBlock):
    """Rows in the text format of COPY; before each are the two values of what is no piece."""

    def __init__(self, lines: Sequence[bytes], keys: int) -> None:
        super().__init__(lines, b"")
        self._lines = lines
        self._keys = keys

    def _row(self, number: int) -> TextRow:
        key, texts = _values(self._lines[number].split(b"\t", 2)[2], self._keys)
        return TextRow(tuple(key), [*map(as_text, texts)])


def _values(row: bytes, keys: int) -> tuple[list[str | None], list[bytes | None]]:
    """The values of the key, and the texts of a row."""
    found = [None if value == rb"\N" else unescaped(value) for value in row[: -len(b"\n")].split(b"\t")]
    return [*map(as_text, found[:keys])], found[keys:]

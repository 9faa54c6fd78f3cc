# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Running statements on an open database, and the parts that they have in common."""

from __future__ import annotations

from abc import abstractmethod
from contextlib import contextmanager
from typing import Any, Iterable, Iterator, Sequence

from .catalog import Catalog, ForeignKey, Keys, Steps, Table
from .dialect import Dialect, Matching


class Statements(Catalog):
    """Runs statements on an open database, and puts the common parts of them together."""

    dialect: Dialect
    _in_transaction = False

    @abstractmethod
    def _stream(self, statement: str, parameters: Sequence[Any]) -> Iterator[list[Any]]:
        """Yield the rows in lists of at most ``BATCH``, none of them empty."""

    def _stream_copy(self, statement: str, parameters: Sequence[Any]) -> Iterator[list[Any]]:
        """Like ``_stream``, for a slow reader, who must not keep the site from writing."""
        return self._stream(statement, parameters)

    @abstractmethod
    def _stream_paths(self, statement: str) -> Iterator[list[bytes]]:
        """Yield the paths that a statement selects; all are copied before the first is yielded."""

    @abstractmethod
    def _execute(self, doing: str, statement: str, parameters: Sequence[Any]) -> int:
        """Run one statement, and return how many rows it changed."""

    def _change(self, doing: str, table: Table, statement: str, parameters: Sequence[Any]) -> int:
        """Run a statement that changes a table's rows, so that the site's triggers work as for the site."""
        return self._execute(doing, statement, parameters)

    def _delete(
        self, table: Table, alias: str, matching: Matching, parameters: Sequence[Any], condition: str = ""
    ) -> int:
        """Delete the matching rows, or those of them that meet a condition; returns how many."""
        statement = self.dialect.delete(table, alias, matching, condition)
        return self._change(f"deleting rows of {table.name}", table, statement, parameters)

    @abstractmethod
    def _keys(self, types: Sequence[str], rows: Sequence[Sequence[Any]]) -> tuple[str, list[Any]]:
        """Make rows of values available as a source ``wanted(k0, k1, …)`` to join with."""

    @contextmanager
    def _doing(self, what: str) -> Iterator[None]:
        """Turn the driver's errors into a DatabaseError that says what was being done."""
        yield

    def _number(self, doing: str, statement: str, parameters: Sequence[Any]) -> int:
        """Run a statement that counts."""
        with self._doing(doing):
            ((count,),) = [row for rows in self._stream(statement, parameters) for row in rows]
        return int(count)

    def _path_keys(self, paths: Iterable[bytes]) -> tuple[str, list[Any]] | None:
        """A source of paths, as ``_keys`` makes one; None where the database can hold none of them."""
        wanted = [value for value in map(self.dialect.path_parameter, set(paths)) if value is not None]
        return self._keys([self.dialect.path_type], [(value,) for value in wanted]) if wanted else None

    def _among(self, expression: str, paths: Iterable[bytes]) -> tuple[str, list[Any]] | None:
        """The condition that an expression is one of some paths; None where no value can be one of them."""
        keys = self._path_keys(paths)
        return keys and (f"{expression} IN (SELECT wanted.k0 FROM {keys[0]})", keys[1])

    def _row_keys(self, table: Table, keys: Keys) -> tuple[str, list[Any]]:
        return self._keys(self.dialect.key_types(table), keys)

    def _with_key(self, table: Table, keys: Keys) -> tuple[Matching, list[Any]]:
        """The rows ``t`` with these keys, and parameters."""
        source, parameters = self._row_keys(table, keys)
        condition = self.dialect.key_join(table)
        return Matching(source, condition, f"EXISTS (SELECT 1 FROM {source} WHERE {condition})"), parameters

    def _lock_rows(self, alias: str) -> str:
        """Inside a transaction, rows that were read must not change until it ends."""
        return self.dialect.lock_rows(alias) if self._in_transaction else ""

    def _chain(self, root: Table, steps: Steps, keys: Keys) -> tuple[str, str, list[Any]]:
        """The join of some rows ``t`` with their dependent rows, the alias of the last, and parameters."""
        sql = self.dialect
        chain, parameters = self._rows_with_key(root, keys, steps[0][0] if steps else None)
        parent = "t"
        for number, (link, child) in enumerate(steps):
            alias = f"c{number}"
            chain += f" JOIN {sql.relation(child)} AS {alias} ON {sql.references(link, alias, parent)}"
            parent = alias
        return chain, parent, parameters

    def _rows_with_key(self, root: Table, keys: Keys, link: ForeignKey | None) -> tuple[str, list[Any]]:
        """Rows ``t`` by their keys, and parameters; the keys stand for them where a link needs no more."""
        sql = self.dialect
        source, parameters = self._row_keys(root, keys)
        if link and sql.is_by_key(link, root):
            fields = ", ".join(
                f"wanted.k{number} AS {sql.quote(name)}" for number, name in enumerate(root.key)
            )
            return f"(SELECT {fields} FROM {source}) AS t", parameters
        return f"{source} JOIN {sql.relation(root)} AS t ON {sql.key_join(root)}", parameters

    def _cleared(self, table: Table, columns: Sequence[str], to_default: bool = False) -> dict[str, str]:
        """The expressions to which an UPDATE sets columns to clear them."""
        empty = {name: "NULL" if table.columns[name].nullable else "''" for name in columns}
        return {name: f"({table.columns[name].default})" for name in columns} if to_default else empty

    def _path_or_none(self, value: Any) -> bytes | None:
        return None if value is None else self.dialect.path_bytes(value)

# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The rows that hang on others: by a foreign key, a generic relation, or a path."""

from __future__ import annotations

from typing import Any, Iterable, Iterator, Sequence

from ..errors import SiteError
from .catalog import ForeignKey, Table
from .dialect import Dialect, Keys, Steps


class DependentRows(Dialect):
    """Asks for rows that hang on others, and deletes or changes them."""

    def with_dependents(self, root: Table, steps: Steps, keys: Keys) -> set[tuple[Any, ...]]:
        """Those of the records on which a row hangs at the end of these steps."""
        chain, _last, parameters = self._chain(root, steps, keys)
        statement = f"SELECT DISTINCT {self._key_list(root)} FROM {chain}"
        found: set[tuple[Any, ...]] = set()
        with self._doing(f"looking for rows of {steps[-1][1].name} that depend on {root.name}"):
            for batch in self._stream(statement, parameters):
                found.update(tuple(row) for row in batch)
        return found

    def count_dependents(self, root: Table, steps: Steps, keys: Keys) -> int:
        """Count the rows that hang on the records at the end of these steps."""
        chain, _last, parameters = self._chain(root, steps, keys)
        doing = f"counting the rows of {steps[-1][1].name} that depend on {root.name}"
        return self._number(doing, f"SELECT count(*) FROM {chain}", parameters)

    def lock_dependents(self, root: Table, steps: Steps, keys: Keys) -> None:
        """Keep the rows that hang on the records at the end of these steps as they are, in a transaction."""
        if not self._lock_children("t"):
            return
        chain, last, parameters = self._chain(root, steps, keys)
        statement = f"SELECT count(*) FROM (SELECT 1 FROM {chain}{self._lock_children(last)}) AS hanging"
        doing = f"locking the rows of {steps[-1][1].name} that depend on {root.name}"
        self._number(doing, statement, parameters)

    def delete_dependents(self, root: Table, steps: Steps, keys: Keys) -> int:
        """Delete the rows that hang on the records at the end of these steps."""
        hang, parameters = self._hang(root, steps, keys)
        child = steps[-1][1]
        statement = f"DELETE FROM {self.qualified(*child.identity)} AS c WHERE {hang}"
        return self._execute(f"deleting rows of {child.name}", statement, parameters)

    def clear_dependents(self, root: Table, steps: Steps, keys: Keys, columns: Sequence[str]) -> int:
        """Set columns of the rows that hang on the records at the end of these steps to NULL."""
        hang, parameters = self._hang(root, steps, keys)
        child = steps[-1][1]
        empty = ", ".join(f"{self.quote(name)} = NULL" for name in columns)
        statement = f"UPDATE {self.qualified(*child.identity)} AS c SET {empty} WHERE {hang}"
        return self._execute(f"updating rows of {child.name}", statement, parameters)

    def _hang(self, root: Table, steps: Steps, keys: Keys) -> tuple[str, list[Any]]:
        """The condition that a row ``c`` hangs on the records."""
        link = steps[-1][0]
        chain, parent, parameters = self._chain(root, steps[:-1], keys)
        ours = ", ".join(f"c.{self.quote(name)}" for name in link.columns)
        theirs = ", ".join(f"{parent}.{self.quote(name)}" for name in link.target_columns)
        return f"({ours}) IN (SELECT {theirs} FROM {chain})", parameters

    def dependent_keys(
        self, link: ForeignKey, child: Table, parent: Table, keys: Keys
    ) -> Iterator[tuple[tuple[Any, ...], tuple[Any, ...]]]:
        """Yield (key of the parent, key of the child) for each row that points at one of the keys."""
        chain, last, parameters = self._chain(parent, [(link, child)], keys)
        statement = (
            f"SELECT {self._key_list(parent)}, {self._key_list(child, last)} "
            f"FROM {chain}{self._lock_children(last)}"
        )
        width = len(parent.key)
        with self._doing(f"reading the rows of {child.name} that depend on {parent.name}"):
            for batch in self._stream(statement, parameters):
                for row in batch:
                    yield tuple(row[:width]), tuple(row[width:])

    def generic_dependent_keys(
        self,
        child: Table,
        column: str,
        content_type_column: str,
        content_type: int,
        keys: Keys,
    ) -> Iterator[tuple[tuple[Any, ...], tuple[Any, ...]]]:
        """The same for a generic relation: a content type and the key, maybe as text."""
        by_text = {text: key for key in keys for text in self._as_text(key[0])}
        source, parameters = self._keys(["text"], [(text,) for text in by_text])
        statement = (
            f"SELECT keys.k0, {self._key_list(child, 'c')} FROM {source} "
            f"JOIN {self.qualified(*child.identity)} AS c "
            f"ON CAST(c.{self.quote(column)} AS text) = keys.k0 "
            f"WHERE c.{self.quote(content_type_column)} = {self.placeholder}{self._lock_children('c')}"
        )
        with self._doing(f"reading the rows of {child.name} that depend on these records"):
            for batch in self._stream(statement, [*parameters, content_type]):
                for text, *key in batch:
                    yield by_text[text], tuple(key)

    def _as_text(self, value: Any) -> Iterable[str]:
        """How a generic relation may write a key that it keeps as text."""
        return (str(value),)

    def content_type(self, app_label: str, model: str) -> int:
        """The id that Django gave a model in ``django_content_type``; raises SiteError if none."""
        table = self.table("django_content_type")
        statement = (
            f"SELECT id FROM {self.qualified(*table.identity)} "
            f"WHERE app_label = {self.placeholder} AND model = {self.placeholder}"
        )
        with self._doing("looking up a content type"):
            for rows in self._stream(statement, [app_label, model]):
                return int(rows[0][0])
        raise SiteError(
            f"django_content_type knows no model {app_label}.{model}. "
            "Write content_type as APP.MODEL in lower case, such as album.photo."
        )

    def rows_referencing(
        self, child: Table, column: str, paths: Iterable[bytes]
    ) -> Iterator[tuple[bytes, tuple[Any, ...]]]:
        """Yield (path, key) for each row whose column holds one of the paths."""
        keys = self._path_keys(paths)
        if keys is None:
            return
        source, parameters = keys
        value = self._path(f"c.{self.quote(column)}")
        statement = (
            f"SELECT {value}, {self._key_list(child, 'c')} FROM {source} "
            f"JOIN {self.qualified(*child.identity)} AS c ON {value} = keys.k0{self._lock_children('c')}"
        )
        with self._doing(f"reading the rows of {child.name} that name these files"):
            for batch in self._stream(statement, parameters):
                for path, *key in batch:
                    yield self._to_bytes(path), tuple(key)

    def delete(self, table: Table, keys: Keys) -> int:
        """Delete rows by their keys."""
        source, parameters = self._row_keys(table, keys)
        statement = (
            f"DELETE FROM {self.qualified(*table.identity)} AS t "
            f"WHERE EXISTS (SELECT 1 FROM {source} WHERE {self._key_join(table)})"
        )
        return self._execute(f"deleting rows of {table.name}", statement, parameters)

    def count_keys(self, table: Table, keys: Keys) -> int:
        """Count the rows that are there, by their keys."""
        source, parameters = self._row_keys(table, keys)
        statement = (
            f"SELECT count(*) FROM {source} "
            f"JOIN {self.qualified(*table.identity)} AS t ON {self._key_join(table)}"
        )
        return self._number(f"counting rows of {table.name}", statement, parameters)

    def clear(self, table: Table, columns: Sequence[str], keys: Keys) -> int:
        """Set columns of rows to NULL, or to the empty text where a column is NOT NULL."""
        source, parameters = self._row_keys(table, keys)
        empty = ", ".join(
            f"{self.quote(name)} = {'NULL' if table.columns[name].nullable else chr(39) * 2}"
            for name in columns
        )
        statement = (
            f"UPDATE {self.qualified(*table.identity)} AS t SET {empty} "
            f"WHERE EXISTS (SELECT 1 FROM {source} WHERE {self._key_join(table)})"
        )
        return self._execute(f"updating rows of {table.name}", statement, parameters)

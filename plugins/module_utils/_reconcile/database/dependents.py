# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The rows that reference records: by a foreign key, a generic relation, or a path."""

from __future__ import annotations

from typing import Any, Iterable, Iterator, Mapping, Sequence

from ..errors import SiteError
from .catalog import GenericRelation, Key, Keys, Steps, Table
from .dialect import Matching
from .statements import Statements


class DependentRows(Statements):
    """Reads dependent rows, counts, locks, deletes and clears them.

    Where a method takes a table, steps and keys, it is about the rows at the end of the steps that
    depend on the rows of that table with these keys. What a method locks is locked until the
    transaction ends; outside of one, nothing is locked.
    """

    def with_dependents(self, root: Table, steps: Steps, keys: Keys) -> set[Key]:
        """The keys of those of the records on which a row depends."""
        chain, _last, parameters = self._chain(root, steps, keys)
        statement = f"SELECT DISTINCT {self.dialect.key_list(root)} FROM {chain}"
        found: set[Key] = set()
        with self._doing(f"searching for rows of {steps[-1][1].name} that depend on {root.name}"):
            for batch in self._stream(statement, parameters):
                found.update(tuple(row) for row in batch)
        return found

    def count_dependents(self, root: Table, steps: Steps, keys: Keys) -> int:
        """Count the dependent rows."""
        chain, _last, parameters = self._chain(root, steps, keys)
        doing = f"counting the rows of {steps[-1][1].name} that depend on {root.name}"
        return self._number(doing, f"SELECT count(*) FROM {chain}", parameters)

    def lock_dependents(self, root: Table, steps: Steps, keys: Keys) -> None:
        """Lock the dependent rows, so that nobody else changes them."""
        if not self._lock_rows("t"):
            return
        chain, last, parameters = self._chain(root, steps, keys)
        statement = f"SELECT count(*) FROM (SELECT 1 FROM {chain}{self._lock_rows(last)}) AS dependent"
        doing = f"locking the rows of {steps[-1][1].name} that depend on {root.name}"
        self._number(doing, statement, parameters)

    def delete_dependents(self, root: Table, steps: Steps, keys: Keys) -> int:
        """Delete the dependent rows; returns how many."""
        matching, parameters = self._depending(root, steps, keys)
        return self._delete(steps[-1][1], "c", matching, parameters)

    def clear_dependents(
        self, root: Table, steps: Steps, keys: Keys, columns: Sequence[str], to_default: bool = False
    ) -> int:
        """Set columns of the dependent rows to NULL, or to their defaults; returns how many rows."""
        matching, parameters = self._depending(root, steps, keys)
        child = steps[-1][1]
        statement = self.dialect.update(child, "c", self._cleared(child, columns, to_default), matching)
        return self._change(f"updating rows of {child.name}", child, statement, parameters)

    def _depending(self, root: Table, steps: Steps, keys: Keys) -> tuple[Matching, list[Any]]:
        """The rows ``c`` that depend on the records, and parameters."""
        link, sql = steps[-1][0], self.dialect
        if len(steps) > 1:
            chain, parent, parameters = self._chain(root, steps[:-1], keys)
        else:
            parent = "t"
            chain, parameters = self._rows_with_key(root, keys, link)
        test = sql.references_any(link, "c", parent, chain)
        return Matching(chain, sql.references(link, "c", parent), test), parameters

    def dependent_keys(self, root: Table, steps: Steps, keys: Keys) -> Iterator[list[tuple[Key, Key]]]:
        """Yield (key of the record, key of the row) for dependent rows, in lists; the rows are locked."""
        chain, last, parameters = self._chain(root, steps, keys)
        child = steps[-1][1]
        statement = (
            f"SELECT {self.dialect.key_list(root)}, {self.dialect.key_list(child, last)} "
            f"FROM {chain}{self._lock_rows(last)}"
        )
        width = len(root.key)
        with self._doing(f"reading the rows of {child.name} that depend on {root.name}"):
            for batch in self._stream(statement, parameters):
                yield [(tuple(row[:width]), tuple(row[width:])) for row in batch]

    def generic_dependent_keys(self, relation: GenericRelation, keys: Keys) -> Iterator[tuple[Key, Key]]:
        """The same for a generic relation, whose column may store the key as text."""
        child = relation.table
        by_text = {text: key for key in keys for text in self.dialect.key_texts(key[0])}
        source, parameters = self._keys(["text"], [(text,) for text in by_text])
        written = self.dialect.as_text(self.dialect.field("c", relation.column))
        content_type = self.dialect.field("c", relation.content_type_column)
        statement = (
            f"SELECT wanted.k0, {self.dialect.key_list(child, 'c')} FROM {source} "
            f"JOIN {self.dialect.relation(child)} AS c ON {written} = wanted.k0 "
            f"WHERE {content_type} = {self.dialect.placeholder}{self._lock_rows('c')}"
        )
        with self._doing(f"reading the rows of {child.name} that depend on these records"):
            for batch in self._stream(statement, [*parameters, relation.content_type]):
                for text, *key in batch:
                    yield by_text[text], tuple(key)

    def content_type(self, app_label: str, model: str) -> int:
        """The id that Django gave a model in ``django_content_type``; raises SiteError if none."""
        found = self.content_type_or_none(app_label, model)
        if found is None:
            raise SiteError(
                f"django_content_type knows no model {app_label}.{model}. "
                "Write content_type as APP.MODEL in lower case, such as album.photo."
            )
        return found

    def content_type_or_none(self, app_label: str, model: str) -> int | None:
        """The same; None where Django gave it none, so that no row can have it."""
        table = self.table("django_content_type")
        statement = (
            f"SELECT id FROM {self.dialect.relation(table)} "
            f"WHERE app_label = {self.dialect.placeholder} AND model = {self.dialect.placeholder}"
        )
        with self._doing("looking up a content type"):
            for rows in self._stream(statement, [app_label, model]):
                return int(rows[0][0])
        return None

    def rows_referencing(
        self, child: Table, column: str, paths: Iterable[bytes]
    ) -> Iterator[tuple[bytes, Key]]:
        """Yield (path, key) for each row whose column holds one of the paths; the rows are locked."""
        keys = self._path_keys(paths)
        if keys is None:
            return
        source, parameters = keys
        value = self.dialect.path(self.dialect.field("c", column))
        statement = (
            f"SELECT {value}, {self.dialect.key_list(child, 'c')} FROM {source} "
            f"JOIN {self.dialect.relation(child)} AS c ON {value} = wanted.k0{self._lock_rows('c')}"
        )
        with self._doing(f"reading the rows of {child.name} that reference these files"):
            for batch in self._stream(statement, parameters):
                for path, *key in batch:
                    yield self.dialect.path_bytes(path), tuple(key)

    def delete(self, table: Table, keys: Keys) -> int:
        """Delete rows by their keys; returns how many there were."""
        matching, parameters = self._with_key(table, keys)
        return self._delete(table, "t", matching, parameters)

    def count_keys(self, table: Table, keys: Keys) -> int:
        """Count those of the rows, by their keys, that exist."""
        source, parameters = self._row_keys(table, keys)
        statement = (
            f"SELECT count(*) FROM {source} "
            f"JOIN {self.dialect.relation(table)} AS t ON {self.dialect.key_join(table)}"
        )
        return self._number(f"counting rows of {table.name}", statement, parameters)

    def clear(self, table: Table, columns: Sequence[str], keys: Keys, to_default: bool = False) -> int:
        """Set columns of rows to NULL, or to the empty text where a column is NOT NULL; returns how many.

        With ``to_default`` they are set to their defaults.
        """
        matching, parameters = self._with_key(table, keys)
        statement = self.dialect.update(table, "t", self._cleared(table, columns, to_default), matching)
        return self._change(f"updating rows of {table.name}", table, statement, parameters)

    def set_values(self, table: Table, values: Mapping[str, Any], keys: Keys) -> int:
        """Set columns of rows to values that are as the archive has them; returns how many rows."""
        sql = self.dialect
        changes = {
            name: sql.archived_placeholder(table.columns[name], value) for name, value in values.items()
        }
        given = list(map(sql.archived_parameter, values.values()))
        matching, parameters = self._with_key(table, keys)
        statement = sql.update(table, "t", changes, matching)
        return self._change(f"updating rows of {table.name}", table, statement, [*given, *parameters])

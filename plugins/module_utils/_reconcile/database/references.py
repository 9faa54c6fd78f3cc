# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The paths that columns hold: all of them, and what is to be known of some."""

from __future__ import annotations

from abc import abstractmethod
from typing import Iterable, Iterator, Sequence

from ..config.site import Column
from ..errors import SiteError
from .catalog import Table
from .dialect import Dialect


class References(Dialect):
    """Asks for references."""

    def path_column(self, column: Column) -> Table:
        """Find the table of a column that holds paths; raises SiteError if there is none such."""
        table = self.table(column.table)
        kind = self.column(table, column.name)
        if not kind.holds_paths:
            raise SiteError(
                f"column {column} has the type {kind.declared or 'unknown'}, which cannot hold a path. "
                "Name the column of the FileField or ImageField."
            )
        for name in (column.size, column.checksum):
            if name:
                self.column(table, name)
        return table

    def references(self, columns: Sequence[Column]) -> Iterator[list[bytes]]:
        """Yield all paths that the columns hold, in byte order, in lists of a bounded length."""
        parts = []
        for column in columns:
            table = self.path_column(column)
            value = self._path(f"t.{self.quote(column.name)}")
            parts.append(
                f"SELECT {value} AS path FROM {self.qualified(*table.identity)} AS t "
                f"WHERE t.{self.quote(column.name)} <> ''"
            )
        statement = f"SELECT path FROM ({' UNION ALL '.join(parts)}) AS reference ORDER BY path"
        with self._doing(f"reading {', '.join(map(str, columns))}"):
            yield from self._paths_apart(statement)

    def count_references(
        self, columns: Sequence[Column], paths: Iterable[bytes], stems: bool = False
    ) -> dict[bytes, int]:
        """Say of each path how many rows name it at this moment; paths that none names are left out.

        With ``stems``, the paths and what the rows name are compared without their extension.
        """
        keys = self._path_keys(paths)
        counts: dict[bytes, int] = {}
        if keys is None:
            return counts
        source, parameters = keys
        parts = []
        for column in columns:
            table = self.path_column(column)
            field = f"t.{self.quote(column.name)}"
            value = self._stem(field) if stems else self._path(field)
            parts.append(f"SELECT {value} AS path FROM {self.qualified(*table.identity)} AS t")
        statement = (
            f"SELECT r.path, count(*) FROM ({' UNION ALL '.join(parts)}) AS r "
            f"WHERE r.path IN (SELECT keys.k0 FROM {source}) GROUP BY r.path"
        )
        with self._doing(f"looking once more at {', '.join(map(str, columns))}"):
            for rows in self._stream(statement, parameters):
                counts.update((self._to_bytes(path), count) for path, count in rows)
        return counts

    def references_by_name(self, columns: Sequence[Column], names: Iterable[bytes]) -> list[bytes]:
        """All paths in the columns whose last part is one of the names."""
        keys = self._path_keys(names)
        if keys is None:
            return []
        source, parameters = keys
        parts = []
        for column in columns:
            table = self.path_column(column)
            field = f"t.{self.quote(column.name)}"
            parts.append(
                f"SELECT {self._path(field)} AS path, {self._name(field)} AS name "
                f"FROM {self.qualified(*table.identity)} AS t"
            )
        statement = f"SELECT r.path FROM {source} JOIN ({' UNION ALL '.join(parts)}) AS r ON r.name = keys.k0"
        found: list[bytes] = []
        with self._doing(f"looking for names in {', '.join(map(str, columns))}"):
            for rows in self._stream(statement, parameters):
                found += [self._to_bytes(path) for (path,) in rows]
        return found

    def recorded_contents(
        self, columns: Sequence[Column], paths: Iterable[bytes]
    ) -> Iterator[tuple[bytes, str | None, str | None]]:
        """Yield (path, size, checksum) as the rows that name these paths have them, both as text."""
        telling = [column for column in columns if column.size or column.checksum]
        keys = self._path_keys(paths) if telling else None
        if keys is None:
            return
        source, parameters = keys
        parts = []
        for column in telling:
            table = self.path_column(column)
            size, checksum = self._as_text_column(column.size), self._as_text_column(column.checksum)
            parts.append(
                f"SELECT {self._path(f't.{self.quote(column.name)}')} AS path, "
                f"{size} AS size, {checksum} AS checksum FROM {self.qualified(*table.identity)} AS t"
            )
        statement = (
            f"SELECT r.path, r.size, r.checksum FROM {source} "
            f"JOIN ({' UNION ALL '.join(parts)}) AS r ON r.path = keys.k0"
        )
        with self._doing(f"reading sizes and checksums beside {', '.join(map(str, telling))}"):
            for rows in self._stream(statement, parameters):
                for path, size, checksum in rows:
                    yield self._to_bytes(path), size, checksum

    def _as_text_column(self, name: str | None) -> str:
        return f"CAST(t.{self.quote(name)} AS text)" if name else "CAST(NULL AS text)"

    def references_by_size(self, columns: Sequence[Column], sizes: Iterable[int]) -> list[bytes]:
        """All paths whose row says that the file has one of these sizes, and has a checksum of it."""
        telling = [column for column in columns if column.size and column.checksum]
        wanted = sorted(set(sizes))
        if not wanted or not telling:
            return []
        parts = []
        for column in telling:
            table = self.path_column(column)
            parts.append(
                f"SELECT {self._path(f't.{self.quote(column.name)}')} AS path, "
                f"{self._as_text_column(column.size)} AS size FROM {self.qualified(*table.identity)} AS t "
                f"WHERE t.{self.quote(column.name)} <> ''"
            )
        source, parameters = self._keys(["text"], [(str(size),) for size in wanted])
        statement = f"SELECT r.path FROM {source} JOIN ({' UNION ALL '.join(parts)}) AS r ON r.size = keys.k0"
        found: list[bytes] = []
        with self._doing(f"looking for sizes beside {', '.join(map(str, telling))}"):
            for rows in self._stream(statement, parameters):
                found += [self._to_bytes(path) for (path,) in rows]
        return found

    @abstractmethod
    def estimate_references(self, columns: Sequence[Column]) -> int:
        """About how many paths the columns hold, to tell somebody who waits; it may be far off."""

    def _holding(self, column: Column) -> str:
        """The rows that hold a path in a column, as what follows FROM."""
        table = self.path_column(column)
        return f"{self.qualified(*table.identity)} AS t WHERE t.{self.quote(column.name)} <> ''"

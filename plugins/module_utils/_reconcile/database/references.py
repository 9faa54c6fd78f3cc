# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The references: all paths that columns hold, and what the database knows of some of them."""

from __future__ import annotations

from abc import abstractmethod
from typing import Iterable, Iterator, Sequence

from ..config.site import Column
from ..errors import SiteError
from .catalog import ColumnType, Table
from .statements import Statements


class References(Statements):
    """Reads references. All methods raise SiteError for a column that cannot hold any."""

    def path_column(self, column: Column) -> Table:
        """Find the table of a column that holds paths; raises SiteError if there is none such."""
        table = self.table(column.table)
        kind = self.column(table, column.name)
        if not kind.holds_paths:
            raise SiteError(
                f"column {column} has the type {kind.declared or 'unknown'}, which cannot hold a path. "
                "Use the column of the FileField or ImageField."
            )
        for name in (column.size, column.checksum):
            if name:
                self.column(table, name)
        return table

    def references(self, columns: Sequence[Column]) -> Iterator[list[bytes]]:
        """Yield all references of the columns, in byte order, in lists of a bounded length.

        A path that several rows reference is yielded as often. Empty paths are not. Of a value that is
        longer than a path can be, the beginning is yielded, which still is too long; so it is throughout.
        """
        parts = [self._paths_of(column, where_filled=True) for column in columns]
        statement = f"SELECT path FROM ({' UNION ALL '.join(parts)}) AS reference ORDER BY path"
        with self._doing(f"reading {', '.join(map(str, columns))}"):
            yield from self._stream_paths(statement)

    def sample_values(self, column: Column, rows: int) -> Iterator[list[bytes]]:
        """Yield the different values in so many rows of a column, in lists of a bounded length."""
        paths = f"{self._paths_of(column, where_filled=True)} LIMIT {int(rows)}"
        with self._doing(f"reading some values of {column}"):
            # Not by what streams all paths of a site, and copies them first where readers hold up writers.
            found = list(self._stream(f"SELECT DISTINCT path FROM ({paths}) AS sample", []))
        for some in found:
            yield [self.dialect.path_bytes(path) for (path,) in some]

    def newest_references(self, column: Column, order: str, rows: int) -> list[bytes]:
        """The different paths in so many rows of a column, those first that another column sorts last."""
        by = self.dialect.field("t", order)
        # NULL sorts last in one database and first in another.
        nulls = f"{by} IS NULL, " if self.column(self.path_column(column), order).nullable else ""
        statement = f"{self._paths_of(column, where_filled=True)} ORDER BY {nulls}{by} DESC LIMIT {int(rows)}"
        with self._doing(f"reading the newest rows of {column}"):
            found = [path for some in self._stream(statement, []) for (path,) in some]
        return [self.dialect.path_bytes(path) for path in dict.fromkeys(found)]

    def count_references(
        self, columns: Sequence[Column], paths: Iterable[bytes], stems: bool = False
    ) -> dict[bytes, int]:
        """Count for each path the rows that reference it now; paths that none references are left out.

        With ``stems``, the paths and the references are compared without their extension.
        """
        among = self._among("r.path", paths)
        counts: dict[bytes, int] = {}
        if among is None:
            return counts
        is_asked, parameters = among
        parts = [
            f"SELECT {self._compared(column, stems)} AS path FROM {self._rows_of(column)}"
            for column in columns
        ]
        statement = (
            f"SELECT r.path, count(*) FROM ({' UNION ALL '.join(parts)}) AS r "
            f"WHERE {is_asked} GROUP BY r.path"
        )
        with self._doing(f"checking references in {', '.join(map(str, columns))}"):
            for rows in self._stream(statement, parameters):
                counts.update((self.dialect.path_bytes(path), count) for path, count in rows)
        return counts

    def references_by_name(self, columns: Sequence[Column], names: Iterable[bytes]) -> list[bytes]:
        """All references of the columns whose last part is one of the names."""
        keys = self._path_keys(names)
        if keys is None:
            return []
        source, parameters = keys
        parts = [
            self._paths_of(column, f"{self.dialect.name(self._whole(column))} AS name") for column in columns
        ]
        statement = (
            f"SELECT r.path FROM {source} JOIN ({' UNION ALL '.join(parts)}) AS r ON r.name = wanted.k0"
        )
        found: list[bytes] = []
        with self._doing(f"searching {', '.join(map(str, columns))} for file names"):
            for rows in self._stream(statement, parameters):
                found += [self.dialect.path_bytes(path) for (path,) in rows]
        return found

    def recorded_contents(
        self, columns: Sequence[Column], paths: Iterable[bytes]
    ) -> Iterator[tuple[bytes, str | None, str | None]]:
        """Yield (path, size, checksum) as the rows that reference these paths record them, as text.

        Columns that record neither are left out.
        """
        recording = [column for column in columns if column.size or column.checksum]
        keys = self._path_keys(paths) if recording else None
        if keys is None:
            return
        source, parameters = keys
        parts = [
            self._paths_of(
                column,
                f"{self._text_or_null(column.size)} AS size",
                f"{self._text_or_null(column.checksum)} AS checksum",
            )
            for column in recording
        ]
        statement = (
            f"SELECT r.path, r.size, r.checksum FROM {source} "
            f"JOIN ({' UNION ALL '.join(parts)}) AS r ON r.path = wanted.k0"
        )
        with self._doing(f"reading sizes and checksums beside {', '.join(map(str, recording))}"):
            for rows in self._stream(statement, parameters):
                for path, size, checksum in rows:
                    yield self.dialect.path_bytes(path), size, checksum

    def references_by_size(self, columns: Sequence[Column], sizes: Iterable[int]) -> list[bytes]:
        """All references whose row records one of these sizes (bytes), and a checksum beside it."""
        recording = [column for column in columns if column.size and column.checksum]
        wanted = sorted(set(sizes))
        if not wanted or not recording:
            return []
        parts = [
            self._paths_of(column, f"{self._text_or_null(column.size)} AS size", where_filled=True)
            for column in recording
        ]
        source, parameters = self._keys(["text"], [(str(size),) for size in wanted])
        statement = (
            f"SELECT r.path FROM {source} JOIN ({' UNION ALL '.join(parts)}) AS r ON r.size = wanted.k0"
        )
        found: list[bytes] = []
        with self._doing(f"searching sizes beside {', '.join(map(str, recording))}"):
            for rows in self._stream(statement, parameters):
                found += [self.dialect.path_bytes(path) for (path,) in rows]
        return found

    @abstractmethod
    def estimate_references(self, columns: Sequence[Column]) -> int:
        """About how many references the columns hold, for a progress display; it may be far off."""

    def _paths_of(self, column: Column, *others: str, where_filled: bool = False) -> str:
        """The query for the paths in a column, and other expressions beside them."""
        path = f"{self.dialect.read_path(self._whole(column), self._type_of_whole(column))} AS path"
        rows = self._filled_rows_of(column) if where_filled else self._rows_of(column)
        return f"SELECT {', '.join([path, *others])} FROM {rows}"

    def _compared(self, column: Column, stems: bool) -> str:
        """What a column holds, as it is compared with paths, or with their stems."""
        whole = self._whole(column)
        return self.dialect.stem(whole) if stems else self.dialect.path(whole, self._type_of_whole(column))

    def _type_of_whole(self, column: Column) -> ColumnType | None:
        """The type of what ``_whole`` says, where that is the column as it stands."""
        return None if column.prefix else self.path_column(column).columns[column.name]

    def _whole(self, column: Column) -> str:
        """What a column holds, as a path in the media store: the database compares and sorts the whole."""
        value = self.dialect.field("t", column.name)
        return self.dialect.below(column.prefix, value) if column.prefix else value

    def _rows_of(self, column: Column) -> str:
        """The rows of a column's table, as what follows FROM. A prefix makes no path of nothing."""
        if column.prefix:
            return self._filled_rows_of(column)
        return self.dialect.every_row(self.path_column(column), "t")

    def _filled_rows_of(self, column: Column) -> str:
        """The rows that hold a path in a column, as what follows FROM."""
        filled = self.dialect.is_filled(self.dialect.field("t", column.name))
        return f"{self.dialect.every_row(self.path_column(column), 't')} WHERE {filled}"

    def _text_or_null(self, name: str | None) -> str:
        return self.dialect.as_text(self.dialect.field("t", name) if name else "NULL")

# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Deleting rows that reference each other, where the server checks foreign keys with each row."""

from __future__ import annotations

from typing import Any, Sequence

from ..catalog import ForeignKey, Table
from ..dialect import Matching
from .catalog import MySQLCatalog


class LeavesFirst(MySQLCatalog):
    """Deletes rows in such an order that none is referenced by another one of its table when it goes."""

    _links: list[ForeignKey] | None = None

    def _links_within(self, table: Table) -> list[ForeignKey]:
        if self._links is None:
            # Reading them takes long where there are many tables, and there are many deletions.
            self._links = self.foreign_keys()
        return [
            link
            for link in self._links
            if table.identity == (link.schema, link.table) == (link.target_schema, link.target_table)
        ]

    def _delete(
        self, table: Table, alias: str, matching: Matching, parameters: Sequence[Any], condition: str = ""
    ) -> int:
        deleted = 0
        links = self._links_within(table)
        if links:
            leaves = self.dialect.delete_leaves(table, alias, links, matching, condition)
            doing = f"deleting rows of {table.name} that no other one references"
            found = self._change(doing, table, leaves, parameters)
            while found:
                deleted += found
                found = self._change(doing, table, leaves, parameters)
            if self._number(
                f"counting rows of {table.name} that reference each other in a circle",
                self.dialect.count(table, alias, matching, condition),
                parameters,
            ):
                self.defer_foreign_keys()
        return deleted + super()._delete(table, alias, matching, parameters, condition)

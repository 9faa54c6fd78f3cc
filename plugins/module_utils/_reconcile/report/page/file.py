# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The page of a run of the command, made of what is emitted and written as a whole."""

from __future__ import annotations

import platform
from types import TracebackType
from typing import Any, Mapping

from ...config.options import REPORT_BYTES
from ...errors import CleanupError
from ...text import printable
from ..lists import BESIDE_LISTS, ListFile
from .page import Part, page, read_documents


class PageFile:
    """A page that is written once all documents have come, privately; else not at all. A context manager."""

    def __init__(self, path: str, kind: str, site: str) -> None:
        self._file = ListFile(path, "the page")
        self._kind = kind
        self._site = site
        self._texts: list[str] = []
        self._length = 0

    def __enter__(self) -> PageFile:
        self._file.__enter__()
        return self

    def emit(self, text: str | None) -> None:
        """Take a part of the documents; None says that they are whole."""
        if text is None:
            documents = read_documents("".join(self._texts), self._kind)
            self._file.emit(page(list(map(self._part, documents)), self._kind))
            self._file.emit(None)
            return
        self._length += len(text)
        if self._length > REPORT_BYTES + BESIDE_LISTS:
            raise CleanupError(f"what came for the page is longer than {REPORT_BYTES:,} bytes.")
        self._texts.append(text)

    def _part(self, document: Mapping[str, Any]) -> Part:
        # A process speaks for its own site alone.
        own = {**document, "site": printable(self._site)}
        return Part(platform.node(), document["heading"], own)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.__exit__(kind, error, traceback)

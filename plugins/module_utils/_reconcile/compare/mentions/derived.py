# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Keeps a derived file with a source that is mentioned, and a source with a derived file that is."""

from __future__ import annotations

import posixpath
from typing import Iterable, Iterator, Sequence

from ...kept import Code, Doubt
from ...media.derived import DerivedPattern, Source, is_playlist, sources_of
from ...media.paths import stem
from ...text import escaped


def with_mentioned(
    patterns: Sequence[DerivedPattern], paths: Iterable[bytes], mentioned: Iterable[bytes]
) -> dict[bytes, Doubt]:
    """Those of some files that are to be kept with files that are mentioned: all of one source, and that."""
    derived: dict[Source, list[bytes]] = {}
    siblings: dict[Source, list[bytes]] = {}
    sources: dict[Source, list[bytes]] = {}
    for path in paths:
        for source in sources_of(patterns, path):
            derived.setdefault(source, []).append(path)
            siblings.setdefault(_by_stem(source), []).append(path)
        for source in _as_source(path):
            sources.setdefault(source, []).append(path)
    doubts: dict[bytes, Doubt] = {}
    for kept in mentioned:
        for source in _as_source(kept):
            reason = f"it is derived from '{escaped(kept)}', which is mentioned"
            doubts.update(dict.fromkeys(derived.get(source, ()), Doubt(Code.DERIVED, reason)))
        for source in sources_of(patterns, kept):
            reason = f"it has one source with '{escaped(kept)}', which is mentioned"
            doubts.update(dict.fromkeys(siblings.get(_by_stem(source), ()), Doubt(Code.DERIVED, reason)))
            reason = f"'{escaped(kept)}' is derived from it, and is mentioned"
            doubts.update(dict.fromkeys(sources.get(source, ()), Doubt(Code.UNLISTED, reason)))
    return doubts


def _by_stem(source: Source) -> Source:
    """A source by what all patterns say of it: some leave out its extension."""
    return source if source.is_folder else Source(stem(source.path), is_stem=True)


def _as_source(path: bytes) -> Iterator[Source]:
    """A file as what patterns say of the source of another one."""
    yield Source(path, is_stem=False)
    yield Source(stem(path), is_stem=True)
    if is_playlist(path):
        yield Source(posixpath.dirname(path), is_stem=False, is_folder=True)

# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""What the search for patterns asks the database: each question may be a pass over the whole table."""

from __future__ import annotations

from typing import AbstractSet

import pytest

from engine import spool
from engine.compare import likely_derived
from engine.compare.folders.unreferenced import Seen, seen_files
from engine.compare.likely_derived import LikelyDerived
from engine.media.store import FileState

pytestmark = pytest.mark.promise(11)


def test_of_more_repeated_patterns_than_memory_holds_each_counts_as_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(likely_derived, "MOST_PATTERNS", 4)
    kept: list[bytes] = []
    seen = seen_files()
    for name in (b"a", b"b", b"c", b"z"):
        for number in range(9 if name < b"z" else 1):
            path = b"p/%b-%d.jpg" % (name, number if name < b"z" else 99)
            seen.append(Seen(path, FileState("file", 1, number, 1, 1, 1), False))
    search = LikelyDerived(lambda stems: stems, frozenset(), lambda path, _code, _reason: kept.append(path))
    search.learn(seen)
    assert len([*search.left(seen)]) == len(kept) == 28


def test_the_files_beside_candidates_cost_no_question(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "CHUNK", 10)
    asked: list[AbstractSet[bytes]] = []

    def referenced(stems: AbstractSet[bytes]) -> AbstractSet[bytes]:
        asked.append(stems)
        return frozenset()

    seen = seen_files()
    for number in range(10):
        seen.append(Seen(b"p/IMG_%02d-a.jpg" % number, None, True))
        seen.append(Seen(b"p/IMG_%02d.jpg" % number, FileState("file", 1, number, 1, 1, 1), False))
        seen.append(Seen(b"p/IMG_%02d_b.jpg" % number, None, True))
    LikelyDerived(referenced, frozenset(), lambda _path, _guess: None).learn(seen)
    assert [len(stems) for stems in asked] == [10]

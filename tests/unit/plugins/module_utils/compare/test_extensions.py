# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""The references with some stems, found by whole paths where references have few extensions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.compare.names.extensions import Extensions
from engine.media.paths import stem

PATHS = st.lists(st.text("ab./", min_size=1, max_size=9).map(str.encode), min_size=1)


def noted(*lists: list[bytes]) -> Extensions:
    extensions = Extensions()
    for references in lists:
        extensions.note(references)
    return extensions


@given(PATHS, st.sets(st.text("ab./", min_size=1, max_size=6).map(str.encode)))
def test_the_paths_with_a_stem_are_all_references_with_it(references: list[bytes], stems: set[bytes]) -> None:
    wanted = stems | {stem(path) for path in references[::2]}
    paths = noted(references[:3], references[3:]).paths_with(wanted)
    if paths is not None:
        found = {path for path in references if stem(path) in wanted and stem(path) != path}
        assert found == paths.intersection(references)


def test_few_extensions_are_known() -> None:
    extensions = noted([b"p/ann.jpg", b"p/bob.tar.gz"], [b"p/cid.WEBP"])
    assert extensions.paths_with({b"p/ann", b"q/dot."}) == {
        *(b"p/ann.jpg", b"p/ann.gz", b"p/ann.WEBP", b"q/dot..jpg", b"q/dot..gz", b"q/dot..WEBP")
    }


@pytest.mark.parametrize(
    "references",
    [
        [],
        [b"p/ann"],
        [b"p/ann.jpg", b"p/bob.geojson"],
        [b"p/ann.jpg", b"p.d/bo"],
        [b"p/ann.jpg?v=1"],
        [b"p/ann.%d" % number for number in range(100)],
    ],
)
def test_where_there_are_others_they_are_not_known(references: list[bytes]) -> None:
    assert noted(references, [b"p/ann.jpg"] if references else []).paths_with({b"p/ann"}) is None

# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""What a listing said of its objects: nothing of it is lost or mistaken on its way over the disk."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.media.s3 import listed
from engine.media.s3.listed import ListedObjects, keys_of, lines_of
from engine.media.s3.page_reader import Entry

KEYS = st.text(
    st.one_of(st.sampled_from("\0\1\2\3/a "), st.characters(blacklist_categories=("Cs",))), min_size=1
)
ENTRIES = st.builds(
    Entry, KEYS, st.integers(0, 1 << 50), st.integers(0, 1 << 62), st.text('ab-0 "', max_size=4)
)


@pytest.mark.promise(8)
@given(st.lists(ENTRIES, unique_by=lambda entry: entry.key), KEYS)
@example(
    [Entry("a", 1, 1, ""), Entry("a\0", 2, 2, "x"), Entry("a\1", 3, 3, ""), Entry("a/b", 4, 4, "")], "a\2"
)
@example([Entry("a\1\1", 1, 1, "")], "a")
def test_objects_sort_by_their_keys_and_are_found_as_they_were_listed(
    entries: list[Entry], other: str
) -> None:
    lines = sorted(lines_of(entries))
    assert keys_of(lines) == sorted(entry.key.encode() for entry in entries)
    assert not any(b"\0" in line for line in lines)
    objects = ListedObjects()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(listed, "_CHUNK", 2)
        objects.add(lines[:3])
        objects.add(lines[3:])
    assert [objects.get(entry.key) for entry in entries] == entries
    assert objects.get(other) == next((entry for entry in entries if entry.key == other), None)

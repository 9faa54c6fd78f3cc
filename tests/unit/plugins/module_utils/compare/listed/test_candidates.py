# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""A list of candidates: what its forms say, and what is no path; and the references beside them."""

from __future__ import annotations

import os
import tracemalloc
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.compare.folders.unreferenced import Neighbours
from engine.compare.listed import candidates
from engine.compare.listed.beside import EvenSample, ReferencedFiles, ReferencesBeside
from engine.compare.listed.candidates import CandidateList
from engine.errors import SiteError
from helpers.builders import NAMES, cut


def listed(file: Path, media_root: bytes = b"/srv/media") -> tuple[list[bytes], dict[bytes, str]]:
    """The paths of a list, and why others are none."""
    refused: dict[bytes, str] = {}
    job: Any = SimpleNamespace(candidates=os.fsencode(file), site=SimpleNamespace(media_root=media_root))
    paths = [path for some in CandidateList(job).paths(refused.__setitem__) for path in some]
    return paths, refused


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "candidates"


def test_lines_in_any_order_and_more_than_once_are_paths_in_byte_order(file: Path) -> None:
    file.write_bytes(b"p/b.jpg\n\np/\xff \r.jpg\np/a.jpg\np/b.jpg\np/100%25.jpg")
    assert listed(file) == ([b"p/100%25.jpg", b"p/a.jpg", b"p/b.jpg", b"p/\xff \r.jpg"], {})


def test_paths_with_a_nul_behind_them_may_hold_newlines(file: Path) -> None:
    file.write_bytes(b"p/b\n.jpg\0key\0p/a.jpg\0")
    assert listed(file) == ([b"key", b"p/a.jpg", b"p/b\n.jpg"], {})


def test_keys_of_csv_are_decoded_and_lie_below_the_prefix(file: Path) -> None:
    file.write_text(
        '"Bucket","Key","size"\r\n'
        '"site","media/p/a+b%2B%0A.jpg","7"\r\n'
        '"site","media/Caf%C3%A9.jpg","7"\r\n'
        '"other","media/p/c.jpg","7"\r\n'
        '"site","media-old/p/d.jpg","7"\r\n'
        '"site","media/%00","7"\r\n'
        '"site"\r\n'
    )
    paths, refused = listed(file, b"s3://site/media")
    assert paths == ["Café.jpg".encode(), b"p/a b+\n.jpg"]
    assert refused == {
        b"media/p/c.jpg": "is in another bucket",
        b"media-old/p/d.jpg": "is not below the prefix of media_root",
        b"\0": "holds a NUL byte",
        b"": "is not below the prefix of media_root",
    }


@pytest.mark.promise(5)
@pytest.mark.parametrize(
    "path",
    [
        b"/etc/passwd",
        b"../a.jpg",
        b"p/../../a.jpg",
        b"p//a.jpg",
        b"p/",
        b"./a.jpg",
        b"p/./a.jpg",
        b"s3://other/p/a.jpg",
        b"n" * 5000,
    ],
)
def test_what_is_no_path_of_the_store_is_refused(file: Path, path: bytes) -> None:
    file.write_bytes(path + b"\np/good.jpg\n")
    paths, refused = listed(file)
    assert paths == [b"p/good.jpg"]
    assert list(refused) == [path]


def test_what_is_no_list_is_refused_without_waiting(tmp_path: Path, file: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for path, why in ((tmp_path / "fifo", "no regular file"), (tmp_path, "no regular file")):
        with pytest.raises(SiteError, match=why):
            listed(path)
    with pytest.raises(SiteError, match="No such file"):
        listed(file)
    with file.open("wb") as sparse:
        sparse.truncate(1 << 30)
        sparse.write(b"\n")
    file.write_bytes(b"n" * (1 << 20))
    with pytest.raises(SiteError, match="is no path"):
        listed(file)
    file.write_text('key\n"photos/a.jpg\n' + "photos/b.jpg\n" * 20_000)
    with pytest.raises(SiteError, match="no CSV"):
        listed(file)


@pytest.mark.promise(11)
def test_memory_does_not_grow_with_the_list(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The peak for five times as many lines, in no order, is that of the fewer ones."""
    monkeypatch.setattr(candidates, "PATHS_IN_MEMORY", 2_000)
    peaks = []
    for lines in (30_000, 150_000):
        file.write_text("".join(f"photos/{number * 7919 % lines:08}.jpg\n" for number in range(lines)))
        job: Any = SimpleNamespace(candidates=os.fsencode(file), site=SimpleNamespace(media_root=b"/srv"))
        tracemalloc.start()
        assert sum(map(len, CandidateList(job).paths(lambda _path, _why: None))) == lines
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] * 1.5


PATHS = st.sets(st.lists(NAMES, min_size=1, max_size=3).map(b"/".join), max_size=20).map(sorted)


@given(candidates=PATHS, references=PATHS, sizes=st.lists(st.integers(1, 4), max_size=3), data=st.data())
def test_the_references_beside_candidates_are_those_of_a_listing(
    candidates: list[bytes], references: list[bytes], sizes: list[int], data: st.DataObject
) -> None:
    """Where each reference has a file, a listing would show the same neighbours of each candidate."""
    several = sorted(references + data.draw(st.lists(st.sampled_from(references or [b"a"]), max_size=3)))
    several = [path for path in several if path in references]
    merge = ReferencesBeside(iter(list(cut(several, sizes))))
    found = [pair for some in cut(candidates, sizes) for pair in merge.beside(some)] + list(merge.behind())
    unreferenced = [path for path in candidates if path not in references]
    files = sorted({*candidates, *references})
    expected = set(Neighbours().of(files, unreferenced))
    assert [path for path, is_referenced in found if not is_referenced] == unreferenced
    assert found == sorted(found, key=lambda pair: pair[0])
    # What a listing has beside a candidate, and no more than references.
    assert expected <= set(found)
    assert {path for path, is_referenced in found if is_referenced} <= set(references)
    merge.finish()
    assert merge.count == len(several)


@given(count=st.integers(0, 3000), sizes=st.lists(st.integers(1, 700), max_size=4))
def test_a_sample_is_bounded_and_even(count: int, sizes: list[int]) -> None:
    sample = EvenSample()
    values = [b"%06d" % number for number in range(count)]
    for some in cut(values, sizes):
        sample.add(some)
    assert sample.count == count
    assert min(count, 200) <= len(sample.values) <= 400
    steps = {int(after) - int(before) for before, after in zip(sample.values, sample.values[1:])}
    assert len(steps) <= 1
    assert sample.values[:1] == values[:1]


class _Store:
    """A store in which every second file is there."""

    def files_among(self, paths: Any) -> set[bytes]:
        return {path for path in paths if path[-1:] in b"02468"}


def test_referenced_files_are_estimated_by_what_references_lead_to() -> None:
    found = ReferencedFiles([b"p", b"q"])
    references = sorted(b"%s/%04d" % (folder, number) for folder in (b"o", b"p") for number in range(1000))
    for some in cut(sorted(references * 2), [7]):
        found.hear(some)
    store: Any = _Store()
    estimates = found.estimates(store)
    # Each counts once, however many rows hold it.
    assert 450 <= estimates[b"p"] <= 1000
    assert estimates[b"q"] == 0

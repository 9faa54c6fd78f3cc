# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""What is written of a batch is read as it was written, and what a damage has left is told."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import CleanupError, QuarantineError, SiteError
from engine.quarantine import lines
from engine.quarantine import store as quarantine
from engine.quarantine.archived_rows import ArchivedRows
from engine.quarantine.format import MANIFEST, ROWS, QuarantinedFile, as_path, as_text

ROW_LINE: dict[str, Any] = {
    "action": "deleted",
    "schema": "public",
    "table": "photo",
    "files": [],
    "key": ["id"],
    "row": {"id": 1},
}


@given(st.binary())
def test_a_path_of_any_bytes_goes_through_json(path: bytes) -> None:
    assert as_path(json.loads(json.dumps(as_text(path)))) == path


@given(st.binary(min_size=1), st.integers(min_value=0), st.integers())
def test_a_line_is_json_in_one_line(path: bytes, size: int, moment: int) -> None:
    file = QuarantinedFile(1, path, size, moment, moment, 0, 0, 0o644, "companion")
    as_json = json.dumps({**file._asdict(), "path": as_text(path)})
    assert file.as_line() == as_json.encode() + b"\n"


@pytest.mark.parametrize(
    ("number", "stored"),
    [
        (0, "00000/000000000"),
        (9_999, "00000/000009999"),
        (10_000, "00001/000010000"),
        (10**9, "100000/1000000000"),
    ],
)
def test_files_are_spread_over_folders(number: int, stored: str) -> None:
    file = QuarantinedFile(number, b"a", 1, 2, 3, 4, 5, 6, "orphan")
    assert file.stored == stored == f"{file.folder}/{file.name}"


def test_a_batch_tells_what_it_holds(kept: Any) -> None:
    name = kept.batch(b"a", b"b\xff\n")
    (kept.folder / name / "files" / "00000" / "000000000").unlink()
    with quarantine.opened(kept.quarantine, name) as batch:
        header, files = batch.manifest()
        assert (header["batch"], header["job"], header["site"], header["file_system"]) == (
            name,
            "orphans",
            "kit",
            7,
        )
        first, second = files
        assert [(file.path, batch.holds(file)) for file in (first, second)] == [
            (b"a", False),
            (b"b\xff\n", True),
        ]
        assert batch.folder_of(second).has(second.name)
        elsewhere = second._replace(number=10_000)
        assert not batch.holds(elsewhere)
        with pytest.raises(FileNotFoundError):
            batch.folder_of(elsewhere)
        assert batch.holds(second)


FILE_LINE = json.loads(QuarantinedFile(1, b"a", 2, 3, 4, 5, 6, 7, "orphan").as_line())
NO_FILES: list[dict[str, Any]] = [
    {"number": "1"},
    {"number": -1},
    {"number": 1.5},
    {"number": None},
    {"path": ""},
    {"path": ["a"]},
    {"size": -1},
    {"size": [2]},
    {"mode": "rw"},
    {"reason": None},
    {"more": 1},
]
NO_ROWS: list[dict[str, Any]] = [{"action": 1}, {"table": None}, {"files": "a"}, {"row": []}, {"more": 1}]


@pytest.mark.parametrize("change", NO_ROWS)
def test_a_line_that_describes_no_row_is_reported(kept: Any, change: dict[str, Any]) -> None:
    with kept.writer("missing") as writer:
        writer.archive([{**ROW_LINE, **change}])
    with quarantine.opened(kept.quarantine, writer.name) as batch, pytest.raises(
        QuarantineError, match="describes no row"
    ):
        ArchivedRows(batch)


@pytest.mark.parametrize("change", [{"moment": "yesterday"}, {"file_system": None}, {"media_root": 1}])
def test_a_batch_with_a_damaged_first_line_does_not_stop_the_others(
    kept: Any, change: dict[str, Any]
) -> None:
    damaged, name = kept.batch(b"a"), kept.batch(b"b")
    manifest = kept.folder / damaged / MANIFEST
    first, rest = manifest.read_text().split("\n", 1)
    manifest.write_text(json.dumps({**json.loads(first), **change}) + "\n" + rest)
    infos, unreadable = quarantine.survey(kept.quarantine)
    assert [info.name for info in infos] == [name]
    assert len(unreadable) == 1
    assert damaged in unreadable[0]
    assert quarantine.last_file_system(kept.site) == 7


@pytest.mark.promise(11)
def test_a_line_that_fits_no_memory_is_reported(kept: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "LONGEST_LINE", 1000)
    name = kept.batch(b"a")
    with open(kept.folder / name / MANIFEST, "ab") as manifest:
        manifest.write(b"x" * 1001)
    with quarantine.opened(kept.quarantine, name) as batch, pytest.raises(
        QuarantineError, match="of more than 1,000 bytes"
    ):
        list(batch.files())


def test_a_row_that_could_not_be_read_again_is_not_written(
    kept: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quarantine, "LONGEST_LINE", 1000)
    with kept.writer("missing") as writer, pytest.raises(
        QuarantineError, match="too long for the quarantine"
    ):
        writer.archive([{**ROW_LINE, "row": {"text": "x" * 1000}}])


def test_batches_of_one_moment_keep_their_order(kept: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 1_000_000.0)
    names = [kept.batch(b"a%d" % number) for number in range(12)]
    assert kept.names == names


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"\0\0\n", "holds a line that is no JSON object"),
        (b"[1]\n", "holds a line that is no JSON object"),
        (b"[" * 100_000 + b"\n", "holds a line that is no JSON object"),
        (b'{"path": "a"}\n', "holds a line that describes no file"),
        (b'{"path": 1}\n', "holds a line that describes no file"),
        (b'{"number": 1}\n', "holds a line that describes no file"),
        *((json.dumps({**FILE_LINE, **change}).encode() + b"\n", "describes no file") for change in NO_FILES),
    ],
)
def test_a_damaged_line_is_told(kept: Any, line: bytes, words: str) -> None:
    name = kept.batch(b"a")
    with open(kept.folder / name / MANIFEST, "ab") as manifest:
        manifest.write(line)
    with quarantine.opened(kept.quarantine, name) as batch, pytest.raises(QuarantineError, match=words):
        list(batch.files())


def test_a_line_that_was_cut_short_is_none(kept: Any) -> None:
    name = kept.batch(b"a")
    with open(kept.folder / name / MANIFEST, "ab") as manifest:
        manifest.write(b'{"number": 1, "pa')
    with quarantine.opened(kept.quarantine, name) as batch:
        assert [file.path for file in batch.files()] == [b"a"]


def test_another_format_is_told(kept: Any) -> None:
    name = kept.batch(b"a")
    manifest = kept.folder / name / MANIFEST
    manifest.write_text(manifest.read_text().replace('"format": 1', '"format": 2'))
    with quarantine.opened(kept.quarantine, name) as batch, pytest.raises(
        SiteError, match="has the format 2"
    ):
        batch.manifest()


def batch_with_rows(kept: Any, rolled_back: bool = False) -> str:
    with kept.writer("missing") as writer:
        writer.archive({**ROW_LINE, "row": {"id": number}} for number in range(5))
        writer.archive({**ROW_LINE, "row": {"id": number}} for number in range(5, 7))
        name = str(writer.name)
        if rolled_back:
            writer.roll_back()
            assert writer.name == ""
    return name


def test_rows_are_read_by_number_and_in_order(kept: Any) -> None:
    with quarantine.opened(kept.quarantine, batch_with_rows(kept)) as batch:
        rows = ArchivedRows(batch)
        assert len(rows) == 7
        assert [rows[number]["row"]["id"] for number in (6, 0, 3)] == [6, 0, 3]
        assert list(rows) == list(batch.rows())
        assert [row["row"]["id"] for row in rows] == list(range(7))


def test_rows_that_never_went_are_none(kept: Any) -> None:
    with quarantine.opened(kept.quarantine, batch_with_rows(kept, rolled_back=True)) as batch:
        assert not batch.has_rows()
        assert (len(ArchivedRows(batch)), list(ArchivedRows(batch)), list(batch.rows())) == (0, [], [])


@pytest.mark.parametrize("name", [MANIFEST, ROWS])
def test_a_file_that_was_exchanged_for_a_link_is_not_read(kept: Any, tmp_path: Path, name: str) -> None:
    batch_name = batch_with_rows(kept)
    (kept.folder / batch_name / name).rename(tmp_path / name)
    (kept.folder / batch_name / name).symlink_to(tmp_path / name)
    infos, unreadable = quarantine.survey(kept.quarantine)
    assert infos == []
    assert f"{name}' is a symbolic link, not a regular file" in unreadable[0]
    with quarantine.opened(kept.quarantine, batch_name) as batch, pytest.raises(
        CleanupError, match="is a symbolic link, not a regular file"
    ), quarantine.in_words():
        ArchivedRows(batch)

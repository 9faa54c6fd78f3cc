# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

from __future__ import annotations

import errno

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.errors import CleanupError, DatabaseError, SiteError
from engine.text import escaped, escaped_value, printable, remedy


@pytest.mark.promise(8)
@given(st.binary())
@example(b"\xe2\x80\xa8")
@example(b"\xed\xa0\x80")
def test_an_escaped_name_is_one_line_of_printable_utf8(name: bytes) -> None:
    shown = escaped(name)
    assert shown.isprintable()
    assert len(shown.splitlines()) <= 1
    assert shown.encode() is not None


@pytest.mark.promise(8)
@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (b"photos/a b.jpg", "photos/a b.jpg"),
        ("Café.jpg".encode(), "Café.jpg"),
        (b"\xff\xfe.jpg", r"\xff\xfe.jpg"),
        (b"a\nb\tc\x1b[31m", r"a\nb\tc\x1b[31m"),
        ("a\u202egpj.exe".encode(), r"a\u202egpj.exe"),
    ],
)
def test_escapes_show_what_would_not_print(name: bytes, shown: str) -> None:
    assert escaped(name) == shown


@pytest.mark.promise(8)
@pytest.mark.parametrize(
    ("value", "shown"),
    [(17, "17"), ("a\nb", r"a\nb"), (b"\xff", r"\xff"), ("\udcff", r"\xff"), (None, "None"), (1.5, "1.5")],
)
def test_a_value_of_any_type_can_be_shown(value: object, shown: str) -> None:
    assert escaped_value(value) == shown


@pytest.mark.promise(8)
@given(st.text())
@example("a\x1b]0;x\x07")
@example("a\u202eb\rc\x85d\u2028e")
def test_text_for_a_terminal_is_printable_but_for_ends_of_lines(text: str) -> None:
    shown = printable(text)
    assert all(line.isprintable() for line in shown.split("\n"))
    assert shown.count("\n") == text.count("\n")
    assert printable(shown) == shown


@pytest.mark.promise(8)
@pytest.mark.parametrize("kind", [CleanupError, DatabaseError, SiteError])
def test_an_error_shows_what_it_quotes_escaped(kind: type[CleanupError]) -> None:
    assert str(kind("there is no table a\x1b]0;x\x07.")) == r"there is no table a\x1b]0;x\x07."


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "Free some space there."),
        (errno.EDQUOT, "Free some space there."),
        (errno.EROFS, "Mount it for writing;"),
        (errno.EACCES, "Let this user write there."),
    ],
)
def test_what_to_do_fits_what_the_disk_said(number: int, words: str) -> None:
    assert remedy(OSError(number, ""), "Let this user write there.").startswith(words)

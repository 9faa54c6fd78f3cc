# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Thumbnails are made in a process of their own, whatever a picture does to it."""

from __future__ import annotations

import io
from typing import Any, Iterator

import pytest
from PIL import Image

from engine.report.page import thumbnailer, thumbnails
from engine.report.page.thumbnails import Thumbnails


def picture(form: str = "PNG", size: tuple[int, int] = (400, 200), mode: str = "RGB", **more: Any) -> bytes:
    written = io.BytesIO()
    Image.new(mode, size, "#08f" if mode != "1" else 1).save(written, form, **more)
    return written.getvalue()


@pytest.mark.parametrize("form", ["JPEG", "PNG", "GIF", "WEBP", "BMP"])
def test_a_picture_has_a_small_jpeg_without_what_is_said_of_it(form: str) -> None:
    content = picture(form, comment="secret place") if form in ("JPEG", "GIF") else picture(form)
    with Thumbnails() as made:
        thumbnail = made.of(content)
    assert thumbnail.why == ""
    image = Image.open(io.BytesIO(thumbnail.jpeg))
    assert (image.format, image.size) == ("JPEG", (160, 80))
    assert b"secret" not in thumbnail.jpeg


def test_a_picture_with_a_see_through_part_has_one_too() -> None:
    with Thumbnails() as made:
        for mode in ("RGBA", "LA", "P"):
            image = Image.new("RGBA", (20, 20), (255, 0, 0, 0)).convert(mode)
            written = io.BytesIO()
            image.save(written, "PNG")
            assert made.of(written.getvalue()).jpeg, mode


REFUSED = [
    (b"no picture", "it cannot be read: it is none of JPEG, MPO, PNG"),
    (picture("JPEG")[:300], "it cannot be read"),
    (picture("TIFF"), "it cannot be read"),
    (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "it cannot be read"),
    (picture("PNG", (20_000, 6_000), "1"), "20,000 x 6,000 pixels"),
]


@pytest.mark.parametrize(("content", "why"), REFUSED)
def test_what_is_no_picture_or_too_large_says_why_and_does_not_disturb_the_next(
    content: bytes, why: str
) -> None:
    with Thumbnails() as made:
        refused = made.of(content)
        assert refused.jpeg == b""
        assert why in refused.why
        assert made.of(picture()).jpeg


DOES_NOT_END = "while True: pass\n"
DIES = "import os, sys; sys.stdin.buffer.read(4); os.abort()\n"
LIES = "import sys; sys.stdin.buffer.read(4); sys.stdout.buffer.write(b'+\\xff\\xff\\xff\\xff' + b'x' * 9)\n"


@pytest.mark.parametrize(
    ("source", "why"), [(DOES_NOT_END, "more than 1 s"), (DIES, "decoder fail"), (LIES, "decoder fail")]
)
def test_a_decoder_that_fails_is_replaced(monkeypatch: pytest.MonkeyPatch, source: str, why: str) -> None:
    class Loader:
        def get_source(self, _name: str) -> str:
            return source

    monkeypatch.setattr(thumbnails, "SECONDS", 1)
    with Thumbnails() as made:
        with monkeypatch.context() as patched:
            patched.setattr(thumbnailer.__spec__, "loader", Loader())
            assert why in made.of(picture()).why
        assert made.of(picture()).jpeg


def test_the_time_for_all_of_them_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thumbnails, "SECONDS_IN_ALL", 0)
    with Thumbnails() as made:
        assert "time for thumbnails was up" in made.of(picture()).why


def test_an_interpreter_without_pillow_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    source = thumbnailer.__spec__.loader.get_source(thumbnailer.__name__)  # type: ignore[union-attr]

    class Loader:
        def get_source(self, _name: str) -> str:
            return "import sys; sys.modules['PIL'] = None\n" + source.replace(
                "from __future__ import annotations", ""
            )

    monkeypatch.setattr(thumbnailer.__spec__, "loader", Loader())
    with Thumbnails() as made:
        assert "has no Pillow" in made.of(picture()).why


def test_pictures_come_in_their_order_whatever_takes_longer() -> None:
    large, small = picture("PNG", (3000, 2000)), picture("GIF", (20, 10))
    contents = [*enumerate([large, None, small, b"no picture", large, small] * 2)]
    with Thumbnails() as made:
        found = list(made.each(contents))
    assert [key for key, _thumbnail in found] == [*range(12)]
    assert [None if each is None else bool(each.jpeg) for _key, each in found[:6]] == [
        *(True, None, True, False, True, True),
    ]


@pytest.mark.promise(11)
def test_no_more_pictures_are_read_than_are_being_worked_on() -> None:
    read: list[int] = []

    def contents() -> Iterator[tuple[int, bytes]]:
        for number in range(9):
            read.append(number)
            yield number, picture()

    with Thumbnails() as made:
        for key, _thumbnail in made.each(contents()):
            assert len(read) - key <= thumbnails.PROCESSES

# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Which reference is most like a file that none references."""

from __future__ import annotations

import pytest

from engine.compare.names.nearest import NearestNames


def nearest(path: bytes, *references: bytes) -> tuple[bytes, str] | None:
    names = NearestNames([path])
    names.read([sorted(references)])
    return names.of(path)


@pytest.mark.parametrize(
    ("path", "reference", "how"),
    [
        (b"p/a.jpg", b"p/A.JPG", "letters of another case"),
        (b"p/a.jpg", b"q/A.jpg", "another folder"),
        (b"p/a.jpg", b"a.jpg", "another folder"),
        (b"p/a.jpg", b"p/a.webp", "another extension"),
        (b"p/a_Xk3fQ9z.jpg", b"p/a.jpg", "without the suffix"),
        (b"p/a (1).jpg", b"q/a.png", "without the suffix"),
        (b"p/a-300x200.jpg", b"p/a.jpg", "without the suffix"),
        (b"p/a.jpg", b"p/a_Xk3fQ9z.jpg", "with a suffix"),
        (b"p/caf\xe9", b"q/CAF\xe9", "another folder"),
    ],
)
def test_the_reference_that_is_most_like_a_file_is_found(path: bytes, reference: bytes, how: str) -> None:
    assert nearest(path, b"p/other.jpg", reference) == (reference, how)


@pytest.mark.parametrize("reference", [b"p/b.jpg", b"p/aa.jpg", b"p/IMG_7654321.jpg", b"IMG_1234567/a", b""])
def test_what_is_not_alike_is_not_shown(reference: bytes) -> None:
    assert nearest(b"p/IMG_1234567.jpg", reference) is None


def test_what_differs_the_least_comes_first() -> None:
    others = [b"q/a.png", b"p/a.png", b"q/a.jpg", b"p/a_Xk3fQ9z.jpg"]
    assert nearest(b"p/a.jpg", *others) == (b"q/a.jpg", "another folder")
    assert nearest(b"p/a.jpg", *others[:2]) == (b"p/a.png", "another extension")


@pytest.mark.promise(11)
def test_a_name_that_all_references_have_takes_no_memory() -> None:
    names = NearestNames([b"p/image.jpg"])
    names.read([f"{number:05}/image.jpg".encode()] * 3 for number in range(10_000))
    assert sum(map(len, names._whole.values())) == 20
    assert names.of(b"p/image.jpg") == (b"00000/image.jpg", "another folder")

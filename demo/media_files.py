# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Real little pictures and videos, written with the size and the age that a site needs.

A motif is encoded once per format and written under many names. Each file is filled up by what its
format provides for that (a JPEG comment, a "free" box in AVIF, a "JUNK" chunk in AVI), so that sizes
do not depend on the version of the encoder, and no two files are the same.
"""

from __future__ import annotations

import io
import os
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Callable

import PIL
from motion_jpeg import avi_file, with_junk
from PIL import Image

# The longest JPEG segment, its marker and length included; the shortest is those alone.
LONGEST_SEGMENT = 2 + 0xFFFF
SHORTEST_SEGMENT = 4


class Motif:
    """A picture to be stored as photo, thumbnail or video."""

    def __init__(self, picture: Image.Image) -> None:
        self._picture = picture

    @cached_property
    def thumbnail(self) -> Motif:
        small = self._picture.copy()
        small.thumbnail((100, 100))
        return Motif(small)

    @cached_property
    def jpeg(self) -> bytes:
        return _encoded(self._picture, "JPEG", quality=75)

    @cached_property
    def avif(self) -> bytes:
        return _encoded(self._picture, "AVIF", quality=60, speed=8)

    @cached_property
    def video(self) -> bytes:
        """Two seconds of a slow pan over the left and the right half of the picture."""
        width, height = self._picture.size
        window = (width // 2, height // 2)
        frames = []
        for step in range(10):
            left = step * (width - window[0]) // 9
            frame = self._picture.crop((left, height // 4, left + window[0], height // 4 + window[1]))
            frames.append(_encoded(frame, "JPEG", quality=60))
        return avi_file(frames, window, frames_per_second=5)


class MediaRoot:
    """The directory that Django calls MEDIA_ROOT."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def write(self, path: str, motif: Motif, size: int, moment: datetime) -> None:
        """Store a motif in the format of the path's suffix, as of a moment in the past."""
        file = self.directory / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(_content(path, motif, size))
        os.utime(file, (moment.timestamp(), moment.timestamp()))

    def files(self, *directories: str) -> dict[str, os.stat_result]:
        """All files below some directories, by their path from the media root."""
        return {
            file.relative_to(self.directory).as_posix(): file.stat()
            for directory in directories
            for file in sorted((self.directory / directory).rglob("*"))
            if file.is_file()
        }

    def lacks(self, path: str) -> bool:
        return not (self.directory / path).exists()


def require_avif() -> None:
    """Raise RuntimeError if this Pillow cannot write AVIF."""
    if ".avif" not in Image.registered_extensions():
        raise RuntimeError(
            f"Pillow {PIL.__version__} was built without AVIF, and one of the demo sites keeps "
            "photos in that format. Install Pillow 11.3 or later: pip install --upgrade Pillow"
        )


def _encoded(picture: Image.Image, encoding: str, **options: int) -> bytes:
    target = io.BytesIO()
    picture.save(target, encoding, **options)
    return target.getvalue()


def _content(path: str, motif: Motif, size: int) -> bytes:
    encoded, filled_up = FORMATS[Path(path).suffix]
    content = encoded(motif)
    content = filled_up(content, _filling(path, max(size - len(content), 0)))
    if len(content) != size:
        raise ValueError(f"{path}: {size} bytes are too few for this picture")
    return content


def _filling(path: str, length: int) -> bytes:
    """Text that names the file, as often as needed."""
    text = f"{path} of the django_media.cleanup demo. This text fills the file up to its size.\n"
    return (text.encode() * (length // len(text) + 1))[:length]


def _with_comments(jpeg: bytes, filling: bytes) -> bytes:
    """Put comment segments behind the first segment, which has to remain the first."""
    end_of_first = 4 + int.from_bytes(jpeg[4:6], "big")
    comments = []
    while filling:
        length = min(len(filling), LONGEST_SEGMENT)
        if 0 < len(filling) - length < SHORTEST_SEGMENT:
            length -= SHORTEST_SEGMENT
        text = filling[: length - SHORTEST_SEGMENT]
        comments.append(b"\xff\xfe" + (len(text) + 2).to_bytes(2, "big") + text)
        filling = filling[length:]
    return jpeg[:end_of_first] + b"".join(comments) + jpeg[end_of_first:]


def _with_free_box(avif: bytes, filling: bytes) -> bytes:
    """Add the box that readers skip; at the end, where it moves nothing else."""
    return avif + len(filling).to_bytes(4, "big") + b"free" + filling[:-8]


# How a motif is encoded, by the suffix of the path, and how that is filled up.
FORMATS: dict[str, tuple[Callable[[Motif], bytes], Callable[[bytes, bytes], bytes]]] = {
    ".jpg": (lambda motif: motif.jpeg, _with_comments),
    ".avif": (lambda motif: motif.avif, _with_free_box),
    ".avi": (lambda motif: motif.video, with_junk),
}

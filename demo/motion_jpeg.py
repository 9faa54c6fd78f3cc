# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""A writer of Motion JPEG videos: an AVI file whose frames are JPEG pictures.

An AVI file is made of chunks: four letters, the length, the content. A list is a chunk of chunks.
https://learn.microsoft.com/en-us/windows/win32/directshow/avi-riff-file-reference
"""

from __future__ import annotations

import struct
from typing import Sequence

HAS_INDEX = 0x10
KEY_FRAME = 0x10
FRAME = b"00dc"  # stream 00, compressed picture


def avi_file(frames: Sequence[bytes], size: tuple[int, int], frames_per_second: int) -> bytes:
    """Join JPEG pictures of one size into a video without sound."""
    header = _header(frames, size, frames_per_second)
    movie = _list(b"movi", *(_chunk(FRAME, frame) for frame in frames))
    return _riff(header + movie + _index(frames))


def with_junk(avi: bytes, filling: bytes) -> bytes:
    """Add a chunk that players skip, as long as the filling; chunks have even lengths."""
    return _riff(avi[12:] + _chunk(b"JUNK", filling[:-8]))


def _riff(chunks: bytes) -> bytes:
    return _chunk(b"RIFF", b"AVI " + chunks)


def _chunk(name: bytes, content: bytes) -> bytes:
    padding = b"\0" * (len(content) % 2)
    return name + struct.pack("<I", len(content)) + content + padding


def _list(name: bytes, *chunks: bytes) -> bytes:
    return _chunk(b"LIST", name + b"".join(chunks))


def _header(frames: Sequence[bytes], size: tuple[int, int], frames_per_second: int) -> bytes:
    largest = max(map(len, frames))
    # Microseconds per frame, bytes per second, granularity, flags, frames, first frame, streams, …
    main = struct.pack(
        "<14I",
        *(1_000_000 // frames_per_second, largest * frames_per_second, 0, HAS_INDEX),
        *(len(frames), 0, 1, largest, *size),
        *(0, 0, 0, 0),
    )
    # … flags, priority, language, first frame, scale, rate, start, frames, largest, quality, …
    stream = b"vidsMJPG" + struct.pack(
        "<IHHIIIIIIiI4H",
        *(0, 0, 0, 0, 1, frames_per_second, 0, len(frames), largest, -1, 0),
        *(0, 0, *size),
    )
    # The length of this header, width, height, planes, bits per pixel, format, bytes, …
    picture = struct.pack("<IiiHH4sIiiII", 40, *size, 1, 24, b"MJPG", size[0] * size[1] * 3, 0, 0, 0, 0)
    stream_list = _list(b"strl", _chunk(b"strh", stream), _chunk(b"strf", picture))
    return _list(b"hdrl", _chunk(b"avih", main), stream_list)


def _index(frames: Sequence[bytes]) -> bytes:
    """Say where each frame is, counted from the name of the list "movi"."""
    entries = []
    offset = 4
    for frame in frames:
        entries.append(struct.pack("<4sIII", FRAME, KEY_FRAME, offset, len(frame)))
        offset += len(_chunk(FRAME, frame))
    return _chunk(b"idx1", b"".join(entries))

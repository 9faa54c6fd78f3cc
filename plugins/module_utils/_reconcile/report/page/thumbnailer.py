# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Makes thumbnails of pictures that nobody vouches for. Run as a program, by its source text alone.

Standard input has pictures, each after its length; standard output has an answer to each of them: "+" and a
JPEG, or "-" and why there is none, each with a length before the content.
"""

from __future__ import annotations

import io
import resource
import struct
import sys
from typing import Any

LENGTH = struct.Struct(">I")
EDGE = 160
PIXELS = 100_000_000
MEMORY = 1 << 30
# None of them starts another program or reads another file, as some of Pillow's formats do.
FORMATS = ("JPEG", "MPO", "PNG", "GIF", "WEBP", "AVIF", "BMP")
_QUALITY = 60
_BEHIND_TRANSPARENT = (238, 238, 238)


def main() -> None:
    for limit, most in ((resource.RLIMIT_AS, MEMORY), (resource.RLIMIT_FSIZE, 0), (resource.RLIMIT_CORE, 0)):
        resource.setrlimit(limit, (most, most))
    while True:
        begin = sys.stdin.buffer.read(LENGTH.size)
        if len(begin) < LENGTH.size:
            return
        sign, answer = _answer(sys.stdin.buffer.read(LENGTH.unpack(begin)[0]))
        sys.stdout.buffer.write(sign + LENGTH.pack(len(answer)) + answer)
        sys.stdout.buffer.flush()


def _answer(content: bytes) -> tuple[bytes, bytes]:
    try:
        return b"+", thumbnail(content)
    except ImportError:
        return b"-", f"{sys.executable} has no Pillow, which makes the thumbnails".encode()
    except MemoryError:
        return b"-", f"it takes more than {MEMORY >> 20} MiB of memory".encode()
    except Exception as error:  # whatever a decoder raises for a damaged file
        return b"-", f"it cannot be read: {error}"[:200].encode("utf-8", "backslashreplace")


def thumbnail(content: bytes) -> bytes:
    """A small JPEG of a picture. Raises whatever Pillow does."""
    from PIL import Image, ImageOps, UnidentifiedImageError

    Image.init()
    try:
        image: Any = Image.open(io.BytesIO(content), formats=[name for name in FORMATS if name in Image.OPEN])
    except UnidentifiedImageError:
        # Pillow's own words hold an address in memory.
        raise ValueError(f"it is none of {', '.join(FORMATS)}, or it is damaged") from None
    width, height = image.size
    if width * height > PIXELS:
        raise ValueError(f"it has {width:,} x {height:,} pixels, and {PIXELS:,} is the limit")
    # A JPEG is decoded at a fraction of its size then.
    image.draft("RGB", (2 * EDGE, 2 * EDGE))
    image.thumbnail((EDGE, EDGE))
    image = ImageOps.exif_transpose(image)
    if image.mode not in ("RGB", "L"):
        flat = Image.new("RGB", image.size, _BEHIND_TRANSPARENT)
        image = image.convert("RGBA")
        flat.paste(image, mask=image.getchannel("A"))
        image = flat
    # A comment, a profile or a place would else be in the thumbnail too.
    image.info = {}
    written = io.BytesIO()
    image.save(written, "JPEG", quality=_QUALITY, optimize=True)
    return written.getvalue()


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""The page to review, beside what its thumbnails take when nothing guards and nothing bounds them."""

from __future__ import annotations

import io
import json
import random
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Iterator

from contests import PEERS, Contest, Contestant
from PIL import Image

# What one page is made for: photos of 12 megapixels, as telephones take them.
PHOTOS = 500
_SIZE = (4000, 3000)
# Photos that differ.
_SHOTS = 8


def contests(folder: Path) -> Iterator[Contest]:
    """A page with a thumbnail of each photo."""
    photos, database, page = folder / "photos", folder / "photos.sqlite3", folder / "page.html"
    _take(photos)
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("CREATE TABLE photo (id integer PRIMARY KEY, image text)")
    options = {
        "database_url": f"sqlite:///{database}",
        "media_root": str(photos),
        "directories": ["."],
        "references": [{"table": "photo", "column": "image"}],
        "older_than_hours": 0,
        "permanent": True,
    }
    peer = [sys.executable, str(PEERS / "review_page.py")]
    yield Contest(
        f"page to review, {PHOTOS} photos of 12 megapixels",
        [
            Contestant("Pillow alone, in one process", [*peer, "bare", str(photos)]),
            Contestant("engine, plan and page", [*peer, "page", json.dumps(options), str(page)]),
        ],
        PHOTOS,
    )


def _take(folder: Path) -> None:
    folder.mkdir()
    shots = [_shot(number) for number in range(_SHOTS)]
    for number in range(PHOTOS):
        # Behind its end, a JPEG may have anything.
        (folder / f"IMG_{number:04}.jpg").write_bytes(shots[number % _SHOTS] + bytes(number))


def _shot(number: int) -> bytes:
    """A photo with as much detail as one from a telephone has: some 3 MB."""
    chance = random.Random(number)
    noise = Image.frombytes("RGB", (400, 300), chance.randbytes(400 * 300 * 3))
    written = io.BytesIO()
    noise.resize(_SIZE, Image.Resampling.BICUBIC).save(written, "JPEG", quality=88)
    return written.getvalue()

# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""The sweep side by side with no more than reading the same column."""

from __future__ import annotations

import io
import random
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Iterator
from urllib.parse import urlsplit

import psycopg2
from contests import PEERS, Contest, Contestant
from sites import execute

# Candidates, of which so many are mentioned, each once and percent-encoded.
CANDIDATES = 100_000
MENTIONED = 100
# Different texts: they come again and again.
_TEXTS = 10_000
_WORDS = 5_000


def contests(folder: Path, server: str, rows: int) -> Iterator[Contest]:
    """The sweep over so many rows of about a kilobyte, on each kind of database."""
    candidates = folder / "candidates"
    candidates.write_text("".join(f"{_candidate(number)}\n" for number in range(CANDIDATES)))
    urls = {"postgresql": _fill_postgresql(server, rows), "sqlite": _fill_sqlite(folder, rows)}
    for kind, url in urls.items():
        peer = [sys.executable, str(PEERS / "sweep.py")]
        bare = "bare COPY" if kind == "postgresql" else "bare reading"
        yield Contest(
            f"sweep, {rows:,} rows of 1 KB, {kind}",
            [
                Contestant(bare, [*peer, "bare", url], lambda _output: MENTIONED),
                Contestant("engine's sweep", [*peer, "sweep", url, str(candidates)]),
            ],
            MENTIONED,
        )


def _candidate(number: int) -> str:
    return f"photos/{number % 1000}/holiday {number}.jpg"


def _texts() -> list[str]:
    """Texts as sites have them: HTML with pictures that are no candidates, JSON, and prose."""
    chance = random.Random(1)
    words = [f"{chance.getrandbits(40):x}" for _word in range(_WORDS)]
    words += ["the", "of", "Größe", "a.", "e.g.", "50%", "https://example.org/page.html"] * 50
    texts = []
    for number in range(_TEXTS):
        prose = " ".join(chance.choices(words, k=90))
        picture = f"/media/photos/{number % 1000}/photo_{chance.getrandbits(30)}.jpg"
        html = f'<p class="lead">{prose}&nbsp;&amp; more</p><img src="{picture}" alt="">'
        texts.append((html, f'{{"image": "{picture}", "text": "{prose}\\u00e9"}}', prose)[number % 3])
    return texts


def _mentions() -> Iterator[str]:
    for number in range(MENTIONED):
        path = _candidate(number * (CANDIDATES // MENTIONED)).replace(" ", "%20")
        yield f'<img src="/media/{path}">'


def _fill_postgresql(server: str, rows: int) -> str:
    name = f"sweep_{rows}"
    execute(server, f"DROP DATABASE IF EXISTS {name}", f"CREATE DATABASE {name}")
    url = urlsplit(server)._replace(path=f"/{name}").geturl()
    execute(url, "CREATE TABLE page (id bigserial PRIMARY KEY, body text)")
    texts = "".join(f"{text}\n".replace("\\", "\\\\") for text in _texts())
    with closing(psycopg2.connect(url)) as connection:
        with connection.cursor() as cursor:
            for _part in range(rows // _TEXTS):
                cursor.copy_expert("COPY page (body) FROM STDIN", io.StringIO(texts))
            cursor.execute("INSERT INTO page (body) SELECT unnest(%s)", [list(_mentions())])
        connection.commit()
    execute(url, "VACUUM ANALYZE")
    return url


def _fill_sqlite(folder: Path, rows: int) -> str:
    file = folder / f"sweep_{rows}.sqlite3"
    texts = [(text,) for text in _texts()]
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE page (id integer PRIMARY KEY, body text)")
        for _part in range(rows // _TEXTS):
            connection.executemany("INSERT INTO page (body) VALUES (?)", texts)
        connection.executemany("INSERT INTO page (body) VALUES (?)", [(text,) for text in _mentions()])
        connection.commit()
    return f"sqlite:///{file}"

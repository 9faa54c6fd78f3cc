# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Inventories of a bucket as S3 writes them, and the SQL of the page that joins one with references."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Iterable, NamedTuple
from urllib.parse import quote_plus

import duckdb

from engine.compare.listed.candidates import CandidateList
from engine.compare.listed.inventory import InventoryKeys
from helpers.checkout import REPOSITORY

PAGE = REPOSITORY / "docs" / "howto" / "inventory.md"
# What the page has, and what a test puts in its place.
_MANIFEST = "footycollect/daily/2026-11-22T01-00Z/manifest.json"
_IN_BUCKET = re.compile(r"s3a?://inventories/")
_SCHEMA = "Bucket, Key, VersionId, IsLatest, IsDeleteMarker, Size, LastModifiedDate"
FORMS = ("CSV", "Parquet")


class Version(NamedTuple):
    """One line of an inventory."""

    key: str
    is_latest: bool = True
    is_delete_marker: bool = False


# Names that quoting, encoding or decoding gets wrong: each is there once with a reference and once without.
HOSTILE = [
    "a b.jpg",
    "a+b.jpg",
    "100%.jpg",
    "%41.jpg",
    'q"u,o\nte.jpg',
    "Café.jpg",
    "Cafe\u0301.jpg",
    "ü/'.jpg",
]
BUCKET, PREFIX = "footycollect", "media/"


def write_hostile_site(folder: Path, form: str) -> Path:
    """Write an inventory with such names, and the export of the references, whose path is returned."""
    keys = InventoryKeys(f"s3://{BUCKET}/{PREFIX}".rstrip("/").encode())
    exported = [keys.key_of(f"kept/{name}".encode()) for name in [*HOSTILE, *HOSTILE, "gone.jpg"]]
    references = folder / "references.csv"
    references.write_text("".join(f"{key}\n" for key in ["key", *exported]))
    there = [Version(f"{PREFIX}{place}/{name}") for place in ("kept", "lost") for name in HOSTILE]
    others = [
        Version(f"{PREFIX}lost/old.jpg", is_latest=False),
        Version(f"{PREFIX}lost/deleted.jpg", is_delete_marker=True),
        Version("media-old/lost/a.jpg"),
        Version("lost/a.jpg"),
    ]
    write_inventory(folder, form, BUCKET, [*there, *others])
    return references


def candidates_of(file: Path) -> list[str]:
    """The paths in a list of candidates of that site; there is nothing else in it."""
    site = SimpleNamespace(media_root=f"s3://{BUCKET}/{PREFIX}".rstrip("/").encode())
    job: Any = SimpleNamespace(candidates=os.fsencode(file), site=site)
    refused: dict[bytes, str] = {}
    found = [path.decode() for some in CandidateList(job).paths(refused.__setitem__) for path in some]
    assert refused == {}
    return found


def statements(name: str) -> str:
    """The SQL of the page under this name, which its first line has as a comment."""
    found = re.search(rf"```sql\n-- {re.escape(name)}[^\n]*\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert found, name
    return found[1]


def write_inventory(folder: Path, form: str, bucket: str, versions: Iterable[Version]) -> None:
    """Write an inventory in two files, with its manifest, and files of an older inventory beside them."""
    rows = [_row(bucket, version) for version in versions]
    older = [_row(bucket, Version("media/photos/of-an-older-inventory.jpg"))]
    write = _write_csv if form == "CSV" else _write_parquet
    ending = "csv.gz" if form == "CSV" else "parquet"
    keys = [f"footycollect/daily/data/{name}.{ending}" for name in ("one", "two", "older")]
    for key, some in zip(keys, (rows[::2], rows[1::2], older)):
        (folder / key).parent.mkdir(parents=True, exist_ok=True)
        write(folder / key, some)
    schema = _SCHEMA if form == "CSV" else "message s3.inventory { required binary bucket (UTF8); ... }"
    about = {"sourceBucket": bucket, "version": "2016-11-30", "fileFormat": form, "fileSchema": schema}
    files = [{"key": key, "size": (folder / key).stat().st_size} for key in keys[:2]]
    manifest = folder / _MANIFEST
    manifest.parent.mkdir(parents=True)
    manifest.write_text(json.dumps({**about, "files": files}))


def _row(bucket: str, version: Version) -> list[Any]:
    about = [str(version.is_latest).lower(), str(version.is_delete_marker).lower()]
    return [bucket, version.key, "v1", *about, 7, "2026-11-21T00:00:00.000Z"]


def _write_csv(path: Path, rows: Iterable[list[Any]]) -> None:
    text = io.StringIO()
    encoded = ([bucket, quote_plus(key, safe="/"), *rest] for bucket, key, *rest in rows)
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(encoded)
    path.write_bytes(gzip.compress(text.getvalue().encode()))


def _write_parquet(path: Path, rows: Iterable[list[Any]]) -> None:
    with duckdb.connect() as connection:
        connection.execute(
            "CREATE TABLE made (bucket VARCHAR, key VARCHAR, version_id VARCHAR, is_latest BOOLEAN, "
            "is_delete_marker BOOLEAN, size BIGINT, last_modified_date VARCHAR)"
        )
        connection.executemany("INSERT INTO made VALUES (?, ?, ?, ?, ?, ?, ?)", list(rows))
        connection.execute(f"COPY made TO '{path}' (FORMAT parquet)")


def join_with_duckdb(folder: Path, form: str, references: Path, prefix: str = "media/") -> Path:
    """Run the statements of the page on an inventory in a folder; returns the list of candidates."""
    found = folder / "candidates.csv"
    places = {"references.csv": str(references), "candidates.csv": str(found), "'media/%'": f"'{prefix}%'"}
    names = (f"DuckDB, inventory of {form}", "DuckDB, references", "all engines, the anti-join")
    with duckdb.connect() as connection:
        for name in (*names, "DuckDB, candidates"):
            written = _IN_BUCKET.sub(f"{folder}/", statements(name))
            for place, real in places.items():
                written = written.replace(place, real)
            connection.execute(written)
    return found

# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Inventories of a bucket as S3 writes them, and the SQL of the page that joins one with references."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
from pathlib import Path
from typing import Any, Iterable, NamedTuple
from urllib.parse import quote_plus

import duckdb

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

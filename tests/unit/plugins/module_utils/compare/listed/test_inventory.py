# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""References as an inventory writes keys: whatever a name is, and in every spelling of a database."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.compare.listed.inventory import InventoryKeys, referenced_keys
from engine.config.site import Column
from engine.database import connect
from helpers.builders import SPELLINGS, Media, Site


@pytest.mark.promise(8)
@given(path=st.binary(min_size=1, max_size=40))
def test_what_is_the_key_of_a_path_is_one_line_and_leads_back_to_it(path: bytes) -> None:
    keys = InventoryKeys(b"/srv/media")
    key = keys.key_of(path)
    if key is not None:
        assert key.isascii()
        assert key.isprintable()
        assert not set(key) & set(' ",')
        assert keys.path_of(key) == path


@pytest.mark.parametrize(
    ("path", "key"),
    [
        (b"photos/a b.jpg", "site/media/photos/a+b.jpg"),
        (b"photos/a+b.jpg", "site/media/photos/a%2Bb.jpg"),
        (b'a,"b"\n100%.jpg', "site/media/a%2C%22b%22%0A100%25.jpg"),
        ("Café.jpg".encode(), "site/media/Caf%C3%A9.jpg"),
        # No object can have such a key, so no inventory does.
        (b"photos/\xff.jpg", None),
        (b"photos//a.jpg", None),
        (b"../a.jpg", None),
        (b"/etc/passwd", None),
        (b"https://example.org/a.jpg", None),
        (b"a\0b", None),
        (b"", None),
        (b"n" * 1025, None),
    ],
)
def test_the_key_of_an_object_is_written_as_inventories_do(path: bytes, key: str | None) -> None:
    keys = InventoryKeys(b"s3://bucket/site/media")
    assert keys.key_of(path) == key
    if key:
        assert keys.path_of(key) == path
        assert InventoryKeys(b"s3://bucket/other").path_of(key) is None


@pytest.mark.promise(9)
def test_a_reference_is_exported_in_each_spelling_that_it_may_have(sqlite: Any, tmp_path: Any) -> None:
    site = Site(sqlite, Media(tmp_path / "media"))
    site.insert(*(value for _path, value in SPELLINGS), "p/b.jpg", "p/b.jpg", "", None, thumbnail="t/1.jpg")
    job = site.orphans()
    columns = [Column("photo", "image"), Column("photo", "thumbnail")]
    keys = InventoryKeys(job.site.media_root)
    with connect(sqlite.url, read_only=True) as database:
        found = {keys.path_of(key) for some in referenced_keys(database, columns, job.site) for key in some}
        # Of a composed and a decomposed name, either may be what a reference means; the proof decides.
        ascii_paths = {os.fsencode(path) for path, _value in SPELLINGS if path.isascii()}
        assert {*ascii_paths, b"p/b.jpg", b"t/1.jpg"} <= found
        in_bucket = replace(job.site, media_root=b"s3://bucket/media")
        for some in referenced_keys(database, columns, in_bucket):
            assert all(key.startswith("media/") for key in some)

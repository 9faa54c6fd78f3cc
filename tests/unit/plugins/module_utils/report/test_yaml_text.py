# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

from __future__ import annotations

from typing import Any

import pytest
import yaml

from engine.report.yaml_text import comment, entries, entry, flow

VALUES = [
    {"model": "collection.Photo", "field": "image"},
    {"project": "/var/www/kit, old: {new}", "python": "venv/bin/python"},
    {
        "a": {},
        "b": [],
        "c": [1, 2.5, True, False, None, "", "null", "No", "1", "1e3", "~", "- x", "# x", "é", "a\nb"],
    },
    {"with space": "'quoted' and \"quoted\"", "weird\x85line": "\u2028\x00\\"},
    "!!python/object:os.system",
    "*alias",
    "%h/x",
    "@x",
]


@pytest.mark.parametrize("value", VALUES, ids=str)
def test_a_reader_gets_back_what_was_written(value: Any) -> None:
    assert yaml.safe_load(flow(value)) == value
    assert yaml.safe_load("\n".join(entries("jobs", [value, value]))) == {"jobs": [value, value]}
    for inner in (value, {"a": "word " * 20, "b": value}):
        assert yaml.safe_load("\n".join(entry("job", inner))) == {"job": inner}


def test_names_that_need_no_quotes_have_none() -> None:
    assert flow({"model": "album.Photo", "field": "image"}) == "{model: album.Photo, field: image}"


@pytest.mark.promise(8)
@pytest.mark.parametrize(
    "text", ["", "plain", "two\nuser: root", "\r\nuser: root", "\u2028user: root", "\x1b[2J"]
)
def test_a_comment_stays_one(text: str) -> None:
    assert yaml.safe_load(f"a: 1\n{comment(text)}\n") == {"a": 1}
    assert comment(text).isprintable()

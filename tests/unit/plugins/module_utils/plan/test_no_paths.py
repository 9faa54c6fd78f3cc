# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Listed columns that hold no paths, and so protect nothing."""

from __future__ import annotations

from typing import Any, Callable

import pytest

from helpers.builders import Site, guards, run

RICH_TEXT = '<p>Summer {0}, see <a href="/media/p/{0}.jpg">the photo</a></p>'
COLUMNS = [{"table": "photo", "column": "image"}, {"table": "page", "column": "body"}]


def with_pages(site: Site, values: list[str]) -> Site:
    site.database.run("CREATE TABLE page (body text)")
    site.database.insert("page", [{"body": value} for value in values])
    return site


def refused(site: Site, **options: Any) -> list[str]:
    return guards(run(site.orphans(references=COLUMNS, **{"accept": [], **options}), check=True)[0])


@pytest.mark.promise(14)
@pytest.mark.promise("guards")
def test_a_column_of_rich_text_is_refused_with_what_to_do(site: Site) -> None:
    with_pages(site, [RICH_TEXT.format(number) for number in range(100)])
    plan, outcome = run(site.orphans(references=COLUMNS, accept=[]))
    assert (guards(plan), outcome) == (["no_paths"], None)
    message = plan.refusals[0].message
    assert "the listed column page.body holds no paths: 0 of 100 different values" in message
    assert "List the column of the FileField or ImageField" in message
    assert guards(run(site.orphans(references=COLUMNS, accept=["no_paths"]))[0]) == []


@pytest.mark.promise("guards")
@pytest.mark.parametrize("job", ["incomplete", "missing"])
def test_it_is_refused_in_every_job(sqlite_site: Site, job: str) -> None:
    with_pages(sqlite_site, [RICH_TEXT.format(number) for number in range(100)])
    plan, _outcome = run(getattr(sqlite_site, job)(references=COLUMNS[1:], accept=[]), check=True)
    assert guards(plan) == ["no_paths"]


@pytest.mark.parametrize(
    ("texts", "paths", "is_refused"),
    [(99, 0, False), (100, 0, True), (91, 9, True), (90, 10, False), (181, 20, True), (180, 20, False)],
)
def test_one_in_ten_of_a_hundred_different_values_is_enough(
    sqlite_site: Site, texts: int, paths: int, is_refused: bool
) -> None:
    values = [
        *(f"Summer {number}" for number in range(texts)),
        *(f"p/{number}.jpg" for number in range(paths)),
    ]
    assert (refused(with_pages(sqlite_site, values * 2)) == ["no_paths"]) == is_refused


@pytest.mark.parametrize(
    "value",
    [
        *(
            "{}.jpg",
            "p/{}",
            "p/{}/",
            "a b/{} c.jpeg",
            "/media/p/{}.webp?v=2",
            "https://cdn.example.org/p/{}.jpg",
        ),
        *(" p/{}.jpg\n", "p/Café {}.PNG", "p\\\\{}.jpg"),
    ],
)
def test_what_may_be_a_path_is_taken_for_one(sqlite_site: Site, value: str) -> None:
    assert refused(with_pages(sqlite_site, [value.format(number) for number in range(100)])) == []


@pytest.mark.parametrize(
    "value", ["{}", "Summer {}.", "Rome / Paris {}", '{{"a": "p/{}.jpg"}}', "one\ntwo/{}.jpg"]
)
def test_what_can_be_none_is_not(sqlite_site: Site, value: str) -> None:
    assert refused(with_pages(sqlite_site, [value.format(number) for number in range(100)])) == ["no_paths"]


@pytest.mark.parametrize(
    "make", [lambda site, names: site.media.write(*names), lambda site, names: site.media.mkdir(*names)]
)
def test_names_of_files_and_folders_that_are_there_are_paths(
    sqlite_site: Site, make: Callable[[Site, list[str]], None]
) -> None:
    names = [f"{number:x}" for number in range(100)]
    make(sqlite_site, names[:10])
    assert refused(with_pages(sqlite_site, names)) == []

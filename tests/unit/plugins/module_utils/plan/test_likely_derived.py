# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Files that code seems to make of referenced ones, as libraries do that nobody described."""

from __future__ import annotations

import os

import pytest

from engine.plan.plan import Plan
from helpers.builders import Site, run

SOURCES = ("p/ann.jpg", "p/bob.jpg", "p/2026/cleo.png")
# Where the usual libraries put what they make of a/b.jpg: the pattern, and the file.
MADE = [
    ("{dir}/{stem}.thumbnail.jpg", "{dir}/{stem}.thumbnail.jpg"),  # django-stdimage
    ("{dir}/{stem}_preview.jpg", "{dir}/{stem}_preview.jpg"),
    ("{dir}/{stem}_800x600.jpg", "{dir}/{stem}_800x600.jpg"),
    ("{dir}/{stem}_Preview.jpg", "{dir}/{stem}_Preview.jpg"),
    ("{dir}/{stem}-400x300.jpg", "{dir}/{stem}-400x300.jpg"),
    ("{dir}/{stem}@2x.jpg", "{dir}/{stem}@2x.jpg"),
    ("{dir}/thumb_{stem}.jpg", "{dir}/thumb_{stem}.jpg"),
    ("{dir}/{stem}.webp", "{dir}/{stem}.webp"),
    ("{dir}/cache/{stem}_thumbnail.jpg", "{dir}/cache/{stem}_thumbnail.jpg"),  # photologue
    ("{dir}/resized/80/80/{stem}.jpg", "{dir}/resized/80/80/{stem}.jpg"),  # django-avatar
    ("{dir}/{stem}/100w.webp", "{dir}/{stem}/100w.webp"),  # django-pictures
    ("{dir}/{stem}/1_1/100w.webp", "{dir}/{stem}/1_1/100w.webp"),
]


def made(path: str, *sources: str) -> list[str]:
    parts = [source.rpartition("/") for source in sources]
    return [path.format(dir=folder, stem=name.rpartition(".")[0]) for folder, _slash, name in parts]


def files(site: Site) -> set[str]:
    return set(map(os.fsdecode, site.media.files))


def codes(plan: Plan) -> dict[bytes, str]:
    return {item.name: item.code.value for item in plan.kept.items}


@pytest.mark.promise(13)
@pytest.mark.parametrize(("pattern", "path"), MADE)
def test_what_several_referenced_files_have_beside_them_is_kept(site: Site, pattern: str, path: str) -> None:
    derived = made(path, *SOURCES)
    site.insert(*SOURCES)
    site.media.write(*SOURCES, *derived, "p/orphan.jpg", *made(path, "p/orphan.jpg"))

    checked, _nothing = run(site.orphans(), check=True)
    plan, _outcome = run(site.orphans())

    assert codes(plan) == codes(checked) == {name.encode(): "likely_derived" for name in derived}
    assert files(site) == {*SOURCES, *derived}
    assert all(f"'{pattern}'" in item.reason for item in plan.kept.items)
    [note] = [note for note in plan.warnings if "derived" in note]
    assert note.startswith(f"3 files called '{pattern}'")


@pytest.mark.promise(13)
@pytest.mark.parametrize(("pattern", "path"), MADE)
def test_what_the_reason_says_can_be_pasted(sqlite_site: Site, pattern: str, path: str) -> None:
    derived = made(path, *SOURCES)
    sqlite_site.insert(*SOURCES)
    sqlite_site.media.write(*SOURCES, *derived)

    described, _outcome = run(sqlite_site.orphans(derived=[pattern]))
    assert (codes(described), described.examined["derived"]) == ({}, len(derived))

    accepting = sqlite_site.accepting(f"likely_derived:{pattern}")
    accepted, _outcome = run(sqlite_site.orphans(accept=accepting))
    assert codes(accepted) == {}
    assert files(sqlite_site) == set(SOURCES)


@pytest.mark.parametrize(
    "orphans",
    [
        # What Django adds to a name that is taken is another one each time.
        ["p/ann_Xy12abC.jpg", "p/bob_k3JdE9q.jpg"],
        # Once is chance.
        ["p/ann-final.jpg"],
        ["p/old/ann.jpg"],
        # The second source is no source: nothing references it.
        ["p/ann_small.jpg", "p/zoe_small.jpg", "p/zoe.jpg"],
        # Each time it is something else.
        ["p/ann-1.jpg", "p/bob-2.jpg"],
        ["p/annabel.jpg", "p/bobby.jpg"],
    ],
)
def test_names_that_are_alike_by_chance_are_orphans(sqlite_site: Site, orphans: list[str]) -> None:
    sqlite_site.insert(*SOURCES)
    sqlite_site.media.write(*SOURCES, *orphans)

    plan, _outcome = run(sqlite_site.orphans())

    assert codes(plan) == {}
    assert files(sqlite_site) == set(SOURCES)


@pytest.mark.promise(9)
def test_a_source_counts_in_another_spelling(sqlite_site: Site) -> None:
    sources, derived = ["p/ann.jpg", "p/bob.jpg"], ["p/ann.small.jpg", "p/bob.small.jpg"]
    sqlite_site.insert(*(f"/media/{source}" for source in sources))
    sqlite_site.media.write(*sources, *derived)

    plan, _outcome = run(sqlite_site.orphans())

    assert {*map(str.encode, derived)} <= codes(plan).keys()
    assert {*derived} <= files(sqlite_site)


@pytest.mark.promise(11)
def test_memory_is_bounded_where_each_file_has_a_pattern_of_its_own(
    sqlite_site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.compare.likely_derived.MOST_PATTERNS", 4)
    derived = made("{dir}/{stem}.small.jpg", *SOURCES)
    others = [f"p/x{number}-{number}.jpg" for number in range(20)]
    sqlite_site.insert(*SOURCES)
    sqlite_site.media.write(*SOURCES, *derived, *others)

    plan, _outcome = run(sqlite_site.orphans())

    assert {*map(str.encode, derived)} == codes(plan).keys()
    assert files(sqlite_site) == {*SOURCES, *derived}

# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Real applications in four lines: what the engine does of itself is what Django would do.

Django judges on a copy: which files no file field references, and what ``queryset.delete()`` leaves in
every table.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import pytest

from helpers.commands import Command
from helpers.django_applications import Application, Rows, built, differing

# The records whose file is missing, as a description names them.
MISSING: dict[str, list[dict[str, Any]]] = {
    "gallery": [
        {"model": "gallery.Picture", "field": "image"},
        {"model": "gallery.Portrait", "field": "image"},
    ],
    # Which storage has filer's files, each row decides: none of them is judged to be missing.
    "library": [],
    "newsroom": [
        {"model": "wagtailimages.Image", "field": "file", "label": "title"},
        {"model": "wagtaildocs.Document", "field": "file", "label": "title"},
    ],
    "shop": [{"model": "catalogue.ProductImage", "field": "original"}],
}
# What receivers of signals write when Django deletes: it stays, and the report lists the receivers.
BY_SIGNALS = {
    "newsroom": {"wagtailcore_referenceindex", "wagtailsearch_indexentry"},
    # sorl forgets what it knows of the file.
    "shop": {"thumbnail_kvstore"},
}
# Folders that are not judged: a storage below the media root, and a cache whose names are hashes.
NOT_JUDGED = {"gallery": "posters/", "shop": "cache/"}


class Judged(NamedTuple):
    """An application, and what Django says of it and did on a copy."""

    application: Application
    unreferenced: list[str]
    before: Rows
    after: Rows


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Judged]:
    """Each application once: tests work on copies."""
    return {name: _judged(name, tmp_path_factory.mktemp("built")) for name in MISSING}


def _judged(name: str, parent: Path) -> Judged:
    application = built(name, parent)
    (parent / "judge").mkdir()
    missing = [job[key] for job in MISSING[name] for key in ("model", "field")]
    said = application.copy(parent / "judge").ask("judge", *missing)
    not_judged = NOT_JUDGED.get(name, "none/")
    unreferenced = [path for path in said["unreferenced"] if not path.startswith(not_judged)]
    return Judged(application, unreferenced, said["before"], said["after"])


def test_django_finds_what_the_applications_left(judged: dict[str, Judged]) -> None:
    """A judge who finds nothing would agree with every engine that does nothing."""
    for name, right in judged.items():
        assert len(right.unreferenced) >= 2
        assert bool(differing(right.before, right.after)) == bool(MISSING[name])


@pytest.mark.promise(2)
@pytest.mark.parametrize("name", MISSING)
def test_orphans_are_exactly_the_files_that_no_file_field_references(
    name: str, judged: dict[str, Judged], tmp_path: Path, command: Command
) -> None:
    site = judged[name].application.copy(tmp_path)
    command.describe(site.described(orphans={}))
    before = site.files

    done = command.run("orphans", name, "--force", "--json")

    assert done.returncode == 0, done.stdout + done.stderr
    assert sorted(before - site.files) == judged[name].unreferenced


@pytest.mark.promise(13)
@pytest.mark.parametrize("name", [name for name, jobs in MISSING.items() if jobs])
def test_missing_leaves_every_table_as_django_would(
    name: str, judged: dict[str, Judged], tmp_path: Path, command: Command
) -> None:
    site = judged[name].application.copy(tmp_path)
    command.describe(site.described(missing=MISSING[name]))

    done = command.run("missing", name, "--force")

    assert done.returncode == 0, done.stdout + done.stderr
    assert differing(site.rows(), judged[name].after) <= BY_SIGNALS.get(name, set())

# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Real applications in four lines: what the engine does of itself is what Django would do.

Django judges on a copy: which files no file field references, and what ``queryset.delete()`` leaves in
every table.
"""

from __future__ import annotations

import json
import re
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Iterator, NamedTuple
from urllib.parse import parse_qs, urlsplit

import psycopg2
import pytest
import yaml

from engine import work
from helpers.checkout import REPOSITORY
from helpers.commands import Command
from helpers.databases import TestDatabase
from helpers.django_applications import AT_ONCE, Application, Rows, built, differing


def recipe(page: str) -> dict[str, Any]:
    """The site that a page of the documentation describes."""
    text = (REPOSITORY / "docs" / "howto" / page).read_text()
    [block] = re.findall(r"^```yaml\n(media_cleanup_sites:.*?)^```", text, re.MULTILINE | re.DOTALL)
    [site] = yaml.safe_load(block)["media_cleanup_sites"]
    return dict(site)


# What the pages describe, and a site of our own.
DESCRIBED: dict[str, dict[str, Any]] = {
    "gallery": {
        "orphans": {},
        "missing": [
            {"model": "gallery.Picture", "field": "image"},
            {"model": "gallery.Portrait", "field": "image"},
        ],
    },
    **{site["name"]: site for site in map(recipe, ("filer.md", "oscar.md", "wagtail.md"))},
}
# The records whose file is missing.
MISSING: dict[str, list[dict[str, Any]]] = {name: site.get("missing", []) for name, site in DESCRIBED.items()}
# What receivers of signals write when Django deletes: it stays, and the report lists the receivers.
BY_SIGNALS = {
    "newsroom": {"wagtailcore_referenceindex"},
    # sorl forgets what it knows of the file.
    "shop": {"thumbnail_kvstore"},
}
# A cache whose names are hashes is not judged.
NOT_JUDGED = {"shop": "cache/"}


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
    command.describe(site.described(orphans=DESCRIBED[name]["orphans"]))
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
    assert differing(site.rows(), judged[name].after) == BY_SIGNALS.get(name, set())


@pytest.mark.promise(13)
def test_on_postgresql_too(postgresql: TestDatabase, tmp_path: Path, command: Command) -> None:
    url = urlsplit(postgresql.url)
    [host], name = parse_qs(url.query)["host"], url.path[1:]
    variables = {"DATABASE_HOST": host, "DATABASE_USER": url.username or "", "DATABASE_NAME": name}
    site = built("newsroom", tmp_path, variables)
    with on_copy(postgresql, name) as copy:
        variables = {**variables, "DATABASE_NAME": copy}
        missing = [job[key] for job in MISSING["newsroom"] for key in ("model", "field")]
        right = Application(site.folder, variables).ask("judge", *missing)
    command.describe(site.described(orphans={}, missing=MISSING["newsroom"]))
    before = site.files

    orphans, done = (
        command.run("orphans", "newsroom", "--force"),
        command.run("missing", "newsroom", "--force"),
    )

    assert orphans.returncode == done.returncode == 0, orphans.stderr + done.stderr
    assert set(right["unreferenced"]) <= before - site.files
    assert differing(site.rows(), right["after"]) == BY_SIGNALS["newsroom"]


@contextmanager
def on_copy(database: TestDatabase, name: str) -> Iterator[str]:
    """A copy of a database that nobody uses at this moment."""
    server = urlsplit(database.url)._replace(path="/postgres").geturl()
    with closing(psycopg2.connect(server)) as connection:
        connection.autocommit = True
        connection.cursor().execute(f"CREATE DATABASE {name}_copy TEMPLATE {name}")
        try:
            yield f"{name}_copy"
        finally:
            connection.cursor().execute(f"DROP DATABASE {name}_copy")


@pytest.mark.promise(13)
@pytest.mark.parametrize(
    ("name", "job", "words"),
    [
        ("shop", {"model": "catalogue.Category", "field": "image"}, "tree_model:catalogue.Category"),
        ("library", {"model": "filer.File", "field": "file"}, "filer.File"),
    ],
)
def test_what_django_alone_can_do_is_kept(
    name: str, job: dict[str, Any], words: str, judged: dict[str, Judged], tmp_path: Path, command: Command
) -> None:
    """Rows of a tree, and rows of which each has a storage of its own."""
    site = judged[name].application.copy(tmp_path)
    if name == "shop":
        (site.media / "categories" / "poems.png").unlink()
    command.describe(site.described(missing=[job]))

    done = command.run("missing", name, "--force")

    assert words in done.stdout + done.stderr
    assert not differing(site.rows(), judged[name].before)


@pytest.mark.parametrize("name", ["newsroom", "shop"])
def test_what_discover_proposes_can_be_run(
    name: str, judged: dict[str, Judged], tmp_path: Path, command: Command
) -> None:
    site = judged[name].application.copy(tmp_path)
    described = site.described()
    discovered = command.run(
        *("discover", str(site.folder), "--user", described["user"], "--json"),
        *("--python", described["django"]["python"]),
    )
    found = json.loads(discovered.stdout)
    assert len(found["missing"]) > 1
    command.describe({**described, **found["site"], "missing": found["missing"]})

    for job in ("orphans", "missing"):
        done = command.run(job, name, "--dry-run")
        assert done.returncode == 0, done.stdout + done.stderr


def test_check_works_on_what_a_project_describes(
    judged: dict[str, Judged], tmp_path: Path, command: Command
) -> None:
    site = judged["gallery"].application.copy(tmp_path)
    command.describe(site.described(**DESCRIBED["gallery"]))

    done = command.run("check", "gallery")

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.promise(10)
def test_what_was_removed_comes_back_by_modules_that_know_the_project_alone(
    judged: dict[str, Judged], tmp_path: Path
) -> None:
    site = judged["gallery"].application.copy(tmp_path)
    before = site.files
    common = {"django": site.described()["django"], "accept": [], "max_listed": 10}

    def done(task: str, **options: Any) -> Any:
        request = {"task": task, "check": False, "verbose": False, "diff": False}
        answer = work.do({**request, "options": {"approved_plan": None, **common, **options}}, print)
        assert answer["failure"] == ""
        return answer["result"]

    assert done("orphans", **AT_ONCE)["removed"]["files"] == len(judged["gallery"].unreferenced)
    [batch] = done("quarantine_info")["batches"]
    assert batch["files"] == len(before - site.files)
    done("quarantine", state="restored", batch="latest")
    assert site.files == before

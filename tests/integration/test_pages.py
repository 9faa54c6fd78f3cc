# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""The pages for people: their commands work, their links lead somewhere, their messages are real."""

from __future__ import annotations

import ast
import getpass
import re
import shlex
from pathlib import Path
from typing import Any, Iterator

import pytest
import yaml
from test_demo import build

from engine.errors import Exit
from helpers.ansible_runs import Ansible
from helpers.checkout import REPOSITORY
from helpers.commands import Command

PAGES = sorted(
    [*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").rglob("*.md"), *REPOSITORY.glob("roles/*/*.md")]
)
ARCHITECTURE = REPOSITORY / "docs" / "architecture.md"
ENGINE = REPOSITORY / "plugins" / "module_utils" / "_reconcile"
PROGRAMS = ("ansible-playbook", "ansible-doc", "media-cleanup")
# What the pages call things, and what the demo calls them.
HOSTS = {"HOST": "footycollect", "INVENTORY": "inventory", "www-data": getpass.getuser()}
BATCH = re.compile(r"\d{8}T\d{4}(\d\dZ-orphans-\w+)?")
# What a browser exports; test_review_page.py exports and applies it.
EXPORTED = {"keep.yml"}
# Without a terminal, what would ask a person ends with these words.
UNCONFIRMED = "because nobody typed yes"


def commands(page: Path) -> list[list[str]]:
    """The commands in a page that this collection brings or is used by."""
    blocks = re.findall(r"^ *```console\n(.*?)^ *```", page.read_text(), re.MULTILINE | re.DOTALL)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    split = [shlex.split(line.strip()[2:], comments=True) for line in lines if line.strip().startswith("$ ")]
    known = [words for words in split if Path(words[0]).name in PROGRAMS]
    return [words for words in known if not EXPORTED & set(map(_file_of, words))]


def _file_of(word: str) -> str:
    """The name of the file that a word of a command means, as a path or as the value of a variable."""
    return Path(word.rpartition("=")[2].lstrip("@")).name


README = REPOSITORY / "README.md"
# What the README says is done in a folder of its own: see test_newcomer.py.
WITH_COMMANDS = [page for page in PAGES if commands(page) and page != README]
# Where the pages are once they are published; Galaxy shows the README without the others.
PUBLISHED = yaml.safe_load((REPOSITORY / "galaxy.yml").read_text())["repository"] + "/blob/main/"
README_SECTIONS = [
    "Description",
    "Installation",
    "The first run",
    "What keeps it safe",
    "Use cases",
    "Testing",
]
README_SECTIONS += [
    "Communication",
    "Contributing",
    "Support",
    "Release notes",
    "Related information",
    "License",
]
PICTURES = "https://raw.githubusercontent.com/django-media/cleanup/main/"


@pytest.fixture(scope="module")
def tried() -> set[Any]:
    """The dry runs that were tried: where several pages show the same one, the first of them tries it."""
    return set()


@pytest.mark.parametrize("page", WITH_COMMANDS, ids=lambda page: page.name)
def test_the_commands_of_a_page_work_in_their_order(
    page: Path, tmp_path: Path, ansible: Ansible, tried: set[Any]
):
    lost = page.name == "deleted_media_folder.md"
    demo = build(tmp_path / "demo", *(["--total-loss"] if lost else []))
    command = described(Command(tmp_path), demo)
    if not lost:
        # The pages name a batch.
        assert command.run("orphans", "footycollect", "--force").returncode == Exit.DONE
    for words in commands(page):
        known = [HOSTS.get(word, word) for word in words]
        if Path(known[0]).name == "media-cleanup":
            done = command.run(*in_demo(known[1:], demo), cwd=demo)
            assert done.returncode in (Exit.DONE, Exit.UNCONFIRMED), (words, done.stderr)
        elif "--check" not in words or (lost, *words) not in tried:
            run = ansible.run(Path(known[0]).name, *in_demo(known[1:], demo))
            assert run.status == 0 or UNCONFIRMED in run.words, (words, run.output)
            tried.add((lost, *words))


def described(command: Command, demo: Path) -> Command:
    """The command, with the demo's sites described for it as the role would."""
    inventory = yaml.safe_load((demo / "inventory.yml").read_text())
    for host in inventory["demo"]["hosts"].values():
        for site in host["media_cleanup_sites"]:
            command.describe(site)
    return command


def in_demo(words: list[str], demo: Path) -> Iterator[str]:
    """The arguments of a command, for the demo's inventory and for a batch that its quarantine has."""
    kept = sorted(path.name for path in demo.rglob("*-orphans-*"))
    for word in words:
        if word in ("inventory", ".demo/inventory.yml"):
            yield str(demo / "inventory.yml")
        elif word.startswith("media_cleanup_report="):
            yield f"media_cleanup_report={demo / word.partition('=')[2]}"
        elif word == "/var/www/footycollect":
            yield str(demo / "footycollect")
        else:
            yield BATCH.sub(lambda found: kept[0] if kept else found.group(), word)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_links_lead_somewhere(page: Path):
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        published = target.startswith((PUBLISHED, PICTURES))
        if "://" in target and not published:
            continue
        path, _hash, anchor = target.replace(PUBLISHED, "").replace(PICTURES, "").partition("#")
        found = ((REPOSITORY if published else page.parent) / path).resolve() if path else page
        assert found.exists(), target
        if anchor:
            titles = re.findall(r"^#+ (.*)$", found.read_text(), re.MULTILINE)
            assert anchor in [re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles], (
                target
            )


def test_the_readme_is_what_galaxy_and_the_community_ask_for():
    """Sections by the names that readers of collections know, and links that work anywhere."""
    text = README.read_text()
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == README_SECTIONS
    links = re.findall(r"\]\(([^)\s]+)\)", text)
    assert [link for link in links if not link.startswith("https://")] == []
    assert "playbooks/" not in text


def test_the_page_on_architecture_names_every_room_and_no_other():
    """In its table, and by the same names in its picture."""
    rooms = {
        path.name if path.is_file() else f"{path.name}/"
        for path in ENGINE.iterdir()
        if path.name not in ("__init__.py", "__pycache__")
    }
    section = ARCHITECTURE.read_text().partition("## The rooms of the engine")[2].partition("\n## ")[0]
    picture, _end, table = section.partition("```mermaid")[2].partition("```")
    assert set(re.findall(r"^\| `([^`]+)` \|", table, re.MULTILINE)) == rooms
    drawn = re.findall(r"subgraph r\d.*\n *direction LR\n(.*)\n *end", picture)
    names = {name.strip() for row in drawn for name in row.split("~~~")}
    assert names == {room.rstrip("/") for room in rooms}


def test_the_page_on_architecture_names_every_folder_of_a_room_and_no_other():
    folders = {
        f"{path.relative_to(ENGINE)}/"
        for path in ENGINE.glob("*/**")
        if path.is_dir() and path.parent != ENGINE and path.name != "__pycache__"
    }
    assert folders
    section = ARCHITECTURE.read_text().partition("## The folders of a room")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE)) == folders


@pytest.mark.parametrize("page", [ARCHITECTURE, REPOSITORY / "CONTRIBUTING.md"], ids=lambda page: page.name)
def test_the_files_that_a_page_for_developers_names_exist(page: Path):
    """By their paths from the top, in the engine, or in the rooms of its tests."""
    tops = (REPOSITORY, ENGINE, REPOSITORY / "tests" / "unit" / "plugins" / "module_utils")
    # NAME stands for a file that the reader is going to add.
    named = set(re.findall(r"`([\w./-]+(?:\.py|\.yml|/))`", page.read_text()))
    named = {path for path in named if "NAME" not in path and not path.startswith((".build", ".demo"))}
    assert len(named) > 10
    assert {path for path in named if not any((top / path).exists() for top in tops)} == set()


def test_the_make_targets_that_pages_and_workflows_name_exist():
    makefile = (REPOSITORY / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    workflows = [*(REPOSITORY / ".github").rglob("*.yml"), *(REPOSITORY / ".github").rglob("*.md")]
    assert len(workflows) > 5
    named = {
        target: path.name
        for path in (*PAGES, *workflows)
        for target in re.findall(r"(?:`|\$ |run: )make ([a-z-]+)", path.read_text())
    }
    assert len(named) > 10
    assert {target: name for target, name in named.items() if target not in targets} == {}


def test_the_messages_of_the_troubleshooting_page_are_those_of_the_program():
    """A message is quoted with … where it differs; each piece must be in a text of the engine."""
    texts = "\n".join(spoken())
    page = (REPOSITORY / "docs" / "troubleshooting.md").read_text()
    quoted = re.findall(r"^\| `([^`]+)` \|", page, re.MULTILINE)
    assert len(quoted) > 10
    pieces = [piece for message in quoted for piece in message.split("…") if piece]
    assert [piece for piece in pieces if piece not in texts] == []


def spoken() -> Iterator[str]:
    """Every text in the engine, with … for what is put in as it runs."""
    for path in (REPOSITORY / "plugins" / "module_utils").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value
            elif isinstance(node, ast.JoinedStr):
                yield "".join(
                    str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values
                )

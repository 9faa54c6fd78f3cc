# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""The engine as the controller sends it: to any Python, by any way, and with what a target may answer."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.parsing.vault import VaultLib, VaultSecret

from ansible_collections.django_media.cleanup.plugins.module_utils._plans import Plans
from ansible_collections.django_media.cleanup.plugins.plugin_utils import _engine_action
from engine.archive import packing
from engine.host import MARK
from helpers.ansible_runs import Ansible
from helpers.environments import interpreters
from helpers.sites import Site

SECRET = "hunter2-and-more"
PLANS = "django_media.cleanup.media_plans"
ASKED = json.dumps({"sites": "{{ media_cleanup_sites }}", "jobs": ["orphans"]})
# Says how many files of the engine are compiled from their source.
COUNTING = """\
import builtins
compile_, compiled = builtins.compile, []
def counting(source, name, *more, **options):
    compiled.append(str(name))
    return compile_(source, name, *more, **options)
builtins.compile = counting
"""
# Found below the folder that a program begins in.
TRAP = "raise SystemExit('imported from the folder of a login')"


def question(site: Site, **more: Any) -> list[Any]:
    said = {"sites": [site.described(**more)], "jobs": ["orphans"]}
    return Plans(said, {"check": True, "verbose": False, "diff": False}).requests


def sent(asked: Any, archive: bytes = _engine_action.ARCHIVE) -> bytes:
    return _engine_action.lines_of(asked) + archive


def answered(
    content: bytes, folder: Path, python: Path | str = sys.executable, before: str = "", after: str = ""
) -> str:
    """What a target prints that begins in a folder and runs what was sent to it."""
    program = f"{before}{_engine_action.START}{after}"
    done = subprocess.run(
        [python, "-B", "-c", program], input=content, cwd=folder, capture_output=True, check=False
    )
    return (done.stdout + done.stderr).decode()


def found(said: str) -> list[dict[str, Any]]:
    line = next(line for line in said.splitlines() if line.startswith(MARK))
    return [answer["result"] for answer in json.loads(line[len(MARK) :])["answers"]]


@pytest.fixture
def orphan(sqlite_site: Site) -> Site:
    sqlite_site.keep("photos/a.jpg")
    sqlite_site.write("photos/orphan.jpg")
    return sqlite_site


def test_the_same_python_compiles_nothing_of_the_engine(orphan: Site, tmp_path: Path) -> None:
    after = "\nprint([name for name in compiled if 'media_cleanup' in name])"
    said = answered(sent(question(orphan)), tmp_path, before=COUNTING, after=after)
    assert found(said)[0]["found"]["files"] == 1
    assert said.splitlines()[-1] == "[]"


def test_a_python_of_another_version_compiles_the_source(
    orphan: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_engine_action, "MAGIC_NUMBER", b"none")
    other = _engine_action.archive_of_engine()
    assert other != _engine_action.ARCHIVE
    after = "\nprint(len([name for name in compiled if 'media_cleanup' in name]))"
    said = answered(sent(question(orphan), other), tmp_path, before=COUNTING, after=after)
    assert found(said)[0]["found"]["files"] == 1
    assert int(said.splitlines()[-1]) > 100


@pytest.mark.parametrize("minor", interpreters())
def test_each_python_of_this_machine_takes_what_is_sent(orphan: Site, tmp_path: Path, minor: int) -> None:
    said = answered(sent(question(orphan)), tmp_path, interpreters()[minor])
    assert found(said)[0]["found"]["files"] == 1


@pytest.mark.promise(15)
def test_nothing_is_imported_from_the_folder_that_a_login_begins_in(orphan: Site, tmp_path: Path) -> None:
    for name in ("os", "tempfile", "json", "media_cleanup", "zipimport", "zlib"):
        (tmp_path / f"{name}.py").write_text(TRAP)
    assert found(answered(sent(question(orphan)), tmp_path))[0]["found"]["files"] == 1


@pytest.mark.promise(15)
def test_the_site_s_process_gets_the_archive_as_it_came_and_no_question(orphan: Site, tmp_path: Path) -> None:
    python, seen = tmp_path / "python", tmp_path / "seen"
    python.write_text(
        f'#!/bin/sh\nstat -Lc %a "$4" > {seen}.mode; cp "$4" {seen}; exec {sys.executable} "$@"\n'
    )
    python.chmod(0o755)
    said = answered(sent(question(orphan, python=str(python))), tmp_path)
    assert found(said)[0]["found"]["files"] == 1
    assert seen.read_bytes() == _engine_action.ARCHIVE
    assert seen.with_suffix(".mode").read_text() == "444\n"


def test_an_old_python_says_so(orphan: Site, tmp_path: Path) -> None:
    said = answered(sent(question(orphan)), tmp_path, before="import sys; sys.version_info = (3, 7, 16)\n")
    assert said == "it is Python 3.7, and the engine needs 3.8 or later\n"


def test_a_path_means_what_it_means_on_the_target(
    orphan: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"HOME": str(orphan.media.parent), "STORE": orphan.media.name}.items():
        # Of the target alone: the controller has it only once the question is asked.
        assert value not in str(os.environ.get(name))
    asked = question(orphan, media_root="~/$STORE")
    monkeypatch.setenv("HOME", str(orphan.media.parent))
    monkeypatch.setenv("STORE", orphan.media.name)
    assert found(answered(sent(asked), tmp_path))[0]["found"]["files"] == 1


def test_the_archive_holds_all_but_the_command() -> None:
    with zipfile.ZipFile(io.BytesIO(_engine_action.ARCHIVE)) as archive:
        held = set(archive.namelist())
    expected = {name for name, _source in packing.engine_files() if not name.startswith("cli/")}
    assert held == {f"media_cleanup/{name}{kind}" for name in expected for kind in ("", "c")}


@pytest.mark.promise(12)
@pytest.mark.parametrize("pipelining", ["true", "false"])
def test_each_way_to_a_target_ends_in_plans_or_in_why_not(
    orphan: Site, ansible: Ansible, tmp_path: Path, pipelining: str
) -> None:
    wrappers = {
        "noisy": f'echo Welcome; {sys.executable} "$@"; status=$?; echo Bye; exit $status',
        "broken": f"echo cannot open postgresql://kit:{SECRET}@db/kit >&2; exit 3",
        "crashing": f"echo 'Traceback (most recent call last):\n  \nValueError: {SECRET}' >&2; exit 1",
    }
    hosts: dict[str, Any] = {"plain": {}, "missing": {"ansible_python_interpreter": "/nowhere/python"}}
    for name, script in wrappers.items():
        python = tmp_path / name
        python.write_text(f"#!/bin/sh\n{script}\n")
        python.chmod(0o755)
        hosts[name] = {"ansible_python_interpreter": str(python)}
    hosts["found"] = {"ansible_python_interpreter": "{{ 'auto_silent' }}"}
    described = {"media_cleanup_sites": [orphan.described(name="kit")]}
    wrong = {**described["media_cleanup_sites"][0], "database_url": f"postgresql://kit:{SECRET}@db/kit"}
    for name, variables in hosts.items():
        variables.update(described)
        if name in ("broken", "crashing"):
            variables["media_cleanup_sites"] = [wrong]
    inventory = ansible.inventory(hosts)
    before = orphan.state()
    run = ansible.run(
        "ansible",
        "-i",
        inventory,
        "all",
        "-m",
        PLANS,
        "-a",
        ASKED,
        "-vv",
        variables={"ANSIBLE_PIPELINING": pipelining, "ANSIBLE_CALLBACK_RESULT_FORMAT": "json"},
    )
    assert SECRET not in run.output
    assert orphan.state() == before
    ended = dict(re.findall(r"^(\w+) \| ([A-Z]+)", run.output, re.MULTILINE))
    for name in ("plain", "noisy", "found"):
        assert ended[name] == "CHANGED", run.output
    for name, words in {
        "missing": "/nowhere/python on the host ended without an answer (status 127)",
        "broken": "ended without an answer (status 3): cannot open ********",
        "crashing": "ended without an answer (status 1): ValueError. Nothing was changed.",
    }.items():
        assert ended[name] == "FAILED", run.output
        assert words in run.words
    assert '"discovered_interpreter_python": "/' in run.output
    assert not list((ansible.home / "remote").glob("*"))


def test_a_vaulted_secret_reaches_the_engine(orphan: Site, ansible: Ansible, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("open sesame")
    vault = VaultLib([("default", VaultSecret(b"open sesame"))])
    url = vault.encrypt(orphan.database.url).decode()
    described = {**orphan.described(name="kit"), "database_url": "URL"}
    inventory = yaml.safe_load(ansible.inventory({"web": {"media_cleanup_sites": [described]}}).read_text())
    text = yaml.safe_dump(inventory, indent=1, width=10_000)
    indented = "\n".join(f"{' ' * 20}{line}" for line in url.splitlines())
    path = ansible.home / "vaulted.yml"
    path.write_text(text.replace("database_url: URL", f"database_url: !vault |\n{indented}"))
    run = ansible.run(
        "ansible",
        *("-i", path, "all", "-m", PLANS, "--vault-password-file", tmp_path / "password"),
        *("-a", ASKED),
    )
    assert "web | CHANGED" in run.output, run.output
    assert '"msg"' not in run.output

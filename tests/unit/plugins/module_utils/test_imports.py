# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""What a module of Ansible compiles at each start, on each host of a fleet."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

from helpers.checkout import REPOSITORY

ENGINE = "ansible_collections.django_media.cleanup.plugins.module_utils._reconcile"
# Rooms of which a site uses one at most.
CHOSEN = ("database.mysql", "database.postgresql", "database.sqlite", "media.s3.store", "media.s3.private")
# What only a site with a Django project needs, a page to review, a restore.
SELDOM = ("config.django.answer", "config.django_jobs.jobs", "report.discovered", "report.page")


def imported(module: str) -> list[str]:
    """What of the engine a process has imported once it has imported this."""
    program = f"import sys; import {module}; print(*sys.modules, sep='\\n')"
    path = {"PYTHONPATH": str(REPOSITORY / ".collections")}
    done = subprocess.run(
        [sys.executable, "-c", program], env=path, capture_output=True, text=True, check=True
    )
    return [name[len(ENGINE) + 1 :] for name in done.stdout.splitlines() if name.startswith(f"{ENGINE}.")]


def test_only_the_database_and_the_media_store_of_a_site_are_imported() -> None:
    found = imported(f"{ENGINE}.tasks.plans")
    assert "session" in found
    assert [name for name in found if name.startswith((*CHOSEN, *SELDOM))] == []


def test_the_parent_of_a_site_s_process_does_not_import_what_that_does() -> None:
    for module in (f"{ENGINE.rpartition('.')[0]}._module", f"{ENGINE}.host"):
        found = imported(module)
        rooms = {name.partition(".")[0] for name in found}
        assert "work" in rooms
        assert (
            rooms & {"session", "run", "plan", "apply", "compare", "database", "quarantine", "tasks"} == set()
        )


def test_from_an_archive_each_file_is_compiled_once(tmp_path: Path) -> None:
    archive = tmp_path / "engine.zip"
    engine = REPOSITORY / "plugins" / "module_utils" / "_reconcile"
    with zipfile.ZipFile(archive, "w") as packed:
        for path in engine.rglob("*.py"):
            packed.write(path, f"media_cleanup/{path.relative_to(engine)}")
    program = """
import builtins, collections, sys
compiled, compile_ = collections.Counter(), builtins.compile
def counting(source, name, *more, **options):
    compiled[str(name)] += 1
    return compile_(source, name, *more, **options)
builtins.compile = counting
sys.path.insert(0, sys.argv[1])
import media_cleanup.tasks.plans as plans
files = {name: count for name, count in compiled.items() if name.startswith(sys.argv[1])}
first = ("/__init__.py", "/archive/importing.py")
again = [name for name, count in files.items() if count > 1 and not name.endswith(first)]
print(len(files), again, plans.__file__ in files, plans.__spec__.origin == plans.__file__)
"""
    done = subprocess.run(
        [sys.executable, "-I", "-c", program, archive], capture_output=True, text=True, check=True
    )
    number, rest = done.stdout.split(maxsplit=1)
    assert int(number) > 100
    assert rest.split() == ["[]", "True", "True"]

# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""What a module of Ansible compiles at each start, on each host of a fleet."""

from __future__ import annotations

import subprocess
import sys

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
    for module in ("_module", "_plans"):
        found = imported(f"{ENGINE.rpartition('.')[0]}.{module}")
        rooms = {name.partition(".")[0] for name in found}
        assert "work" in rooms
        assert (
            rooms & {"session", "run", "plan", "apply", "compare", "database", "quarantine", "tasks"} == set()
        )

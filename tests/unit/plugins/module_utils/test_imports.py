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


def test_only_the_database_and_the_media_store_of_a_site_are_imported() -> None:
    program = f"import sys; import {ENGINE}.work; print(*sys.modules, sep='\\n')"
    path = {"PYTHONPATH": str(REPOSITORY / ".collections")}
    done = subprocess.run(
        [sys.executable, "-c", program], env=path, capture_output=True, text=True, check=True
    )
    imported = [name[len(ENGINE) + 1 :] for name in done.stdout.splitlines() if name.startswith(f"{ENGINE}.")]
    assert "session" in imported
    assert [name for name in imported if name.startswith(CHOSEN)] == []

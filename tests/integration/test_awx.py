# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Execution environments and AWX: what ansible-builder makes of the collection."""

from __future__ import annotations

from pathlib import Path

import yaml

from helpers.ansible_runs import Ansible


def test_an_execution_environment_needs_nothing_more_than_ansible_core(
    archive: Path, ansible: Ansible, tmp_path: Path
):
    installed = tmp_path / "collections"
    ansible.environment["ANSIBLE_COLLECTIONS_PATH"] = str(installed)
    run = ansible.run("ansible-galaxy", "collection", "install", archive, "-p", installed, "--offline")
    assert run.status == 0, run.output
    assert (installed / "ansible_collections/django_media/cleanup/meta/execution-environment.yml").exists()
    python, system = tmp_path / "requirements.txt", tmp_path / "bindep.txt"
    run = ansible.run(
        "ansible-builder", "introspect", installed, "--write-pip", python, "--write-bindep", system
    )
    assert run.status == 0, run.output
    assert yaml.safe_load(run.output.partition("---\n")[2]) == {"python": [], "system": []}
    assert not python.exists()
    assert not system.exists()

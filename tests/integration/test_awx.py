# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Execution environments and AWX: what ansible-builder makes of the collection."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.django_media.cleanup.plugins.filter.cleanup_unknown import cleanup_unknown
from helpers.ansible_runs import Ansible, Run
from helpers.checkout import REPOSITORY
from helpers.sites import Site


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


PAGE = (REPOSITORY / "docs/howto/awx.md").read_text()


def shown(language: str, title: str) -> Any:
    """What the page shows below a title, as data."""
    section = PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    return yaml.safe_load(re.findall(rf"```{language}\n(.*?)```", section, re.DOTALL)[-1])


def test_ansible_builder_takes_the_definition_of_the_page(ansible: Ansible, tmp_path: Path):
    definition = tmp_path / "execution-environment.yml"
    definition.write_text(yaml.safe_dump(shown("yaml", "The execution environment")))
    context = tmp_path / "context"
    run = ansible.run("ansible-builder", "create", "--file", definition, "--context", context)
    assert run.status == 0, run.output
    assert "django_media.cleanup" in (context / "_build" / "requirements.yml").read_text()


def test_the_survey_asks_for_variables_that_there_are():
    survey = shown("json", "A survey")
    variables = [question["variable"] for question in survey["spec"]]
    assert cleanup_unknown(variables) == []
    for question in survey["spec"]:
        assert set(question) >= {"question_name", "type", "variable", "required"}
        # Nothing but these is a type of AWX, and a list of choices is a list.
        assert question["type"] in ("text", "integer", "multiplechoice", "multiselect")


def passed_on(run: Run) -> Any:
    """What a run gives the next one in a workflow, as AWX reads it from its end."""
    found = re.search(r"^\s*RUN: (\{.*\})$", run.output, re.MULTILINE)
    return json.loads(found[1]) if found else {}


@pytest.mark.promise(7)
def test_a_workflow_applies_what_was_approved_and_nothing_that_came_since(
    ansible: Ansible, sqlite_site: Site, tmp_path: Path
):
    sqlite_site.keep(*(f"photos/{number}.jpg" for number in range(6)))
    sqlite_site.write("photos/orphan.jpg")
    ansible.environment |= {"ANSIBLE_SHOW_CUSTOM_STATS": "true", "ANSIBLE_CALLBACK_RESULT_FORMAT": "json"}
    hosts = {"web": [sqlite_site.described()]}
    apply = shown("yaml", "Check, approve, apply")
    variables = tmp_path / "variables.json"

    # Without an approval nothing goes, although the run does not ask.
    variables.write_text(json.dumps(apply))
    unapproved = ansible.clean(hosts, "-e", f"@{variables}")
    assert unapproved.status == 2
    assert "nobody has reviewed it" in unapproved.words
    assert "photos/orphan.jpg" in sqlite_site.files

    check = ansible.clean(hosts, "--check", "-e", "media_cleanup_hand_on=true")
    assert check.status == 0, check.output
    sqlite_site.write("photos/came_later.jpg")
    variables.write_text(json.dumps({**apply, **passed_on(check)}))
    done = ansible.clean(hosts, "-e", f"@{variables}")
    assert done.status == 0, done.output
    assert "photos/orphan.jpg" not in sqlite_site.files
    assert "photos/came_later.jpg" in sqlite_site.files

# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""What ansible-doc shows is what the modules take."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any, Mapping

import pytest
import yaml
from ansible.module_utils.basic import AnsibleModule

from helpers.ansible_runs import Ansible
from helpers.checkout import REPOSITORY
from helpers.modules import action_of, plugin

MODULES = sorted(path.stem for path in (REPOSITORY / "plugins" / "modules").glob("*.py"))
# What a plain option is, where its documentation or its specification says nothing of it.
PLAIN = {"type": "str", "required": False, "default": None, "choices": None, "elements": None}


@pytest.fixture
def documentation(ansible: Ansible) -> Mapping[str, Any]:
    """The documentation of all modules, as ansible-doc gives it."""
    run = ansible.run(
        "ansible-doc", "-j", "-t", "module", *(f"django_media.cleanup.{name}" for name in MODULES)
    )
    assert run.status == 0, run.output
    return json.loads(run.output)


class Caught(Exception):
    """Carries what a module hands to AnsibleModule."""


@lru_cache(maxsize=None)
def specification(name: str) -> Mapping[str, Any]:
    """The argument spec of a module, or of the action that does all of its work on the controller."""
    if not hasattr(plugin(name), "main"):
        return action_of(name).ARGUMENTS

    def catch(_module: AnsibleModule, argument_spec: Mapping[str, Any], **_more: Any) -> None:
        raise Caught(argument_spec)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(AnsibleModule, "__init__", catch)
        with pytest.raises(Caught) as caught:
            plugin(name).main()
    return caught.value.args[0]


def described(options: Mapping[str, Any], inner: str) -> dict[str, Any]:
    """All that can be said of options, with nothing left to a default."""
    found = {}
    for name, option in options.items():
        found[name] = {key: option.get(key, plain) for key, plain in PLAIN.items()}
        found[name]["options"] = described(option.get(inner) or {}, inner)
    return found


def test_every_option_is_documented_as_it_is(documentation: Mapping[str, Any]):
    assert set(documentation) == {f"django_media.cleanup.{name}" for name in MODULES}
    for name in MODULES:
        options = documentation[f"django_media.cleanup.{name}"]["doc"]["options"]
        assert described(options, "suboptions") == described(specification(name), "options"), name


def test_ansible_doc_shows_each_module_and_the_filter_to_people(ansible: Ansible):
    names = [f"django_media.cleanup.{name}" for name in MODULES]
    run = ansible.run("ansible-doc", "-t", "module", *names)
    assert run.status == 0, run.output
    for name in MODULES:
        assert f"> MODULE django_media.cleanup.{name}" in run.output
    assert "[ERROR]" not in run.output
    assert "[WARNING]" not in run.output
    filters = [
        f"django_media.cleanup.{name}"
        for name in ("cleanup_jobs", "cleanup_quarantines", "cleanup_sites", "cleanup_unknown")
    ]
    run = ansible.run("ansible-doc", "-t", "filter", *filters)
    assert run.status == 0, run.output
    for name in filters:
        assert f"> FILTER {name}" in run.output


def test_the_examples_are_tasks_that_the_modules_take(documentation: Mapping[str, Any]):
    for name in MODULES:
        examples = yaml.safe_load(documentation[f"django_media.cleanup.{name}"]["examples"])
        assert examples, name
        for task in examples:
            assert task["name"]
            for module in MODULES:
                options = task.get(f"django_media.cleanup.{module}", {})
                assert unknown(options, specification(module)) == set(), task["name"]


def unknown(options: Any, known: Mapping[str, Any]) -> set[str]:
    """Options of an example that its module has not, or required ones that it lacks."""
    if not options:
        return set()
    wrong = set(options) - set(known)
    wrong |= {name for name, option in known.items() if option.get("required") and name not in options}
    for name, value in options.items():
        inner = known.get(name, {}).get("options")
        entries = value if isinstance(value, list) else [value]
        for entry in entries if inner else ():
            wrong |= {f"{name}.{key}" for key in unknown(entry, inner)}
    return wrong


def test_the_action_group_holds_the_modules_that_clean():
    """So that module_defaults can set the options of the site once for all of them."""
    runtime = yaml.safe_load((REPOSITORY / "meta" / "runtime.yml").read_text())
    of_a_site = {"media_root", "max_removal_percent"}
    cleaning = [name for name in MODULES if of_a_site <= set(specification(name))]
    assert sorted(runtime["action_groups"]["cleanup"]) == cleaning

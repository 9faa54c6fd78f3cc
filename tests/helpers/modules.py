# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Runs modules in this process, and compares their results with their documentation."""

from __future__ import annotations

import io
import json
from contextlib import contextmanager, redirect_stdout, suppress
from importlib import import_module
from typing import Any, Iterable, Iterator, Mapping, Sequence
from unittest import mock

import yaml
from ansible import constants
from ansible.module_utils import basic

from helpers.clock import let_clock_tick

ORPHANS = "django_media.cleanup.media_orphans"
RECORDS = "django_media.cleanup.photo_records"
# What Ansible itself puts into every result.
ANSIBLES_OWN_KEYS = {"changed", "diff", "exception", "failed", "invocation", "msg", "warnings"}

Task = Mapping[str, Any]


def orphans(**options: Any) -> Task:
    return {ORPHANS: options}


def records(**options: Any) -> Task:
    """A task that removes at once rows whose age nobody knows, too."""
    return {RECORDS: {"confirm_scans": 1, **options}}


def run_module(task: Task, check: bool = False) -> dict[str, Any]:
    """Run a task's module as a target does, but in this process, which costs next to nothing."""
    ((name, options),) = task.items()
    let_clock_tick()
    said = io.StringIO()
    arguments = {**options, "_ansible_check_mode": check, "_ansible_diff": True, **_shows_arguments()}
    with module_arguments(arguments), as_on_a_target(), redirect_stdout(said), suppress(SystemExit):
        plugin(name.rpartition(".")[2]).main()
    return {"failed": False, **json.loads(said.getvalue())}


def _shows_arguments() -> Mapping[str, Any]:
    """What lets a module show its arguments, which is no longer the default of ansible-core 2.21."""
    name = "INJECT_INVOCATION"
    is_known = constants.config.get_configuration_definition(name)
    return {f"_ansible_{name.lower()}": True} if is_known else {}


@contextmanager
def module_arguments(arguments: Mapping[str, Any]) -> Iterator[None]:
    """Hand arguments to a module of this process, as ansible-core itself does from 2.19 on."""
    try:
        from ansible.module_utils.testing import patch_module_args
    except ImportError:
        encoded = json.dumps({"ANSIBLE_MODULE_ARGS": arguments}).encode()
        with mock.patch.object(basic, "_ANSIBLE_ARGS", encoded):
            yield
    else:
        with patch_module_args(arguments):
            yield


@contextmanager
def as_on_a_target() -> Iterator[None]:
    """Let warnings go into the result, even when another test brought Ansible's controller in here.

    From 2.19 on, ansible-core shows them at once in a process that holds the controller.
    """
    try:
        from ansible.module_utils import _internal
    except ImportError:
        yield
    else:
        with mock.patch.object(_internal, "is_controller", False, create=True):
            yield


def plugin(module: str) -> Any:
    return import_module(f"ansible_collections.django_media.cleanup.plugins.modules.{module}")


def action_of(module: str) -> Any:
    """The action that does the work of a module on the controller."""
    return import_module(f"ansible_collections.django_media.cleanup.plugins.action.{module}")


def names(entries: Iterable[Mapping[str, Any]], key: str = "name") -> set[str]:
    return {entry[key] for entry in entries}


def undocumented(result: Mapping[str, Any], module: str) -> set[str]:
    """Keys that a result has and the documentation of its module has not, or the other way round."""
    returned = yaml.safe_load(plugin(module).RETURN)
    # What a module says that fails before it has a plan, no other result has.
    documented = {key: of for key, of in returned.items() if of["returned"] != "when no plan could be made"}
    differing = set(documented) ^ (set(result) - ANSIBLES_OWN_KEYS)
    for key, description in documented.items():
        value = result.get(key)
        for entry in (value if isinstance(value, list) else [value]) if "contains" in description else ():
            differing |= {f"{key}.{name}" for name in set(entry) ^ set(description["contains"])}
    return differing


def not_told(messages: Mapping[str, str], expected: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Those of the messages that are not one line, or lack a word that they should have."""
    return {
        case: messages[case]
        for case, words in expected.items()
        if "\n" in messages[case] or not all(word in messages[case] for word in words)
    }

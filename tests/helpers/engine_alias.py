# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Lets tests import the engine as ``engine``: the same modules as by their full names, no copies."""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

SHORT = "engine"
FULL = "ansible_collections.django_media.cleanup.plugins.module_utils._reconcile"


class EngineAlias(MetaPathFinder, Loader):
    """Finds ``engine.ROOM.MODULE`` where the collection has it."""

    def __init__(self) -> None:
        self._specs: dict[str, Any] = {}

    def find_spec(self, name: str, _path: object, _target: object = None) -> ModuleSpec | None:
        is_ours = name == SHORT or name.startswith(f"{SHORT}.")
        return ModuleSpec(name, self, is_package=True) if is_ours else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = import_module(FULL + spec.name[len(SHORT) :])
        self._specs[module.__name__] = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        # It ran under its full name; only its description was replaced.
        module.__spec__ = self._specs.pop(module.__name__)


def install() -> None:
    """Make the short name known; more than once does no harm."""
    if not any(isinstance(finder, EngineAlias) for finder in sys.meta_path):
        sys.meta_path.insert(0, EngineAlias())

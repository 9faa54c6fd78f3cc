#!/usr/bin/env python
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
"""Break the engine in one place at a time and see whether its unit tests notice.

    python tests/run_mutants.py plan records --every 3

Each mutant lives in a forked process alone, compiled from a changed syntax tree: no file is touched. Those
that no test minds are named. Some do no harm, such as a bound that nobody can reach; each of the others is
a test to be written.
"""

from __future__ import annotations

import argparse
import ast
import copy
import importlib.abc
import importlib.util
import os
import signal
import sys
import tempfile
import time
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Iterable, Iterator, NamedTuple, Sequence

import pytest

ROOT = Path(__file__).resolve().parent.parent
ENGINE = ROOT / "plugins" / "module_utils" / "_reconcile"
PACKAGE = "ansible_collections.django_media.cleanup.plugins.module_utils._reconcile"
UNITS = ROOT / "tests" / "unit" / "plugins" / "module_utils"
TIME_LIMIT = 300  # seconds for the tests where nothing was broken
SLOWER = 4  # times that, and an endless loop is noticed too

SWAPPED: dict[type, type] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.FloorDiv: ast.Mult,
}


class Mutant(NamedTuple):
    line: int
    change: str
    tree: ast.Module


def mutants(code: str) -> Iterator[Mutant]:
    """Every tree that differs from that of some code in one place."""
    tree = ast.parse(code)
    for number, node in enumerate(ast.walk(tree)):
        for index, change in enumerate(changes(node)):
            changed = copy.deepcopy(tree)
            twin = list(ast.walk(changed))[number]
            before = ast.get_source_segment(code, node) or ""
            tuple(changes(twin, index))
            yield Mutant(getattr(node, "lineno", 0), f"{change}: {before.splitlines()[0][:70]}", changed)


def changes(node: ast.AST, wanted: int = -1) -> Iterator[str]:
    """Tell how a node can be changed, and change it in the wanted way."""

    def change(name: str, field: str, value: object) -> Iterator[str]:
        nonlocal wanted
        if wanted == 0:
            setattr(node, field, value)
        wanted -= 1
        yield name

    if isinstance(node, ast.Compare) and type(node.ops[0]) in SWAPPED:
        swapped = SWAPPED[type(node.ops[0])]
        yield from change(swapped.__name__, "ops", [swapped(), *node.ops[1:]])
    if isinstance(node, (ast.BoolOp, ast.BinOp, ast.AugAssign)) and type(node.op) in SWAPPED:
        swapped = SWAPPED[type(node.op)]
        yield from change(swapped.__name__, "op", swapped())
    if isinstance(node, (ast.If, ast.While, ast.IfExp)):
        yield from change("not", "test", ast.UnaryOp(ast.Not(), node.test))
    if isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield from change("flip", "value", not node.value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, int):
        yield from change("one more", "value", node.value + 1)
    if isinstance(node, ast.Return) and node.value is not None and not _is_false(node.value):
        yield from change("return None", "value", ast.Constant(None))
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        yield from change("left out", "value", ast.Constant(None))


def _is_false(node: ast.expr) -> bool:
    """Whether None would do as well."""
    return isinstance(node, ast.Constant) and node.value in (None, False)


class Breaker(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports one module from a changed tree."""

    def __init__(self, name: str, path: Path, tree: ast.Module) -> None:
        self.name, self.path, self.tree = name, path, tree

    def find_spec(self, name: str, _path: object, _target: ModuleType | None = None) -> ModuleSpec | None:
        return (
            importlib.util.spec_from_file_location(name, self.path, loader=self)
            if name == self.name
            else None
        )

    def exec_module(self, module: ModuleType) -> None:
        exec(compile(ast.fix_missing_locations(self.tree), str(self.path), "exec"), module.__dict__)


def source(module: str) -> Path:
    return ENGINE.joinpath(*module.split(".")).with_suffix(".py")


def tests_of(module: str) -> Path:
    """The tests that speak for a module: those of its room, or the file of one that is in none."""
    *room, name = module.split(".")
    return UNITS.joinpath(*room) if room else UNITS / f"test_{name}.py"


def all_modules() -> list[str]:
    """The modules for which unit tests speak."""
    found = (path.relative_to(ENGINE).with_suffix("") for path in sorted(ENGINE.rglob("[!_]*.py")))
    return [module for module in (".".join(path.parts) for path in found) if tests_of(module).exists()]


def begun(module: str, tree: ast.Module, patience: int) -> int:
    """Start the tests of a module on a changed tree; the number of their process."""
    child = os.fork()
    if child:
        return child
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    signal.alarm(patience)
    sys.meta_path.insert(0, Breaker(f"{PACKAGE}.{module}", source(module), tree))
    folder = f"--basetemp={tempfile.mkdtemp(prefix='mutant-')}"
    # The database is SQLite, whose tests are the quicker ones.
    os._exit(pytest.main(["-x", "-k", "not postgresql and not memory", folder, str(tests_of(module))]))


def survivors(module: str, tried: Iterable[Mutant], jobs: int, patience: int) -> Iterator[Mutant]:
    """Yield the mutants that no test minds; so many are tried at a time."""
    running: dict[int, Mutant] = {}

    def ended() -> Iterator[Mutant]:
        child, status = os.wait()
        mutant = running.pop(child)
        if status == 0:
            yield mutant

    for mutant in tried:
        if len(running) == jobs:
            yield from ended()
        running[begun(module, mutant.tree, patience)] = mutant
    while running:
        yield from ended()


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("modules", nargs="*", help="such as plan.orphans; all by default")
    parser.add_argument("--every", type=int, default=1, help="only every so many mutants, for a quick look")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="so many at a time")
    options = parser.parse_args(arguments)
    os.chdir(ROOT)
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        os.chmod(folder, 0o755)  # some tests do as a user without rights
        tempfile.tempdir = folder
        for module in options.modules or all_modules():
            print(score(module, options.every, options.jobs), flush=True)
    return 0


def score(module: str, every: int, jobs: int) -> str:
    code = source(module).read_text()
    start = time.monotonic()
    if not list(survivors(module, [Mutant(0, "", ast.parse(code))], 1, TIME_LIMIT)):
        sys.exit(f"{module}: the tests fail although nothing was broken.")
    unbroken = time.monotonic() - start
    tried = list(mutants(code))[::every]
    missed = 0
    for mutant in survivors(module, tried, jobs, int(SLOWER * jobs * unbroken)):
        missed += 1
        print(f"{module}:{mutant.line}: {mutant.change}", flush=True)
    seconds = time.monotonic() - start
    return f"{module}: {len(tried) - missed} of {len(tried)} mutants were noticed, in {seconds:.0f} s"


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
"""Write the tables of `docs/promises.md`: which tests carry the mark of which promise.

A test carries `@pytest.mark.promise(n)`, or its file does as a whole (`pytestmark`). Beside the numbers
there are `"guards"`, `"moves"` and `"locks"`, for what comes before any promise. The page says where each
table stands, and all its other text is written by hand.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Iterator, NamedTuple, Sequence

TESTS = Path(__file__).resolve().parent
PAGE = TESTS.parent / "docs" / "promises.md"
TABLE = re.compile(r"(?<=<!-- tests: )(\w+)( -->\n).*?(?=<!-- end -->\n)", re.DOTALL)
NO_TEST = "No test yet.\n"


class Mark(NamedTuple):
    """That a test holds a promise; without the name of a test, that all of its file do."""

    promise: str
    file: str
    test: str = ""


def marks(folder: Path = TESTS) -> list[Mark]:
    """All marks below a folder, in the order of files and of tests within. Raises ValueError."""
    return [mark for path in sorted(folder.rglob("test_*.py")) for mark in marks_of(path, folder)]


def marks_of(path: Path, folder: Path) -> Iterator[Mark]:
    """Yield the marks of one file. Raises ValueError if it has one where none is read."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    file = path.relative_to(folder).with_suffix("").as_posix()
    read = 0
    for test, expressions in _marked(tree):
        for expression in expressions:
            for promise in _promises(expression):
                read += 1
                yield Mark(promise, file, test)
    if read != sum(1 for node in ast.walk(tree) for _promise in _promises(node)):
        raise ValueError(f"{path}: a mark of a promise belongs on a test function or into pytestmark.")


def _marked(tree: ast.Module) -> Iterator[tuple[str, Sequence[ast.AST]]]:
    """What may hold marks: the decorators of each function, and pytestmark."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            yield node.name, node.decorator_list
        elif isinstance(node, ast.Assign) and [ast.dump(name) for name in node.targets] == [_PYTESTMARK]:
            yield "", node.value.elts if isinstance(node.value, ast.List) else [node.value]


_PYTESTMARK = ast.dump(ast.Name("pytestmark", ast.Store()))


def _promises(node: ast.AST) -> Iterator[str]:
    """The promises that an expression names, if it is ``pytest.mark.promise(…)``."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "promise":
        for argument in node.args:
            yield str(ast.literal_eval(argument))


def page(text: str, found: Sequence[Mark]) -> str:
    """The page with its tables made anew. Raises ValueError if it has none for a promise of a mark."""
    unknown = {mark.promise for mark in found} - {promise for promise, _rest in TABLE.findall(text)}
    if unknown:
        raise ValueError(f"{PAGE} has no table for {', '.join(sorted(unknown))}.")
    return TABLE.sub(lambda match: f"{match[1]}{match[2]}{_table(match[1], found)}", text)


def _table(promise: str, found: Sequence[Mark]) -> str:
    files: dict[str, list[str]] = {}
    for mark in found:
        if mark.promise == promise:
            files.setdefault(mark.file, []).append(f"`{mark.test}`" if mark.test else "all")
    rows = [f"| `{file}` | {', '.join(tests)} |\n" for file, tests in files.items()]
    return "".join(["\n| file | tests |\n|---|---|\n", *rows, "\n"]) if rows else NO_TEST


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8"), marks()), encoding="utf-8")

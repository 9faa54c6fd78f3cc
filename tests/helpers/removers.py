# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Removers into which a test comes after a file was moved, and what came of a removal."""

from __future__ import annotations

from typing import Any, Callable

from engine.apply.remover import PermanentRemover, Remover
from engine.quarantine.writer import QuarantineWriter
from helpers.builders import Planned


class Keeping(QuarantineWriter):
    """A quarantine, into which a test comes after a file was moved."""

    def __init__(self, made: Planned, after: Callable[[bytes], object]) -> None:
        super().__init__(made.job.site, made.job.name, made.plan.plan_id, 1)
        self._after = after

    def remove(self, store: Any, path: bytes, state: Any) -> None:
        super().remove(store, path, state)
        self._after(path)


class Deleting(PermanentRemover):
    """The same where there is no quarantine."""

    def __init__(self, _made: Planned, after: Callable[[bytes], object]) -> None:
        self._after = after

    def remove(self, store: Any, path: bytes, state: Any) -> None:
        super().remove(store, path, state)
        self._after(path)


def codes(listed: Any) -> dict[bytes, str]:
    return {item.name: item.code.value for item in listed.items}


def applied(made: Planned, remover: Remover) -> Any:
    with remover:
        return made.apply(remover)

# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What guards refuse where there is no plan: a whole restore or purge, at once."""

from __future__ import annotations

from typing import NamedTuple, NoReturn

from ..errors import RefusedError


class Refusing(NamedTuple):
    """Takes what guards say; ``undone`` says that nothing was done."""

    undone: str

    def refuse(self, guard: str, message: str) -> NoReturn:
        raise RefusedError(f"refused by the guard {guard}: {message} {self.undone}")

# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Values and names in forms that JSON has."""

from typing import Any


def text(value: Any) -> str:
    return "" if value is None else str(value)


def is_scalar(value: Any) -> bool:
    return value is None or isinstance(value, (str, int, float))


def named(thing: Any) -> str:
    """The full name of a class or function, or that of its class."""
    name = getattr(thing, "__qualname__", None) or type(thing).__qualname__
    return f"{getattr(thing, '__module__', '')}.{name}"

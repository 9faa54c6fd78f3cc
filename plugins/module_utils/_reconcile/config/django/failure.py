# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Why a project could not be asked, in words, with what it printed and without its secrets."""

from __future__ import annotations

import re
from typing import Any, Iterator, Mapping, Sequence
from urllib.parse import quote, unquote, urlsplit

from ...errors import SiteError
from .project import Project

# Of what the project printed, the last lines are shown.
_LINES = 8
_LONGEST_LINE = 300
_HIDDEN = "********"
# What is shorter may be part of any word.
_SHORTEST_SECRET = 3
_SHORTEST_VARIABLE = 4

# The password of a URL, and what is assigned to a name that says that it is secret.
_IN_URL = re.compile(r"(://[^\s/@:]*:)[^\s]+@")
_ASSIGNED = re.compile(
    r"(\w*(?:passw|secret|token|api_?key|_key|credential|dsn)\w*[\"']?\s*[=:]\s*)\S.*", re.IGNORECASE
)

_NEEDS_VARIABLES = (
    "Settings that need environment variables get them from environment, environment_file or systemd_unit of "
    "django."
)
_NEEDS_PACKAGES = (
    "Set python of django to the interpreter of the project's virtual environment, and project to the folder "
    "from which the application is started."
)
_HINTS = {
    "KeyError": _NEEDS_VARIABLES,
    "ImproperlyConfigured": _NEEDS_VARIABLES,
    "UndefinedValueError": _NEEDS_VARIABLES,
    "ModuleNotFoundError": _NEEDS_PACKAGES,
    "ImportError": _NEEDS_PACKAGES,
}
_CHECK_BY_HAND = "Run its own command, such as manage.py check, as this user to see more."


class Failure:
    """A project that could not be asked, and what it printed."""

    def __init__(self, project: Project, printed: bytes = b"") -> None:
        self._project = project
        self._printed = printed
        self._secrets = {each for value in project.environment.values() for each in _with_password(value)}

    def error(self, why: str, hint: str = "") -> SiteError:
        return SiteError(
            f"the Django project in {self._project.directory!r} could not be asked with "
            f"{self._project.python} and the settings {self._project.settings!r}: {self._hidden(why)}. "
            f"{hint or _CHECK_BY_HAND} Nothing was examined.{self._lines()}"
        )

    def raised(self, sent: Mapping[str, Any]) -> SiteError:
        """The error for an exception, as the probe describes it."""
        secrets = sent.get("secrets")
        if isinstance(secrets, list):
            self._secrets.update(
                each
                for secret in secrets
                if isinstance(secret, str) and len(secret) >= _SHORTEST_SECRET
                for each in (secret, *_with_password(secret))
            )
        kind, text = str(sent.get("type")), str(sent.get("text"))
        where = self._where(sent.get("places"))
        return self.error(f"{kind}: {text[:2000]}{where}", _HINTS.get(kind, ""))

    def _where(self, places: Any) -> str:
        """The last place in a file of the project, else the last of all."""
        known = [place for place in places if _is_place(place)] if isinstance(places, list) else []
        ours = [place for place in known if place[0].startswith(self._project.directory.rstrip("/") + "/")]
        ours = [place for place in ours if "/site-packages/" not in place[0]]
        last = (ours or known)[-1:]
        return f" ({last[0][0]}, line {last[0][1]})" if last else ""

    def _lines(self) -> str:
        text = self._printed.decode("utf-8", "backslashreplace")
        lines = [line.strip() for line in self._hidden(text).splitlines() if line.strip()][-_LINES:]
        if not lines:
            return ""
        return "\n".join([" It printed:", *(line[:_LONGEST_LINE] for line in lines)])

    def _hidden(self, text: str) -> str:
        for secret in sorted(self._secrets, key=len, reverse=True):
            text = text.replace(secret, _HIDDEN)
        return _ASSIGNED.sub(rf"\1{_HIDDEN}", _IN_URL.sub(rf"\1{_HIDDEN}@", text))


def _is_place(place: Any) -> bool:
    if not isinstance(place, list) or len(place) != 2:
        return False
    return isinstance(place[0], str) and isinstance(place[1], int)


def _with_password(value: str) -> Iterator[str]:
    """A value in the forms in which a message may have it, and the password if it is a URL."""
    found = [value] if len(value) >= _SHORTEST_VARIABLE else []
    try:
        password = urlsplit(value).password
    except ValueError:
        password = None
    found += [password, unquote(password)] if password else []
    for each in found:
        if len(each) >= _SHORTEST_SECRET:
            yield from _spellings(each)


def _spellings(secret: str) -> Sequence[str]:
    return (secret, repr(secret)[1:-1], quote(secret), quote(secret, safe=""))

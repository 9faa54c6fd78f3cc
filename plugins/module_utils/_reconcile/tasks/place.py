# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The task that only asks which database and which media store a site has."""

from __future__ import annotations

from ..answers import Answer, Files, Request
from ..session import open_session
from .jobs import requested_job


def answer(request: Request, _files: Files) -> Answer:
    """Say the identity of the site of a job."""
    with open_session(requested_job(request).site, read_only=True) as session:
        result = {"changed": False, "identity": session.identity.among_hosts()}
    return {"result": result, "warnings": [], "failure": ""}

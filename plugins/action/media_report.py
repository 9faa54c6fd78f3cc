# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Makes the page on the controller, where the data of all hosts were fetched to."""

from __future__ import annotations

import os
import secrets
from typing import Any, Mapping, Sequence

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ..module_utils._reconcile.config.options import REPORT_BYTES
from ..module_utils._reconcile.errors import CleanupError
from ..module_utils._reconcile.report.lists import BESIDE_LISTS, ListFile
from ..module_utils._reconcile.report.page.page import Page, Part, as_html, read_documents, read_page

_JOBS = {
    "host": {"type": "str", "required": True},
    "heading": {"type": "str", "required": True},
    "data": {"type": "path"},
    "message": {"type": "str", "default": ""},
    "kind": {"type": "str", "default": "plan", "choices": ["plan", "batch"]},
}
ARGUMENTS = {
    "dest": {"type": "path", "required": True},
    "jobs": {"type": "list", "elements": "dict", "required": True, "options": _JOBS},
    "run": {"type": "str", "default": ""},
    "hosts": {"type": "list", "elements": "str", "default": []},
}


class ActionModule(ActionBase):  # type: ignore[misc]
    """Writes one file on the controller; check mode is when it is of use, and hinders it not."""

    TRANSFERS_FILES = False

    def run(self, tmp: Any = None, task_vars: Any = None) -> dict[str, Any]:
        """Make the page."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        _validation, options = self.validate_argument_spec(argument_spec=ARGUMENTS)
        dest = os.path.abspath(options["dest"])
        try:
            shown = _page(dest, options)
            text = as_html(shown)
            with ListFile(dest, "the page") as file:
                file.emit(text)
                file.emit(None)
        except CleanupError as error:
            raise AnsibleActionFail(str(error)) from None
        about = {"dest": dest, "bytes": len(text.encode()), "run": shown.run, "absent": list(shown.absent)}
        return {**result, "changed": True, **about}


def _page(dest: str, options: Mapping[str, Any]) -> Page:
    """The page of these jobs, and of those of other hosts that the same run has put there before."""
    parts = [part for job in options["jobs"] for part in _parts(job)]
    hosts = {part.host for part in parts}
    before = _earlier(dest, options["run"]) if options["run"] else []
    parts = [*(part for part in before if part.host not in hosts), *parts]
    shown = {part.host for part in parts}
    absent = [host for host in options["hosts"] if host not in shown]
    kind = "batch" if any(job["kind"] == "batch" for job in options["jobs"]) else "plan"
    return Page(options["run"] or secrets.token_hex(8), parts, absent, kind)


def _earlier(dest: str, run: str) -> Sequence[Part]:
    """What is on the page of the same run; nothing where that page is not there any more."""
    try:
        with open(dest, encoding="utf-8") as file:
            found = read_page(file.read())
    except (CleanupError, OSError, ValueError):
        return []
    return found.parts if found.run == run else []


def _parts(job: Mapping[str, Any]) -> list[Part]:
    """What the page shows of a job: its one plan, or each batch of a quarantine."""
    about = (job["host"], job["heading"])
    if job["message"] or not job["data"] or not os.path.exists(job["data"]):
        return [Part(*about, None, job["message"] or "no plan was made.")]
    try:
        with open(job["data"], encoding="utf-8") as file:
            documents = read_documents(file.read(REPORT_BYTES + BESIDE_LISTS), job["kind"])
        if job["kind"] == "batch":
            # A process speaks for its own site alone.
            own = ({**each, "site": job["heading"]} for each in documents)
            return [Part(job["host"], each["heading"], each) for each in own]
        [document] = documents
    except (CleanupError, OSError, ValueError) as error:
        # One host does not keep the others from being reviewed; without a plan, nothing of it is exported.
        return [Part(*about, None, f"what the host sent cannot be used: {error}")]
    return [Part(*about, document)]

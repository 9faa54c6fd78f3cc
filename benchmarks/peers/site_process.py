# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Runs the job orphans in this process or in one of its own: site_process.py {here|apart} OPTIONS."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / ".collections"))

from ansible_collections.django_media.cleanup.plugins.module_utils._reconcile import work
from ansible_collections.django_media.cleanup.plugins.module_utils._reconcile.config.trust.site_user import (
    this_process,
)

where, written = sys.argv[1:]
options = {"approved_plan": None, **json.loads(written)}
request = {"task": "orphans", "options": options, "check": True, "verbose": False, "diff": False}
worker = replace(this_process(), is_this_process=where == "here")
sys.stdout.write(f"{work.done_by(worker, request)['result']['found']['files']}\n")

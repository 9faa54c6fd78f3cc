# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""The engine's restore of the newest batch, without Ansible: restore.py OPTIONS.

It prints how many files were restored or, of records, how many rows were inserted.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "plugins" / "module_utils"))

from _reconcile.apply.restore import restore
from _reconcile.config import jobs
from _reconcile.quarantine.place import place_of
from _reconcile.quarantine.store import latest

options = json.loads(sys.argv[1])
site = (jobs.records_job(options) if "table" in options else jobs.orphans_job(options)).site
result = restore(site, latest(place_of(site), site.media_root), (), check=False)
print(result.totals.records if "table" in options else result.totals.files)

# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Jobs of one site in one run, as the subcommand ``all`` does them: jobs.py OPTIONS…, those of each job.

It prints how many files or records each job has found, the same number for each.
"""

from __future__ import annotations

import json
import sys
from contextlib import nullcontext
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "plugins" / "module_utils"))

from _reconcile import run
from _reconcile.config import jobs

described = [json.loads(text) for text in sys.argv[1:]]
built = [jobs.records_job(each) if "table" in each else jobs.orphans_job(each) for each in described]
found = set()
for ended in run.run_all(built, True, [], lambda _job: nullcontext()):
    if ended.plan is None:
        sys.exit(str(ended.error))
    found.add(ended.plan.found.files + ended.plan.found.records)
print(found.pop() if len(found) == 1 else f"-1 {found}")

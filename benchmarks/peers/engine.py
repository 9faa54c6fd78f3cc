# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""The engine without Ansible: engine.py {orphans|records} {check|apply} OPTIONS [DRIVER].

It prints how many files or records were found.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "plugins" / "module_utils"))

from _reconcile import run as jobs
from _reconcile.config import jobs as site
from _reconcile.database import drivers
from _reconcile.database.mysql import connection

kind, mode, options, *driver = sys.argv[1:]
if driver == ["pymysql"]:
    connection.DRIVERS = driver
elif driver:
    drivers.POSTGRESQL_DRIVERS = [getattr(drivers, f"{name}_connection") for name in driver]
build = site.orphans_job if kind == "orphans" else site.records_job
plan, outcome = jobs.run(build(json.loads(options)), check=mode == "check")
if mode == "apply" and (outcome is None or outcome.error):
    sys.exit(str(outcome.error if outcome else plan.refusals))
found = outcome.removed if outcome else plan.found
print(found.files if kind == "orphans" else found.records)

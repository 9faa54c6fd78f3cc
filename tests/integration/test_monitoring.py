# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""The alert rules and the dashboard of the role, read by Prometheus' own programs."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any, Iterator

import pytest
import yaml

from engine.report import metrics
from helpers.commands import Command
from helpers.fetched import CannotBeHad
from helpers.prometheus import ALERTS, MONITORING, firing, program
from helpers.sites import Site

DAY, HOUR = 86_400, 3600
# When the tests of rules are evaluated: the clock of promtool begins at 0.
NOW = 70 * DAY
LABELS = '{site="kit",cleanup_job="%s",instance="web1"}'


@pytest.fixture(scope="module")
def promtool() -> str:
    try:
        return str(program("promtool"))
    except CannotBeHad as error:
        pytest.skip(f"there is no promtool here, and Debian's cannot be had: {error}")


def checked(promtool: str, command: str, path: Path) -> str:
    done = subprocess.run(
        [promtool, command, "rules", str(path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def series(name: str, value: object, job: str) -> dict[str, str]:
    return {"series": f"media_cleanup_{name}{LABELS % job}", "values": str(value)}


def good(job: str, period: int) -> list[dict[str, str]]:
    """The metrics of a job that ran a period ago and went well."""
    return [
        series("last_run_timestamp_seconds", f"{NOW - period}x140", job),
        series("last_success_timestamp_seconds", f"{NOW - period}x140", job),
        series("last_exit_status", "0x140", job),
        series("found_files", "90x140", job),
        series("quarantine_bytes", "1000x140", job),
        series("quarantine_oldest_timestamp_seconds", f"{NOW - 40 * DAY}x140", job),
    ]


CASES: list[tuple[str, str, int, dict[str, object], set[str]]] = [
    ("all is well", "orphans", 8 * DAY, {}, set()),
    ("all is well, more often", "incomplete", 6 * HOUR, {}, set()),
    ("a week is too long", "incomplete", 7 * DAY, {}, {"NotRun", "NoSuccess"}),
    ("a job that does not run", "orphans", 10 * DAY, {}, {"NotRun"}),
    ("a failure", "orphans", DAY, {"last_exit_status": "1x140"}, {"Failed"}),
    ("a wrong description", "missing", DAY, {"last_exit_status": "2x140"}, {"Failed"}),
    ("a guard", "orphans", DAY, {"last_exit_status": "3x140"}, {"Refused"}),
    ("something unreadable", "orphans", DAY, {"last_exit_status": "4x140"}, {"Partial"}),
    ("another run", "orphans", DAY, {"last_exit_status": "5x140"}, set()),
    (
        "always another run",
        "orphans",
        DAY,
        {"last_exit_status": "5x140", "last_success_timestamp_seconds": f"{NOW - 17 * DAY}x140"},
        {"NoSuccess"},
    ),
    ("no success yet", "orphans", DAY, {"last_success_timestamp_seconds": "0x140"}, set()),
    ("sudden growth", "orphans", DAY, {"found_files": "90x135 400x5"}, {"OrphansGrow"}),
    ("growth of few", "orphans", DAY, {"found_files": "1x135 99x5"}, set()),
    ("growth of rows", "missing", DAY, {"found_files": "90x135 400x5"}, set()),
    ("a large quarantine", "purge", DAY, {"quarantine_bytes": f"{2 * 10**11}x140"}, {"QuarantineLarge"}),
    (
        "an old quarantine",
        "purge",
        DAY,
        {"quarantine_oldest_timestamp_seconds": f"{NOW - 61 * DAY}x140"},
        {"QuarantineOld"},
    ),
    ("an empty quarantine", "purge", DAY, {"quarantine_oldest_timestamp_seconds": "0x140"}, set()),
]


def rule_tests() -> Iterator[dict[str, Any]]:
    """Each case as a test of promtool: these alerts fire, and no others."""
    for _name, job, period, other, wanted in CASES:
        found = good(job, period)
        for name, values in other.items():
            found = [one for one in found if f"_{name}{{" not in one["series"]]
            found.append(series(name, values, job))
        yield {
            "interval": "12h",
            "input_series": found,
            "promql_expr_test": [
                {
                    "expr": 'count by (alertname) (ALERTS{alertstate="firing"})',
                    "eval_time": f"{NOW}s",
                    "exp_samples": [
                        {"labels": f'{{alertname="MediaCleanup{alert}"}}', "value": 1}
                        for alert in sorted(wanted)
                    ],
                }
            ],
        }


def test_each_alert_fires_when_it_must_and_not_otherwise(promtool: str, tmp_path: Path) -> None:
    tests = {"rule_files": [str(ALERTS)], "evaluation_interval": "12h", "tests": [*rule_tests()]}
    path = tmp_path / "tests.yml"
    path.write_text(yaml.safe_dump(tests))
    assert "SUCCESS" in checked(promtool, "test", path)
    wanted = {f"MediaCleanup{alert}" for *_case, alerts in CASES for alert in alerts}
    rules = yaml.safe_load(ALERTS.read_text())["groups"][0]["rules"]
    assert {rule["alert"] for rule in rules} == wanted


def expressions() -> list[str]:
    dashboard = json.loads((MONITORING / "dashboard.json").read_text())
    return [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]


def test_prometheus_understands_each_panel(promtool: str, tmp_path: Path) -> None:
    rules = [{"record": f"panel:{number}", "expr": expr} for number, expr in enumerate(expressions())]
    path = tmp_path / "panels.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    assert f"SUCCESS: {len(rules)} rules found" in checked(promtool, "check", path)


def test_alerts_and_dashboard_know_no_other_metrics_than_there_are() -> None:
    known = {name for name, _meaning in metrics._METRICS}
    for text in (ALERTS.read_text(), " ".join(expressions())):
        named = set(re.findall(r"media_cleanup_[a-z_]+_[a-z]+(?=[{\s\[)])", text))
        assert named
        assert named - {"media_cleanup_metrics_directory", "media_cleanup_retention_days"} <= known


def test_an_alert_fires_in_prometheus_after_a_guard_refused_a_run(
    sqlite_site: Site, command: Command, promtool: str, tmp_path: Path
) -> None:
    sqlite_site.keep("photos/kept.jpg")
    sqlite_site.write("photos/1.jpg", "photos/2.jpg", "photos/3.jpg")
    command.describe(sqlite_site.described())
    path = tmp_path / "metrics.prom"
    assert command.run("orphans", "kit", "--force", "--metrics", str(path)).returncode == 3
    assert [labels["alertname"] for labels in firing(path)] == ["MediaCleanupRefused"]

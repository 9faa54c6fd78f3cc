# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""What a batch says of rows that never went, and of rows of which nobody knows."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Callable

import pytest

from engine.quarantine import (
    store as quarantine,
)
from helpers.clock import let_clock_tick
from helpers.faults import Fault, in_child
from helpers.full_sites import FullSite, settled
from helpers.rounds import losses


def _breaks_at_the_commit(full_site: FullSite) -> None:
    """A row that depends on nothing that the catalog tells, and keeps a photo from going."""
    if full_site.database.kind == "postgresql":
        full_site.database.run(
            "CREATE FUNCTION forbid() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'not this one'; END $$;"
            "CREATE CONSTRAINT TRIGGER forbidding AFTER DELETE ON photo DEFERRABLE INITIALLY DEFERRED"
            " FOR EACH ROW EXECUTE FUNCTION forbid()"
        )
    else:
        full_site.database.run(
            "CREATE TRIGGER forbidding BEFORE DELETE ON photo BEGIN SELECT RAISE(ABORT, 'not this one'); END"
        )


@pytest.mark.promise(4)
@pytest.mark.parametrize("job", ["incomplete", "missing"])
def test_a_batch_of_rows_that_were_rolled_back_says_so_and_lists_none(full_site: FullSite, job: str):
    _breaks_at_the_commit(full_site)
    _plan, outcome = full_site.run(job, accept=[*full_site.options["accept"], "delete_trigger:photo"])
    assert "not this one" in outcome.error
    assert "rolled back" in outcome.error
    assert outcome.batch == ""
    assert full_site.state() == full_site.start
    [info] = quarantine.batches(os.fsencode(full_site.quarantine))
    assert (info.files, info.rows) == (0, 0)
    *_lines, last = (full_site.quarantine / info.name / "manifest.jsonl").read_text().splitlines()
    assert json.loads(last) == {"rows": "rolled back"}
    # The rows are written down all the same.
    assert (full_site.quarantine / info.name / "rows.jsonl").stat().st_size

    found = full_site.restore(info.name)
    assert (found.totals.records, found.kept.total) == (0, 0)
    assert full_site.state() == full_site.start
    assert full_site.batches() == []


def _after_a_commit(full_site: FullSite, job: str, fault: Callable[[int], Fault]) -> list[str]:
    """Let the last commit of a run go wrong in this way, and return what the run said."""
    said = full_site.quarantine.parent / "said"

    def work() -> None:
        _plan, outcome = full_site.run(job)
        said.write_text(json.dumps([outcome.error, outcome.batch, outcome.removed.records]))

    for step in range(1, 25):
        said.unlink(missing_ok=True)
        ended = in_child(work, fault(step))
        assert ended.trouble == ""
        told = json.loads(said.read_text()) if said.exists() else ["", "", 0]
        if "not known" in told[0]:
            return told
        full_site.restore_all()
        full_site.forget_batches()
        assert full_site.state() == full_site.start
        let_clock_tick()
    raise AssertionError("no commit went wrong")


@pytest.mark.promise(4)
@pytest.mark.parametrize("job", ["incomplete", "missing"])
@pytest.mark.parametrize("arrived", [True, False])
def test_a_commit_whose_answer_is_lost_is_told_as_unknown(
    tmp_path: Path, postgresql: Any, job: str, arrived: bool
):
    full_site = settled(FullSite(tmp_path, postgresql))
    call = "committed" if arrived else "committing"
    error, batch, records = _after_a_commit(full_site, job, lambda step: Fault("cut", step, call))
    assert "committing failed" in error
    assert "rolled back" not in error
    assert "either all rows of this job were deleted or none was" in error
    assert records == 0
    [info] = quarantine.batches(os.fsencode(full_site.quarantine))
    assert info.name == batch
    assert info.rows > 0
    assert (full_site.state()[1] == full_site.start[1]) == (not arrived)
    assert full_site.state()[0] == full_site.start[0]

    # The next run does what the broken one did not, and both come back.
    let_clock_tick()
    _plan, outcome = full_site.run(job)
    assert outcome.error == ""
    assert bool(outcome.removed.records) == (not arrived)
    full_site.run("orphans")
    assert list(losses(full_site)) == []
    full_site.restore_all()
    full_site.restore_all()
    assert full_site.state() == full_site.start
    assert full_site.batches() == []

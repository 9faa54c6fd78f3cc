# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Files come back before rows, and are on disk by then."""

from __future__ import annotations

import os
from typing import NamedTuple

import pytest

from engine.apply.restore import restore
from engine.config.site import RecordsJob
from engine.errors import CleanupError
from helpers.broken_disks import let_sync_fail
from helpers.builders import Site, run

PATHS = [f"p/{number}.jpg" for number in range(3)]


class WithBatch(NamedTuple):
    """A site of whose records all but one were removed, the job that did it, and the batch."""

    site: Site
    job: RecordsJob
    batch: str


@pytest.fixture
def with_batch(sqlite_site: Site, kept_in: str) -> WithBatch:
    site = sqlite_site
    site.insert("p/attached.jpg", content_type_id=1)
    site.insert(*PATHS)
    site.media.write("p/attached.jpg", *PATHS)
    job = site.incomplete(quarantine=kept_in, max_removal_percent=100)
    _plan, outcome = run(job)
    return WithBatch(site, job, str(outcome.batch))


@pytest.mark.promise(4)
@pytest.mark.promise(10)
def test_no_row_comes_back_before_its_file_is_on_disk(
    with_batch: WithBatch, kept_in: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    site, job, batch = with_batch
    assert site.images == ["p/attached.jpg"]
    with monkeypatch.context() as patch:
        let_sync_fail(patch, site.media.path("p"))
        with pytest.raises(CleanupError, match="could not be synced"):
            restore(job.site, batch, [], check=False)
    assert site.images == ["p/attached.jpg"]
    restore(job.site, batch, [], check=False)
    assert sorted(site.images) == ["p/0.jpg", "p/1.jpg", "p/2.jpg", "p/attached.jpg"]
    assert not os.path.exists(os.path.join(kept_in, batch))


@pytest.mark.promise(4)
def test_a_row_whose_file_cannot_come_back_is_kept_with_it(with_batch: WithBatch) -> None:
    site, job, batch = with_batch
    # No file comes back over a link.
    os.rename(site.media.path("p"), site.media.path("elsewhere"))
    os.symlink("elsewhere", site.media.path("p"))
    result = restore(job.site, batch, [], check=False)
    assert site.images == ["p/attached.jpg"]
    codes = [kept.code.value for kept in result.kept.items]
    assert codes.count("file_missing") == len(PATHS)
    os.unlink(site.media.path("p"))
    os.rename(site.media.path("elsewhere"), site.media.path("p"))
    restore(job.site, batch, [], check=False)
    assert sorted(site.images) == sorted([*PATHS, "p/attached.jpg"])

# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Where nobody names a quarantine, what is removed is kept beside the media root, or the plan is refused."""

from __future__ import annotations

import os
import shlex
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest

from engine.errors import CleanupError, Exit
from engine.quarantine import store as quarantine
from engine.report import words
from engine.report.describe import describe
from engine.run import Run
from helpers.builders import Media, Site, guards, hand_over, run
from helpers.users import as_nobody

DEFAULT: dict[str, Any] = {"quarantine": None}


def beside(site: Site) -> Path:
    return Path(os.fsdecode(site.media.root) + "-quarantine")


@pytest.mark.promise(10)
def test_what_is_removed_is_kept_unless_somebody_says_otherwise(site_with_orphan: Site) -> None:
    job = site_with_orphan.orphans(**DEFAULT)
    plan, outcome = run(job)
    assert site_with_orphan.media.files == {b"p/kept.jpg"}
    assert stat.S_IMODE(beside(site_with_orphan).stat().st_mode) == 0o700
    assert [info.name for info in quarantine.batches(job.site.quarantine or b"")] == [outcome.batch]
    text = "\n".join(words.summary(describe(job, plan, outcome), verbose=False))
    assert outcome.batch in text
    assert "for good" not in text


@pytest.mark.promise(6)
def test_check_mode_makes_no_folder(sqlite_with_orphan: Site) -> None:
    plan, _outcome = run(sqlite_with_orphan.orphans(**DEFAULT), check=True)
    assert guards(plan) == []
    assert not beside(sqlite_with_orphan).exists()


@pytest.mark.promise(10)
def test_to_delete_for_good_has_to_be_said_and_is_shown(sqlite_with_orphan: Site) -> None:
    job = sqlite_with_orphan.orphans(permanent=True)
    plan, _outcome = run(job, check=True)
    of = describe(job, plan, None)
    assert "permanent: what is removed is deleted for good" in "\n".join(words.summary(of, verbose=False))
    assert words.removal(of).endswith("deleted for good")
    plan, outcome = run(job)
    assert "removed 1 file, 7 bytes, deleted for good" in "\n".join(
        words.summary(describe(job, plan, outcome), verbose=False)
    )
    assert not beside(sqlite_with_orphan).exists()
    assert not outcome.batch


def refused(site: Site) -> tuple[Exit, str]:
    """How a check ends, and an apply as it; with the message of the guard."""
    ended = []
    for check in (True, False):
        before = site.media.files
        plan, outcome = run(site.orphans(**DEFAULT), check)
        assert (guards(plan), outcome) == (["quarantine"], None)
        assert site.media.files == before
        ended.append((Run(site.orphans(**DEFAULT), plan).status, plan.refusals[0].message))
    assert ended[0] == ended[1]
    return ended[0]


@pytest.mark.promise("guards")
def test_no_right_in_the_folder_above_refuses_the_plan_with_what_makes_it(public_site: Site) -> None:
    public_site.media.write("p/lost.jpg", "p/kept.jpg")
    public_site.insert("p/kept.jpg")
    hand_over(public_site.media)
    folder = beside(public_site)
    # Its database may be written, so that the folder could be.
    os.chmod(folder.parent, 0o755)
    status, message = as_nobody(lambda: refused(public_site))
    assert status == Exit.REFUSED
    assert "permanent: true" in message
    command = message.partition("Let root run: ")[2].partition(". With")[0]
    assert shlex.split(command)[-1] == str(folder)
    subprocess.run(shlex.split(command), check=True)
    plan, _outcome = as_nobody(lambda: (guards(run(public_site.orphans(**DEFAULT), check=True)[0]), None))
    assert plan == []


@pytest.mark.promise("guards")
def test_a_media_root_that_is_a_mount_has_no_place_beside_it(
    media_with_mount: Media, sqlite: Any, tmp_path: Path
) -> None:
    site = Site(sqlite, Media(media_with_mount.path("mounted")))
    site.media.write("p/lost.jpg")
    status, message = refused(site)
    assert status == Exit.REFUSED
    assert f"quarantine: {beside(site)}" in message
    assert not beside(site).exists()
    # Who names it has read that.
    plan, outcome = run(site.orphans(quarantine=str(beside(site))))
    assert (guards(plan), outcome.removed.files) == ([], 1)


@pytest.mark.promise("guards")
def test_something_else_in_its_place_refuses_the_plan(sqlite_with_orphan: Site) -> None:
    beside(sqlite_with_orphan).mkdir(mode=0o777)
    os.chmod(beside(sqlite_with_orphan), 0o777)
    for check in (True, False):
        with pytest.raises(CleanupError, match="mode 777"):
            run(sqlite_with_orphan.orphans(**DEFAULT), check)
    assert b"p/lost.jpg" in sqlite_with_orphan.media.files

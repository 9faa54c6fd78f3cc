# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""What a killed run had moved is put back by the next one, before it reads anything."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from engine.errors import CleanupError, QuarantineError
from engine.media.store import HELD
from engine.quarantine import store as quarantine
from helpers.broken_disks import let_sync_fail
from helpers.builders import Site, found, guards, planned, run
from helpers.removers import Deleting, Keeping, applied

pytestmark = pytest.mark.promise(2)


def test_what_a_killed_run_held_is_put_back_by_the_next(sqlite_with_orphan: Site) -> None:
    sqlite_with_orphan.media.write("p/z.jpg", hours=1)
    os.rename(sqlite_with_orphan.media.path("p/z.jpg"), sqlite_with_orphan.media.path("z.jpg"))

    def kill(_path: bytes) -> None:
        raise KeyboardInterrupt

    with planned(sqlite_with_orphan.orphans()) as made, pytest.raises(KeyboardInterrupt):
        applied(made, Deleting(made, kill))
    held = next(path for path in sqlite_with_orphan.media.files if path.startswith(HELD) and b"files" in path)
    assert sqlite_with_orphan.media.files >= {b"p/kept.jpg", b"z.jpg", held}
    plan, _outcome = run(sqlite_with_orphan.orphans(), check=True)
    assert found(plan) == []
    sqlite_with_orphan.insert("p/lost.jpg")
    _plan, outcome = run(sqlite_with_orphan.orphans())
    assert outcome.removed.files == 0
    assert sqlite_with_orphan.media.files == {b"p/kept.jpg", b"p/lost.jpg", b"z.jpg"}
    assert HELD not in os.listdir(sqlite_with_orphan.media.root)


def test_what_a_killed_run_held_overwrites_nothing(sqlite_with_orphan: Site) -> None:
    def kill(_path: bytes) -> None:
        raise KeyboardInterrupt

    with planned(sqlite_with_orphan.orphans()) as made, pytest.raises(KeyboardInterrupt):
        applied(made, Deleting(made, kill))
    sqlite_with_orphan.media.write("p/lost.jpg", content=b"another")
    sqlite_with_orphan.insert("p/lost.jpg")
    for _again in range(2):
        plan, _outcome = run(sqlite_with_orphan.orphans())
        assert "other files have their names by now" in plan.warnings[0]
    assert Path(os.fsdecode(sqlite_with_orphan.media.path("p/lost.jpg"))).read_bytes() == b"another"
    assert len([path for path in sqlite_with_orphan.media.files if path.startswith(HELD)]) == 2


def kill(_path: bytes) -> None:
    raise KeyboardInterrupt


def killed(site: Site, remover: type[Any], **options: str) -> None:
    """A run that is killed right after it has moved its first file."""
    with planned(site.orphans(**options)) as made, pytest.raises(KeyboardInterrupt):
        applied(made, remover(made, kill))


def test_what_a_killed_run_had_moved_into_quarantine_is_put_back_by_the_next(
    site_with_orphan: Site, kept_in: str
) -> None:
    killed(site_with_orphan, Keeping, quarantine=kept_in)
    assert site_with_orphan.media.files == {b"p/kept.jpg"}
    site_with_orphan.insert("p/lost.jpg")
    plan, _outcome = run(site_with_orphan.missing(quarantine=kept_in), check=True)
    assert "a run was killed after it had moved 1 file" in plan.warnings[0]
    assert site_with_orphan.media.files == {b"p/kept.jpg"}
    plan, _outcome = run(site_with_orphan.missing(quarantine=kept_in))
    assert found(plan) == []
    assert plan.warnings == ["put back: 1 file that a run had moved when it was killed"]
    assert sorted(site_with_orphan.images) == ["p/kept.jpg", "p/lost.jpg"]
    assert site_with_orphan.media.files == {b"p/kept.jpg", b"p/lost.jpg"}
    assert quarantine.batches(os.fsencode(kept_in)) == []


def test_nothing_goes_on_until_what_is_put_back_is_on_disk(
    sqlite_with_orphan: Site, kept_in: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed(sqlite_with_orphan, Keeping, quarantine=kept_in)
    with monkeypatch.context() as patch:
        let_sync_fail(patch, sqlite_with_orphan.media.path("p"))
        with pytest.raises(CleanupError, match="could not be synced"):
            run(sqlite_with_orphan.missing(quarantine=kept_in))
    assert len(os.listdir(kept_in)) == 1
    run(sqlite_with_orphan.missing(quarantine=kept_in))
    assert sqlite_with_orphan.media.files == {b"p/kept.jpg", b"p/lost.jpg"}


def test_what_a_run_has_confirmed_stays_in_quarantine(
    sqlite_with_orphan: Site, kept_in: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of several handfuls, only the last was not confirmed when the run was killed."""
    from engine.apply import orphans

    monkeypatch.setattr(orphans, "AT_ONCE", 1)
    sqlite_with_orphan.media.write("p/lost 2.jpg")
    with planned(sqlite_with_orphan.orphans(quarantine=kept_in)) as made, pytest.raises(KeyboardInterrupt):
        applied(made, Keeping(made, lambda path: kill(path) if b"lost.jpg" in path else None))
    plan, _outcome = run(sqlite_with_orphan.missing(quarantine=kept_in))
    assert plan.warnings == ["put back: 1 file that a run had moved when it was killed"]
    assert sqlite_with_orphan.media.files == {b"p/kept.jpg", b"p/lost.jpg"}
    [batch] = quarantine.batches(os.fsencode(kept_in))
    assert batch.files == 1
    plan, _outcome = run(sqlite_with_orphan.missing(quarantine=kept_in))
    assert plan.warnings == []


def test_a_batch_of_a_release_that_did_not_confirm_stays_as_it_is(
    sqlite_with_orphan: Site, kept_in: str
) -> None:
    run(sqlite_with_orphan.orphans(quarantine=kept_in))
    manifest = next(Path(kept_in).glob("*/manifest.jsonl"))
    header, *lines, _confirmation = manifest.read_text().splitlines()
    old = {name: value for name, value in json.loads(header).items() if name != "confirms"}
    manifest.write_text("\n".join([json.dumps(old), *lines, ""]))
    plan, _outcome = run(sqlite_with_orphan.missing(quarantine=kept_in))
    assert plan.warnings == []
    assert sqlite_with_orphan.media.files == {b"p/kept.jpg"}


def test_another_site_of_the_quarantine_keeps_its_batches(sqlite_with_orphan: Site, kept_in: str) -> None:
    killed(sqlite_with_orphan, Keeping, quarantine=kept_in)
    manifest = next(Path(kept_in).glob("*/manifest.jsonl"))
    manifest.write_text(manifest.read_text().replace('"media_root": "', '"media_root": "/elsewhere'))
    plan, _outcome = run(sqlite_with_orphan.missing(quarantine=kept_in))
    assert plan.warnings == []
    assert sqlite_with_orphan.media.files == {b"p/kept.jpg"}


@pytest.mark.parametrize("manifest", [b"", b'{"format": 1}\n'], ids=["lost", "of nothing"])
def test_a_held_file_that_no_manifest_names_is_never_deleted(
    sqlite_with_orphan: Site, manifest: bytes
) -> None:
    killed(sqlite_with_orphan, Deleting)
    [held] = Path(os.fsdecode(sqlite_with_orphan.media.path(HELD))).iterdir()
    (held / "manifest.jsonl").write_bytes(manifest)
    before = sqlite_with_orphan.media.files
    for _again in range(2):
        with pytest.raises(QuarantineError, match="no manifest says where they belong"):
            run(sqlite_with_orphan.orphans())
        assert sqlite_with_orphan.media.files == before


def test_a_file_that_cannot_go_back_after_a_kill_stops_the_next_run(
    sqlite_with_orphan: Site, kept_in: str
) -> None:
    """Its record would look as if it had lost its file."""
    killed(sqlite_with_orphan, Keeping, quarantine=kept_in)
    sqlite_with_orphan.insert("p/lost.jpg")
    folder = Path(os.fsdecode(sqlite_with_orphan.media.path("p")))
    folder.rename(folder.with_name("aside"))
    folder.symlink_to("aside")
    with pytest.raises(QuarantineError, match="cannot be put back: 'p' is a symbolic link"):
        run(sqlite_with_orphan.missing(quarantine=kept_in))
    assert sorted(sqlite_with_orphan.images) == ["p/kept.jpg", "p/lost.jpg"]


@pytest.mark.promise(10)
@pytest.mark.parametrize("check", [True, False])
def test_nothing_is_put_back_below_the_mount_point_of_a_disk_that_is_not_mounted(
    sqlite_with_orphan: Site, kept_in: str, tmp_path: Path, check: bool
) -> None:
    """After a power cut the disk may lack: what is put back then is hidden once it is mounted again."""
    run(sqlite_with_orphan.orphans(quarantine=kept_in, exclude=["*"], accept=[]))
    killed(sqlite_with_orphan, Keeping, quarantine=kept_in)
    os.rename(sqlite_with_orphan.media.root, tmp_path / "disk")
    os.makedirs(sqlite_with_orphan.media.path("p"))
    plan, _outcome = run(sqlite_with_orphan.orphans(quarantine=kept_in, accept=[]), check)
    assert "other_media" in guards(plan)
    assert sqlite_with_orphan.media.files == set()
    os.rename(sqlite_with_orphan.media.root, tmp_path / "mount point")
    os.rename(tmp_path / "disk", sqlite_with_orphan.media.root)
    run(sqlite_with_orphan.missing(quarantine=kept_in, accept=[]))
    assert sqlite_with_orphan.media.files == {b"p/kept.jpg", b"p/lost.jpg"}


@pytest.mark.promise(10)
def test_nothing_is_put_back_where_the_marker_lacks(sqlite_with_orphan: Site, kept_in: str) -> None:
    killed(sqlite_with_orphan, Keeping, quarantine=kept_in)
    plan, _outcome = run(sqlite_with_orphan.orphans(quarantine=kept_in, marker=".here"))
    assert "marker" in guards(plan)
    assert sqlite_with_orphan.media.files == {b"p/kept.jpg"}

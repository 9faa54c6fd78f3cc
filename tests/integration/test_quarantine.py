# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""A batch holds what was taken, is nobody else's, and goes when it is purged."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from engine.errors import (
    CleanupError,
    SiteError,
)
from engine.quarantine import (
    store as quarantine,
)
from helpers.ansible_runs import Ansible
from helpers.clock import let_clock_tick
from helpers.faults import Fault, in_child
from helpers.full_sites import FullSite, cleaned, everything
from helpers.modules import names, undocumented
from helpers.purging import announce, purge

MODULE = "django_media.cleanup.media_quarantine"
INFO = "django_media.cleanup.media_quarantine_info"


# What a batch is made of.


def test_a_batch_is_private(full_site: FullSite):
    cleaned(full_site)
    written = set()
    for root, _directories, files in os.walk(full_site.quarantine):
        assert stat.S_IMODE(os.stat(root).st_mode) == 0o700, root
        for name in {"manifest.jsonl", "rows.jsonl"} & set(files):
            assert stat.S_IMODE(os.stat(os.path.join(root, name)).st_mode) == 0o600
            written.add(name)
    assert written == {"manifest.jsonl", "rows.jsonl"}


def test_the_manifest_tells_what_each_file_was(sqlite_full_site: FullSite):
    sqlite_full_site.run("orphans")
    [batch] = sqlite_full_site.batches()
    header, *lines, last = (sqlite_full_site.quarantine / batch / "manifest.jsonl").read_text().splitlines()
    assert json.loads(header)["job"] == "orphans"
    assert json.loads(last) == {"confirmed": len(lines), "but": []}
    by_path = {json.loads(line)["path"]: json.loads(line) for line in lines}
    status = sqlite_full_site.start[0][b"photos/left over.jpg"]
    kept = by_path["photos/left over.jpg"]
    assert (kept["uid"], kept["gid"], kept["mtime_ns"]) == (status[1], status[2], status[3])
    assert (kept["mode"], kept["size"], kept["reason"]) == (0o640, len(status[4]), "orphan")


@pytest.mark.promise(10)
def test_a_line_that_a_crash_cut_short_is_no_obstacle(sqlite_full_site: FullSite):
    sqlite_full_site.run("incomplete")
    [batch] = sqlite_full_site.batches()
    for name in (quarantine.MANIFEST, quarantine.ROWS):
        with open(sqlite_full_site.quarantine / batch / name, "ab") as file:
            file.write(b'{"number": 7, "pa')
    assert sqlite_full_site.batches() == [batch]
    sqlite_full_site.restore_all()
    assert sqlite_full_site.state() == sqlite_full_site.start


@pytest.mark.promise(5)
@pytest.mark.parametrize(
    "path", ["../outside/planted.jpg", "/{outside}/planted.jpg", "photos/../../outside/planted.jpg"]
)
def test_a_manifest_cannot_lead_out_of_the_media_root(sqlite_full_site: FullSite, tmp_path: Path, path: str):
    """The quarantine may belong to the site's user, and restore runs as root."""
    outside = tmp_path / "outside"
    outside.mkdir()
    sqlite_full_site.run("orphans")
    [batch] = sqlite_full_site.batches()
    manifest = sqlite_full_site.quarantine / batch / "manifest.jsonl"
    bent = path.format(outside=outside).replace("//", "/")
    manifest.write_text(manifest.read_text().replace("photos/left over.jpg", bent))
    found = sqlite_full_site.restore(batch)
    assert list(outside.iterdir()) == []
    assert found.kept.total == 1


@pytest.mark.promise(5)
def test_a_manifest_cannot_change_owner_or_mode(two_disk_site: FullSite):
    two_disk_site.run("orphans")
    [batch] = two_disk_site.batches()
    manifest = two_disk_site.quarantine / batch / "manifest.jsonl"
    bent = manifest.read_text().replace('"uid": 1001', '"uid": 0').replace('"mode": 416', '"mode": 2541')
    manifest.write_text(bent)
    two_disk_site.restore(batch)
    status = os.stat(two_disk_site.path("photos/left over.jpg"))
    assert not status.st_mode & stat.S_ISUID
    assert status.st_uid == two_disk_site.start[0][b"photos/left over.jpg"][1]


# The place of the quarantine.


def test_a_quarantine_in_the_media_root_is_refused_unless_asked_for_and_never_scanned(full_site: FullSite):
    inside = full_site.media / "photos" / "quarantine"
    full_site.options["quarantine"] = str(inside)
    with pytest.raises(SiteError, match="quarantine_in_media_root"):
        full_site.run("orphans")
    full_site.options["quarantine_in_media_root"] = True
    full_site.quarantine = inside
    plan, _outcome = full_site.run("orphans")
    files = len(everything(inside))
    again, _outcome = full_site.run("orphans", older_than_hours=0)
    assert len(plan.items) == 4
    assert b"photos/quarantine" not in b" ".join(orphan.path for orphan in again.items)
    assert len(everything(inside)) >= files


@pytest.mark.promise(5)
def test_a_quarantine_behind_a_link_into_the_media_root_is_refused(
    sqlite_full_site: FullSite, tmp_path: Path
):
    (tmp_path / "beside").symlink_to(sqlite_full_site.media / "photos")
    with pytest.raises(SiteError, match="inside media_root"):
        sqlite_full_site.run("orphans", quarantine=str(tmp_path / "beside" / "quarantine"))


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o777])
def test_a_quarantine_that_others_may_write_to_is_refused(full_site: FullSite, mode: int):
    full_site.quarantine.mkdir()
    full_site.quarantine.chmod(mode)
    for job in ("orphans", "incomplete"):
        with pytest.raises(CleanupError, match="can be written by others"):
            full_site.run(job)
    assert full_site.state() == full_site.start


@pytest.mark.promise(5)
def test_a_quarantine_that_is_a_link_is_refused(sqlite_full_site: FullSite, tmp_path: Path):
    (tmp_path / "real").mkdir(mode=0o700)
    sqlite_full_site.quarantine.symlink_to(tmp_path / "real")
    with pytest.raises(CleanupError, match="not a directory"):
        sqlite_full_site.run("orphans")
    assert sqlite_full_site.state() == sqlite_full_site.start


@pytest.mark.promise(10)
def test_another_site_cannot_restore_the_batch(sqlite_full_site: FullSite, tmp_path: Path):
    sqlite_full_site.run("orphans")
    [batch] = sqlite_full_site.batches()
    (tmp_path / "other").mkdir()
    sqlite_full_site.options["media_root"] = str(tmp_path / "other")
    with pytest.raises(SiteError, match="media root"):
        sqlite_full_site.restore(batch)
    with pytest.raises(SiteError, match="there is no batch"):
        sqlite_full_site.restore("../" + sqlite_full_site.quarantine.name)


# Purging.


def _purge(
    full_site: FullSite, name: str | None = None, days: int | None = None, check: bool = False
) -> list[str]:
    names = None if name is None else [name]
    found = purge(os.fsencode(full_site.quarantine), names, days, check)
    return [info.name for info in found]


@pytest.mark.promise(10)
def test_purging_by_age_counts_from_the_removal(sqlite_full_site: FullSite):
    cleaned(sqlite_full_site)
    oldest, *others = sqlite_full_site.batches()
    manifest = sqlite_full_site.quarantine / oldest / "manifest.jsonl"
    header = json.loads(manifest.read_text().splitlines()[0])
    rest = manifest.read_text().splitlines(True)[1:]
    manifest.write_text(
        json.dumps({**header, "moment": header["moment"] - 31 * 86400}) + "\n" + "".join(rest)
    )

    assert _purge(sqlite_full_site, days=32) == []
    assert _purge(sqlite_full_site, days=30, check=True) == [oldest]
    assert oldest in sqlite_full_site.batches()
    assert _purge(sqlite_full_site, days=30) == [oldest]
    assert sqlite_full_site.batches() == others
    assert _purge(sqlite_full_site, others[0]) == [others[0]]
    assert _purge(sqlite_full_site, days=0) == others[1:]
    assert sqlite_full_site.in_quarantine == []


def test_purging_an_unknown_batch_says_so(sqlite_full_site: FullSite):
    with pytest.raises(SiteError, match="there is no batch"):
        _purge(sqlite_full_site, "never-was")


@pytest.mark.untraced
def test_a_purge_that_is_killed_anywhere_leaves_nothing_that_the_next_one_does_not_take(
    sqlite_full_site: FullSite,
):
    for step in range(1, 60, 2):
        sqlite_full_site.run("orphans")
        ended = in_child(lambda: _purge(sqlite_full_site, days=0), Fault("kill", step))
        _purge(sqlite_full_site, days=0)
        assert sqlite_full_site.in_quarantine == [], f"step {step}"
        sqlite_full_site.write("photos/left over.jpg", b"photos/caf\xe9\n.jpg")
        let_clock_tick()
        if ended.how != "killed":
            return
    raise AssertionError("a purge takes more steps than this test knows of")


# Through Ansible.


@pytest.mark.promise(6)
@pytest.mark.promise(10)
def test_the_modules_list_restore_and_purge(full_site: FullSite, ansible: Ansible):
    cleaned(full_site)
    where = {"quarantine": str(full_site.quarantine)}
    site = {**where, "database_url": full_site.database.url, "media_root": str(full_site.media)}
    references = [{"table": "photo", "column": name} for name in ("image", "thumb")]
    announce(full_site.quarantine)
    orphans = next(name for name in full_site.batches() if "-orphans-" in name)
    incomplete = next(name for name in full_site.batches() if "-incomplete-" in name)
    before = full_site.state(), everything(full_site.quarantine)

    tasks = [
        {INFO: where},
        {MODULE: {"state": "restored", "batch": orphans, **site}},
        {MODULE: {"state": "restored", "batch": incomplete, **site}},
        {MODULE: {"state": "purged", "older_than_days": 0, **site, "references": references}},
    ]
    info, *checked = ansible.results(*tasks, check=True)
    assert (full_site.state(), everything(full_site.quarantine)) == before
    _info, *done, after = ansible.results(*tasks, {INFO: where})

    assert [batch["files"] for batch in info["batches"] if batch["name"] == orphans] == [4]
    assert not info["changed"]
    assert undocumented(info, "media_quarantine_info") == set()
    assert [undocumented(result, "media_quarantine") for result in (*checked, *done)] == [set()] * 6
    assert len(after["batches"]) == 0
    for dry, wet in zip(checked[:2], done[:2]):
        for same in ("changed", "restored", "paths", "left_alone", "diff", "batches"):
            assert dry[same] == wet[same], same
        assert wet["changed"]
    assert done[0]["restored"]["files"] == 4
    assert r"photos/caf\xe9\n.jpg" in done[0]["paths"]
    assert done[1]["restored"]["records"] == 5
    assert done[1]["restored"]["updated"] == 1
    assert len(checked[2]["batches"]) == 3
    assert len(done[2]["batches"]) == 1
    assert everything(full_site.media).keys() == full_site.files_at_start


@pytest.mark.promise(10)
def test_the_module_tells_what_stays_one_by_one(sqlite_full_site: FullSite, ansible: Ansible):
    sqlite_full_site.run("orphans")
    sqlite_full_site.write("photos/left over.jpg", content=b"a new upload")
    [batch] = sqlite_full_site.batches()
    options = {"state": "restored", "batch": batch, "quarantine": str(sqlite_full_site.quarantine)}
    site = {"database_url": sqlite_full_site.database.url, "media_root": str(sqlite_full_site.media)}
    [result] = ansible.results({MODULE: {**options, **site}})
    assert names(result["left_alone"]) == {"photos/left over.jpg"}
    assert result["left_alone_total"] == 1
    assert not result["failed"]
    assert result["warnings"]

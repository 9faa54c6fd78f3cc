# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""What comes back is what was removed, or it stays in quarantine and is reported."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path
from typing import Any, Callable

import pytest

from engine.kept import Code
from engine.quarantine import store as quarantine
from helpers.clock import let_clock_tick
from helpers.full_sites import FullSite
from helpers.users import NOBODY, as_nobody

pytestmark = pytest.mark.promise(10)

ORPHAN = "photos/left over.jpg"
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files of two users")


def _removed(site: FullSite) -> tuple[str, Path]:
    """The batch that holds the orphan, and the file in it."""
    site.run("orphans")
    (name,) = site.batches()
    with quarantine.opened(os.fsencode(site.quarantine), name) as batch:
        (stored,) = (file.stored for file in batch.files() if file.path == os.fsencode(ORPHAN))
    return name, site.quarantine / name / "files" / stored


def _path(site: FullSite) -> Path:
    return site.media / ORPHAN


def _cut_short_unnoticed(file: Path) -> None:
    """As after a damage of the disk: the time is that of the whole file."""
    status = file.stat()
    os.truncate(file, 1)
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))


DAMAGES: dict[str, Callable[[Path], object]] = {
    "cut short": lambda file: os.truncate(file, 1),
    "cut short, with its time": _cut_short_unnoticed,
    "grown": lambda file: file.write_bytes(file.read_bytes() + b"more"),
    "exchanged for a folder": lambda file: (file.unlink(), file.mkdir()),
    "exchanged for a FIFO": lambda file: (file.unlink(), os.mkfifo(file)),
    "exchanged for a link": lambda file: (file.unlink(), file.symlink_to("/etc/passwd")),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
@pytest.mark.parametrize("is_copied", [False, True], ids=["renamed", "copied"])
def test_a_damaged_file_stays_in_quarantine(
    request: pytest.FixtureRequest, damage: Callable[[Path], object], is_copied: bool
) -> None:
    site = request.getfixturevalue("two_disk_site" if is_copied else "sqlite_full_site")
    batch, file = _removed(site)
    damage(file)
    _is_kept_as_damaged(site, batch)


def _is_kept_as_damaged(site: FullSite, batch: str) -> None:
    for check in (True, False):
        restored = site.restore(batch, check=check)
        kept = {item.name: item.code for item in restored.kept.items}
        assert kept[os.fsencode(ORPHAN)] is Code.DAMAGED
    assert not _path(site).exists()
    assert site.batches() == [batch]


def test_another_content_of_the_same_size_and_time_is_noticed_in_a_copy(two_disk_site: FullSite) -> None:
    batch, file = _removed(two_disk_site)
    status = file.stat()
    file.write_bytes(b"x" * status.st_size)
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    _is_kept_as_damaged(two_disk_site, batch)


def test_a_sparse_file_stays_sparse(two_disk_site: FullSite) -> None:
    path = _path(two_disk_site)
    with path.open("wb") as file:
        file.write(b"begin")
        file.seek(30_000_000)
        file.write(b"middle")
        file.truncate(60_000_000)
    os.utime(path, (1, 1))
    content, blocks = path.read_bytes(), path.stat().st_blocks
    let_clock_tick()
    _batch, kept = _removed(two_disk_site)
    assert kept.stat().st_blocks * 512 < 1_000_000
    two_disk_site.restore_all()
    assert path.read_bytes() == content
    assert path.stat().st_blocks <= blocks + 256


@as_root
def test_a_file_of_another_owner_comes_back_where_the_group_may_write(sqlite_full_site: FullSite) -> None:
    """fs.protected_hardlinks forbids a user to link the file of another one that it may not write."""
    site = sqlite_full_site
    _belongs_to_nobody(site)
    path = _path(site)
    os.chown(path, 4321, 4321)
    path.chmod(0o640)
    path.parent.chmod(0o775)
    let_clock_tick()
    assert as_nobody(lambda: site.run("orphans")[1].removed.files)
    assert not path.exists()
    assert as_nobody(lambda: site.restore(site.batches()[0]).kept.total) == 0
    status = path.stat()
    assert (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) == (4321, 4321, 0o640)


def _belongs_to_nobody(site: FullSite) -> None:
    """Give all that the site has to one user, who is not root."""
    top = site.media.parent
    for folder, _folders, files in os.walk(top):
        for name in ("", *files):
            os.chown(os.path.join(folder, name), NOBODY, NOBODY, follow_symlinks=False)
    for parent in top.parents:
        if not parent.stat().st_mode & stat.S_IXOTH:
            parent.chmod(parent.stat().st_mode | stat.S_IXOTH)
    let_clock_tick()


@pytest.mark.promise(6)
@as_root
def test_a_check_predicts_that_a_folder_cannot_be_written(sqlite_full_site: FullSite) -> None:
    site = sqlite_full_site
    _belongs_to_nobody(site)
    batch = as_nobody(lambda: (site.run("orphans"), site.batches()[0])[1])
    os.chown(_path(site).parent, 0, 0)
    _path(site).parent.chmod(0o755)

    def codes(check: bool) -> Any:
        restored = site.restore(batch, check=check)
        return {item.name: item.code for item in restored.kept.items}, restored.totals

    foreseen = as_nobody(lambda: codes(check=True))
    assert foreseen[0][os.fsencode(ORPHAN)] is Code.NOT_WRITABLE
    assert as_nobody(lambda: codes(check=False)) == foreseen


@pytest.mark.promise(6)
def test_a_check_predicts_that_the_folders_above_come_back(sqlite_full_site: FullSite) -> None:
    site = sqlite_full_site
    batch, _file = _removed(site)
    shutil.rmtree(_path(site).parent)
    foreseen, before = site.restore(batch, check=True).totals, site.state()
    assert site.state() == before
    assert site.restore(batch).totals == foreseen
    assert _path(site).exists()


@pytest.mark.promise(10)
@pytest.mark.parametrize("spelling", ["{}", "./{}", "photos/../{}", "/media/{}"])
def test_a_row_that_names_a_file_of_the_quarantine_leaves_the_batch_alone(
    tmp_path: Path, database: Any, spelling: str
) -> None:
    site = FullSite(tmp_path, database, tmp_path / "media" / "photos")
    site.options.update(media_url="/media/", quarantine_in_media_root=True)
    let_clock_tick()
    batch, stored = _removed(site)
    named = spelling.format(os.fsdecode(os.path.relpath(stored, site.media)))
    site.photo(31, named, on_disk=False)
    site.photo(32, "photos/gone again.jpg", on_disk=False, thumb=named, content_type_id=7)
    for job in ("incomplete", "missing", "orphans"):
        site.run(job)
    assert stored.exists()
    assert batch in site.batches()
    assert site.restore(batch).kept.total == 0
    assert _path(site).exists()

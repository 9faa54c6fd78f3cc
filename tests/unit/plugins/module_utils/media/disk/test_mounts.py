# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""A bind mount below the media root has the device of the root, and is not part of it all the same.

Mounts are made in a mount namespace of a child, which ends with it: this needs root.
"""

from __future__ import annotations

import ctypes
import errno
import os
import pickle
import subprocess
import traceback
from pathlib import Path
from typing import Any, Callable

import pytest

from engine.apply.remover import PermanentRemover
from engine.errors import SiteError
from engine.kept import Code
from engine.media.disk import mounts
from engine.media.disk.folder import DiskFolder
from engine.media.local import LocalStore
from engine.media.store import OtherMount
from engine.quarantine.writer import QuarantineWriter
from helpers.builders import Media, Site, open_handles, planned, reasons, run, state_of, unseen, walked

_CLONE_NEWNS = 0x20000


def _why_not() -> str:
    """Why no mount can be made here; empty if one can."""
    if os.geteuid() != 0:
        return "a bind mount needs root"
    done = subprocess.run(["unshare", "-m", "true"], check=False, capture_output=True)
    return f"no mount namespace can be made here: {done.stderr.decode().strip()}" if done.returncode else ""


WHY_NOT = _why_not()
needs_mounts = pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT)


def in_namespace(function: Callable[[], Any]) -> Any:
    """Call a function in a child with mounts of its own, and return what it returned."""
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            if ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWNS) != 0:
                raise OSError(ctypes.get_errno(), "unshare")
            subprocess.run(["mount", "--make-rprivate", "/"], check=True)
            answer = pickle.dumps((True, function()))
        except BaseException:
            answer = pickle.dumps((False, traceback.format_exc()))
        os.write(theirs, answer)
        os._exit(0)
    os.close(theirs)
    with open(ours, "rb") as answers:
        worked, answer = pickle.loads(answers.read())
    os.waitpid(child, 0)
    if not worked:
        pytest.fail(answer)
    return answer


def bind(media: Media, source: str, target: str) -> None:
    subprocess.run(["mount", "--bind", media.path(source), media.path(target)], check=True)


@pytest.fixture
def mirrored(media: Media) -> Media:
    """A media root whose folder ``mirror`` is to show ``photos`` once more."""
    media.write("photos/a.jpg", "photos/deep/b.jpg", "p/lost.jpg")
    media.mkdir("mirror")
    return media


@needs_mounts
@pytest.mark.promise(5)
@pytest.mark.parametrize("in_order", [True, False])
def test_a_bind_mount_is_not_entered_and_that_is_reported(mirrored: Media, in_order: bool) -> None:
    def walk() -> Any:
        bind(mirrored, "photos", "mirror")
        with LocalStore(mirrored.root, 10) as tree:
            found = [run.prefix + name for run in tree.walk(b"", None, in_order) for name in run.names]
            return sorted(found), dict(tree.not_entered.items), unseen(tree)

    found, not_entered, unreadable = in_namespace(walk)
    assert found == [b"p/lost.jpg", b"photos/a.jpg", b"photos/deep/b.jpg"]
    assert list(not_entered) == [b"mirror"]
    assert "mounted here once more" in not_entered[b"mirror"]
    assert unreadable == {}


@needs_mounts
@pytest.mark.promise(1)
@pytest.mark.promise(5)
def test_a_mount_that_comes_during_the_walk_makes_the_run_partial(mirrored: Media) -> None:
    def walk() -> Any:
        with LocalStore(mirrored.root, 10) as tree:
            runs = tree.walk(b"", None)
            next(runs)
            bind(mirrored, "photos", "mirror")
            list(runs)
            return unseen(tree)

    assert in_namespace(walk) == {b"": "something was mounted below the media root during the run"}


@needs_mounts
@pytest.mark.promise(5)
def test_no_job_judges_or_removes_what_is_in_a_bind_mount(sqlite: Any, mirrored: Media) -> None:
    site = Site(sqlite, mirrored)
    site.insert("photos/a.jpg", "photos/deep/b.jpg", content_type_id=7)
    site.insert("mirror/a.jpg", "mirror/deep/b.jpg")

    def clean() -> Any:
        bind(mirrored, "photos", "mirror")
        orphans, _outcome = run(site.orphans())
        records, _outcome = run(site.incomplete())
        return orphans.found.files, records.found.files, {kept.name: kept.code for kept in records.kept.items}

    assert in_namespace(clean) == (
        1,
        0,
        {b"mirror/a.jpg": Code.OTHER_MOUNT, b"mirror/deep/b.jpg": Code.OTHER_MOUNT},
    )
    assert mirrored.files == {b"photos/a.jpg", b"photos/deep/b.jpg"}


@needs_mounts
@pytest.mark.promise(5)
def test_what_is_mounted_after_the_plan_is_kept(sqlite: Any, mirrored: Media) -> None:
    mirrored.write("mirror/x.jpg")

    def clean() -> Any:
        with planned(Site(sqlite, mirrored).orphans()) as made:
            bind(mirrored, "mirror", "mirror")
            outcome = made.apply(PermanentRemover())
            return {kept.name: kept.code for kept in outcome.kept.items}

    assert in_namespace(clean) == {b"mirror/x.jpg": Code.OTHER_MOUNT}
    assert mirrored.files == {b"mirror/x.jpg"}


@needs_mounts
@pytest.mark.promise(5)
def test_a_file_on_which_another_one_is_mounted_is_kept(sqlite: Any, mirrored: Media) -> None:
    mirrored.write("p/other.jpg")

    def clean() -> Any:
        bind(mirrored, "photos/a.jpg", "p/other.jpg")
        plan, outcome = run(Site(sqlite, mirrored).orphans(directories=["p"]))
        return outcome.removed.files, reasons(plan.kept)

    removed, kept = in_namespace(clean)
    assert (removed, list(kept)) == (1, [b"p/other.jpg"])


@needs_mounts
@pytest.mark.promise(5)
@pytest.mark.promise(7)
@pytest.mark.parametrize("mounted", ["photos/a.jpg", "p/other.jpg"], ids=["another file", "itself"])
@pytest.mark.parametrize("keeps", [True, False], ids=["quarantine", "permanent"])
def test_a_file_on_which_one_is_mounted_after_the_plan_is_kept_for_that_reason(
    sqlite: Any, mirrored: Media, tmp_path: Path, mounted: str, keeps: bool
) -> None:
    mirrored.write("p/other.jpg")
    more = {"quarantine": str(tmp_path / "kept")} if keeps else {}

    def clean() -> Any:
        job = Site(sqlite, mirrored).orphans(directories=["p"], **more)
        with planned(job) as made:
            bind(mirrored, mounted, "p/other.jpg")
            writer = QuarantineWriter(job.site, job.name, made.plan.plan_id, 0) if keeps else None
            with writer or PermanentRemover() as remover:
                outcome = made.apply(remover)
            return outcome.removed.files, {kept.name: kept.code for kept in outcome.kept.items}

    removed, kept = in_namespace(clean)
    assert (removed, kept) == (1, {b"p/other.jpg": Code.OTHER_MOUNT})
    assert b"p/other.jpg" in mirrored.files


@needs_mounts
@pytest.mark.promise(5)
def test_nothing_is_put_back_into_a_bind_mount(mirrored: Media) -> None:
    def put_back() -> Any:
        bind(mirrored, "photos", "mirror")
        with LocalStore(mirrored.root, 10) as tree:
            tree.make_folder_for_held()
            folder = tree.folder_of_held()
            assert folder is not None
            with folder:
                state = state_of(tree, b"p/lost.jpg")
                tree.move_out(b"p/lost.jpg", state, folder, "0")
                for path in (b"mirror/new.jpg", b"mirror/new/new.jpg"):
                    for attempt in (tree.check_put_back, tree.put_back):
                        with pytest.raises(OtherMount):
                            attempt(folder, "0", path)
                return folder.has("0")

    assert in_namespace(put_back)
    assert not os.path.exists(mirrored.path("photos/new"))


@needs_mounts
@pytest.mark.promise(5)
def test_a_listed_directory_that_is_a_bind_mount_is_refused(sqlite: Any, mirrored: Media) -> None:
    def refused() -> str:
        bind(mirrored, "photos", "mirror")
        with pytest.raises(SiteError) as refusal:
            run(Site(sqlite, mirrored).orphans(directories=["mirror"]))
        return str(refusal.value)

    assert "directory 'mirror' is a bind mount" in in_namespace(refused)


@needs_mounts
@pytest.mark.promise(9)
def test_a_reference_over_a_second_mount_protects_the_file(sqlite: Any, mirrored: Media) -> None:
    site = Site(sqlite, mirrored)
    site.insert("mirror/deep/b.jpg")

    def clean() -> Any:
        bind(mirrored, "photos", "mirror")
        plan, _outcome = run(site.orphans())
        return {kept.name: kept.code for kept in plan.kept.items}

    assert in_namespace(clean) == {b"mirror": Code.OTHER_MOUNT, b"photos/deep/b.jpg": Code.OTHER_NAME}
    assert mirrored.files == {b"photos/deep/b.jpg"}


@needs_mounts
@pytest.mark.promise(9)
def test_one_folder_under_two_names_is_not_judged_twice(sqlite: Any, media: Media) -> None:
    media.mkdir("disk", "again")

    def refused() -> str:
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", media.path("disk")], check=True)
        bind(media, "disk", "again")
        with pytest.raises(SiteError) as refusal:
            run(Site(sqlite, media).orphans(directories=["disk", "again"]))
        return str(refusal.value)

    assert "directories lists one folder twice: 'again' and 'disk'" in in_namespace(refused)


@needs_mounts
@pytest.mark.promise(5)
def test_files_of_a_listed_directory_on_a_disk_of_its_own_are_removed_and_come_back(
    sqlite: Any, media_with_mount: Media
) -> None:
    media_with_mount.write("mounted/lost.jpg")
    with planned(Site(sqlite, media_with_mount).orphans(directories=["mounted"])) as made:
        assert made.plan.found.files == 1
        assert made.apply().removed.files == 1
    assert media_with_mount.files == set()


@needs_mounts
@pytest.mark.promise(5)
def test_a_batch_is_not_deleted_through_a_bind_mount(mirrored: Media) -> None:
    os.chmod(mirrored.root, 0o700)
    mirrored.mkdir("batch/in")

    def delete() -> None:
        bind(mirrored, "photos", "batch/in")
        with DiskFolder.open(mirrored.root, "the quarantine") as folder, pytest.raises(
            OSError, match="mounted at 'in'"
        ):
            folder.remove_tree("batch")

    in_namespace(delete)
    assert os.path.exists(mirrored.path("photos/a.jpg"))


@needs_mounts
@pytest.mark.parametrize("name", [b"", b"mirror", b"photos"])
def test_the_fallback_of_statx_knows_the_same_mount(
    mirrored: Media, name: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def numbers() -> Any:
        bind(mirrored, "photos", "mirror")
        root = os.open(mirrored.root, os.O_RDONLY)
        by_statx = mounts.mount_of(root, name)
        monkeypatch.setattr(mounts, "libc_function", lambda _name: None)
        return by_statx, mounts.mount_of(root, name), mounts.mount_of(root)

    by_statx, by_descriptor, of_root = in_namespace(numbers)
    assert by_statx == by_descriptor
    assert (by_statx == of_root) == (name != b"mirror")


@needs_mounts
def test_points_with_odd_names_are_known(media: Media) -> None:
    media.mkdir("a b\n\\c")

    def points() -> Any:
        bind(media, "a b\n\\c", "a b\n\\c")
        return mounts.points_below(os.open(media.root, os.O_RDONLY))

    assert [point for _number, point in in_namespace(points)] == [media.path("a b\n\\c")]


@pytest.mark.promise(5)
def test_without_any_way_to_know_mounts_nothing_is_examined(
    media: Media, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(_handle: int, _name: bytes = b"") -> int:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    monkeypatch.setattr(mounts, "mount_of", unknown)
    before = open_handles()
    with pytest.raises(SiteError, match=r"what is mounted below media_root .* cannot be known"):
        LocalStore(media.root, 10).__enter__()
    assert open_handles() == before


def test_where_mounts_cannot_be_read_each_folder_is_checked(
    media: Media, monkeypatch: pytest.MonkeyPatch
) -> None:
    media.write("a/1", "b/2")
    monkeypatch.setattr(mounts, "_MOUNTS", "/nonexistent")
    with LocalStore(media.root, 10) as tree:
        assert walked(tree) == [b"a/1", b"b/2"]
        assert unseen(tree) == {}

# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

from __future__ import annotations

import errno
import json
import os
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine.config.site import Site as SiteOptions
from engine.errors import StateError
from engine.quarantine import store as quarantine
from engine.quarantine.state import site_state as states
from engine.quarantine.state.site_state import ANNOUNCED_PURGE, IDENTITY, State
from engine.session import open_session
from helpers.builders import Site, run
from helpers.purging import purge
from helpers.users import NOBODY

FACTS = {"database": "sqlite:1", "media": "2"}


@pytest.fixture(params=["in the quarantine", "in the state directory"])
def options(sqlite_site: Site, tmp_path: Path, request: pytest.FixtureRequest) -> SiteOptions:
    """A site with a quarantine that nobody has made yet, and one without."""
    where = "quarantine" if "quarantine" in request.param else "state_directory"
    return sqlite_site.orphans(**{where: str(tmp_path / "kept")}).site


def file_of(options: SiteOptions) -> Path:
    return Path(os.fsdecode(State(options, writes=False).path))


def written(options: SiteOptions, content: bytes) -> State:
    State(options, writes=True).record(IDENTITY, FACTS)
    file_of(options).write_bytes(content)
    return State(options, writes=False)


def test_nothing_is_known_before_the_first_run(options: SiteOptions, tmp_path: Path) -> None:
    assert not State(options, writes=False).part(IDENTITY)
    assert not (tmp_path / "kept").exists()


def test_what_was_recorded_is_known_to_the_next_run(options: SiteOptions) -> None:
    ours, theirs = State(options, writes=True), State(options, writes=True)
    ours.record(IDENTITY, FACTS)
    theirs.record(ANNOUNCED_PURGE, {"batches": ["a"]})
    ours.record(IDENTITY, {"database": "another"})
    for state in (ours, State(options, writes=False)):
        assert state.part(IDENTITY) == {"database": "another"}
        assert state.part(ANNOUNCED_PURGE) == {"batches": ["a"]}


def test_the_file_is_for_its_owner_only(options: SiteOptions) -> None:
    State(options, writes=True).record(IDENTITY, FACTS)
    place = file_of(options)
    assert [stat.S_IMODE(os.stat(each).st_mode) for each in (place, place.parent)] == [0o600, 0o700]
    assert stat.S_IMODE(os.stat(options.quarantine or place.parent).st_mode) == 0o700
    assert os.listdir(place.parent) == ["kit.json"]


@pytest.mark.promise(6)
def test_check_mode_writes_nothing(options: SiteOptions, tmp_path: Path) -> None:
    State(options, writes=False).record(IDENTITY, FACTS)
    with open_session(options, read_only=True) as session:
        session.state.record(IDENTITY, FACTS)
    assert not (tmp_path / "kept").exists()


def test_a_session_writes_once_it_is_locked(options: SiteOptions) -> None:
    with open_session(options, read_only=True) as session:
        assert not session.state.part(IDENTITY)
        State(options, writes=True).record(IDENTITY, FACTS)
        with session.locked():
            # The run that held the lock before has recorded this.
            assert session.state.part(IDENTITY) == FACTS
            session.state.record(ANNOUNCED_PURGE, {"batches": ["a"]})
    assert State(options, writes=False).part(ANNOUNCED_PURGE)


DAMAGED = {
    "an empty file": b"",
    "half a file": b'{"format": 1, "si',
    "no text": b"\xff\xfe\0",
    "a list": b"[1]",
    "something else": b'{"batch": "x"}',
    "a part that is no object": b'{"format": 1, "site": "kit", "identity": ["x"]}',
    "an unknown part": b'{"format": 1, "site": "kit", "identities": {}}',
    "another site": b'{"format": 1, "site": "other", "identity": {}}',
    "a later format": b'{"format": 2, "site": "kit", "identity": {}}',
    "brackets without end": b"[" * 200_000,
}


@pytest.mark.promise(1)
@pytest.mark.parametrize("what", DAMAGED)
def test_a_damaged_file_is_an_error_and_not_a_lack_of_facts(options: SiteOptions, what: str) -> None:
    with pytest.raises(StateError, match=r"kit\.json"):
        written(options, DAMAGED[what])


def test_a_file_that_is_too_large_is_not_read(options: SiteOptions, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(states, "LARGEST", 200)
    with pytest.raises(StateError, match="more than 200 bytes"):
        written(options, json.dumps({"format": 1, "site": "kit", "identity": {"x": "x" * 200}}).encode())


def test_facts_that_are_too_large_leave_the_file_as_it_was(
    options: SiteOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    State(options, writes=True).record(IDENTITY, FACTS)
    monkeypatch.setattr(states, "LARGEST", 200)
    with pytest.raises(StateError, match="Nothing of it was written"):
        State(options, writes=True).record(ANNOUNCED_PURGE, {"x": "x" * 200})
    assert State(options, writes=False).part(IDENTITY) == FACTS


def test_a_run_that_was_killed_while_writing_leaves_the_file_as_it_was(
    options: SiteOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    State(options, writes=True).record(IDENTITY, FACTS)
    state = State(options, writes=True)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", lambda _handle: (nothing for nothing in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            state.record(IDENTITY, {"database": "another"})
    assert State(options, writes=False).part(IDENTITY) == FACTS
    State(options, writes=True).record(IDENTITY, {"database": "another"})
    assert os.listdir(file_of(options).parent) == ["kit.json"]


@pytest.mark.promise(15)
@pytest.mark.parametrize("kind", ["link", "fifo", "directory"])
def test_only_a_regular_file_is_read(options: SiteOptions, tmp_path: Path, kind: str) -> None:
    State(options, writes=True).record(IDENTITY, FACTS)
    file = file_of(options)
    file.rename(tmp_path / "moved")
    if kind == "link":
        file.symlink_to(tmp_path / "moved")
    elif kind == "fifo":
        os.mkfifo(file)
    else:
        file.mkdir()
    with pytest.raises(StateError, match=r"could not be read.*, not a regular file\."):
        State(options, writes=False)


@pytest.mark.promise(15)
def test_a_folder_of_somebody_else_is_refused(options: SiteOptions) -> None:
    State(options, writes=True).record(IDENTITY, FACTS)
    os.chown(file_of(options).parent, NOBODY, NOBODY)
    with pytest.raises(StateError, match="belongs to the user"):
        State(options, writes=False)


def test_a_place_that_cannot_be_read_is_an_error(sqlite_site: Site, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError, match="set state_directory"):
        State(sqlite_site.orphans(state_directory=str(tmp_path / "file" / "kept")).site, writes=False)


def test_a_full_disk_asks_for_space_and_not_for_rights(
    options: SiteOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    State(options, writes=True).record(IDENTITY, FACTS)

    def full(*_arguments: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StateError, match="No space left on device") as refusal:
        State(options, writes=True).record(IDENTITY, {"database": "another"})
    assert "Free some space there." in str(refusal.value)
    assert "Let this user write" not in str(refusal.value)
    assert State(options, writes=False).part(IDENTITY) == FACTS


def test_sites_may_share_a_quarantine(options: SiteOptions) -> None:
    State(options, writes=True).record(IDENTITY, FACTS)
    other = State(replace(options, name="other"), writes=True)
    assert not other.part(IDENTITY)
    if options.quarantine:
        assert other.path != State(options, writes=False).path


@pytest.mark.parametrize("name", ["/srv/album/media", "..", "a/b", "ä", "x" * 300, ".hidden"])
def test_a_name_that_no_file_may_have_is_a_digest(sqlite_site: Site, state_home: Path, name: str) -> None:
    options = sqlite_site.orphans(name=name).site
    State(options, writes=True).record(IDENTITY, FACTS)
    (file,) = (state_home / "media-cleanup").iterdir()
    assert len(file.stem) == 32
    assert State(options, writes=False).part(IDENTITY) == FACTS


def test_the_folder_of_the_role_comes_before_that_of_the_home(
    sqlite_site: Site, state_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(states, "_MADE_BY_ROLE", os.fsencode(tmp_path))
    options = sqlite_site.orphans().site
    in_home = State(options, writes=False).path
    (tmp_path / "kit").mkdir(mode=0o700)
    assert in_home == os.fsencode(state_home / "media-cleanup" / "kit.json")
    assert State(options, writes=False).path == os.fsencode(tmp_path / "kit" / "kit.json")


@pytest.mark.parametrize("home", ["", "relative/path"])
def test_the_home_is_that_of_the_user(
    sqlite_site: Site, tmp_path: Path, home: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", home)
    monkeypatch.setenv("HOME", str(tmp_path))
    place = State(sqlite_site.orphans().site, writes=False).path
    assert place == os.fsencode(tmp_path / ".local/state/media-cleanup/kit.json")


def test_a_batch_and_the_state_do_not_meet(sqlite_with_orphan: Site, tmp_path: Path) -> None:
    job: Any = sqlite_with_orphan.orphans(quarantine=str(tmp_path / "kept"))
    State(job.site, writes=True).record(ANNOUNCED_PURGE, FACTS)
    run(job)
    found, unreadable = quarantine.survey(job.site.quarantine)
    assert (len(found), unreadable) == (1, [])
    purge(job.site.quarantine, None, None, check=False)
    assert State(job.site, writes=False).part(ANNOUNCED_PURGE) == FACTS

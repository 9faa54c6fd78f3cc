# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Which batches and items a purge takes: by their age and by their names, and none that is pinned."""

from __future__ import annotations

import json
import os
import time
from typing import Any

import pytest

from engine.apply.restore import restore
from engine.errors import SiteError, StateError
from engine.kept import Code
from engine.quarantine import store as quarantine
from helpers.builders import run
from helpers.purging import Purging


@pytest.mark.promise(10)
@pytest.mark.parametrize("jump", [400, -400])
def test_a_clock_that_jumps_purges_nothing(
    sqlite_kept: Purging, monkeypatch: pytest.MonkeyPatch, jump: int
) -> None:
    first, second = sqlite_kept.clean("p/1.jpg"), sqlite_kept.clean("p/2.jpg")
    now = time.time()
    weekly = {"older_than_days": 30}
    for days in (0, 7, 7 + jump, 14):
        monkeypatch.setattr(time, "time", lambda days=days: now + days * 86400)
        assert sqlite_kept.first_purge(**weekly).batches == []
    assert sqlite_kept.names == [first, second]
    for days, announced, deleted in ((35, 2, 0), (35.9, 2, 0), (36.1, 0, 2)):
        monkeypatch.setattr(time, "time", lambda days=days: now + days * 86400)
        done = sqlite_kept.first_purge(**weekly)
        assert (len(done.announced), len(done.batches)) == (announced, deleted)
    assert sqlite_kept.names == []


def test_what_a_clock_in_the_future_has_announced_is_announced_anew(
    sqlite_kept: Purging, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise the batch would stay until that moment has come."""
    sqlite_kept.clean("p/1.jpg")
    now = time.time()
    for days, announced, deleted in ((440, 1, 0), (40, 1, 0), (40.9, 1, 0), (41.1, 0, 1)):
        monkeypatch.setattr(time, "time", lambda days=days: now + days * 86400)
        done = sqlite_kept.first_purge(older_than_days=30)
        assert (len(done.announced), len(done.batches)) == (announced, deleted)


@pytest.mark.promise(7)
def test_names_are_the_most_that_goes_and_the_rest_is_still_announced(sqlite_kept: Purging) -> None:
    first, second = sqlite_kept.clean("p/1.jpg"), sqlite_kept.clean("p/2.jpg")
    due = {"older_than_days": 0}
    assert sqlite_kept.first_purge(batches=[], **due).batches == []
    assert [info.name for info in sqlite_kept.purge(batches=[first], **due).batches] == [first]
    assert sqlite_kept.names == [second]
    with pytest.raises(SiteError, match="there is no batch"):
        sqlite_kept.purge(batches=[first], **due)


def test_a_state_that_says_no_moments_purges_nothing(sqlite_kept: Purging) -> None:
    batch = sqlite_kept.clean("p/1.jpg")
    state = sqlite_kept.folder / ".state" / "kit.json"
    state.write_text(json.dumps({**json.loads(state.read_text()), "announced_purge": {batch: "1"}}))
    with pytest.raises(StateError, match="what it says of purges"):
        sqlite_kept.first_purge()
    assert sqlite_kept.names == [batch]


# Single items, and pins.


@pytest.mark.promise(10)
def test_one_photo_is_forgotten_with_its_row_and_nothing_else(kept: Purging) -> None:
    site = kept.site
    site.insert("p/attached.jpg", content_type_id=1)
    site.insert("p/secret.jpg", "p/other.jpg", thumbnail="p/secret-small.jpg")
    site.media.write("p/secret.jpg", "p/secret-small.jpg", "p/other.jpg")
    _plan, outcome = run(site.incomplete(quarantine=str(kept.folder)))
    again = kept.clean("p/secret.jpg")
    batch = str(outcome.batch)
    assert b"secret" in kept.contents(batch)
    wanted: dict[str, Any] = {"batch": batch, "paths": ["p/secret.jpg"]}
    shown = kept.purge(check=True, **wanted)
    assert b"secret" in kept.contents(batch)
    done = kept.purge(**wanted)
    assert [(info.files, info.bytes, info.rows) for info in done.batches] == [(1, 7, 1)]
    assert (done.batches, done.notes) == (shown.batches, shown.notes)
    assert f"what is in 1 other batch ({again})" in done.notes[0]
    assert b"p/secret.jpg" not in kept.contents(batch)
    assert b"p/other.jpg" in kept.contents(batch)
    with pytest.raises(SiteError, match="holds nothing of these paths"):
        kept.purge(**wanted)
    restored = restore(site.incomplete(quarantine=str(kept.folder)).site, batch, [], False)
    assert "p/other.jpg" in site.images
    assert b"p/other.jpg" in restored.paths.items


@pytest.mark.promise(10)
def test_a_companion_that_another_row_shares_is_only_forgotten_if_it_is_asked_for(
    sqlite_kept: Purging,
) -> None:
    site = sqlite_kept.site
    site.insert("p/attached.jpg", content_type_id=1)
    site.media.write("p/1.jpg", "p/2.jpg", "t/shared.jpg")
    site.insert("p/1.jpg", "p/2.jpg", thumbnail="t/shared.jpg")
    _plan, outcome = run(site.incomplete(quarantine=str(sqlite_kept.folder), companion_columns=["thumbnail"]))
    batch = str(outcome.batch)
    shown = sqlite_kept.purge(check=True, batch=batch, paths=["p/1.jpg"])
    done = sqlite_kept.purge(batch=batch, paths=["p/1.jpg"])
    assert [(item.name, item.code) for item in done.kept.items] == [(b"t/shared.jpg", Code.RECORD_KEPT)]
    assert [(info.files, info.rows) for info in done.batches] == [(1, 1)]
    assert (done.batches, done.kept.items) == (shown.batches, shown.kept.items)
    assert set(sqlite_kept.held) == {"p/other.jpg", "p/2.jpg", "t/shared.jpg"}
    sqlite_kept.purge(batch=batch, paths=["t/shared.jpg"])
    assert "t/shared.jpg" not in sqlite_kept.held


@pytest.mark.promise(10)
def test_what_is_referenced_is_not_forgotten(sqlite_kept: Purging) -> None:
    batch = sqlite_kept.clean("p/1.jpg", "p/2.jpg")
    sqlite_kept.site.insert("p/1.jpg")
    done = sqlite_kept.purge(batch=batch, paths=["p/1.jpg"])
    assert [(item.name, item.code) for item in done.kept.items] == [(b"p/1.jpg", Code.REFERENCED)]
    assert sqlite_kept.held == ["p/1.jpg", "p/2.jpg"]
    sqlite_kept.purge(batch=batch, paths=["p/2.jpg"])
    assert sqlite_kept.held == ["p/1.jpg"]
    with pytest.raises(SiteError, match="set batch too"):
        sqlite_kept.purge(older_than_days=0, paths=["p/1.jpg"])


@pytest.mark.promise(10)
def test_a_pinned_batch_is_not_purged(sqlite_kept: Purging) -> None:
    batch, other = sqlite_kept.clean("p/1.jpg"), sqlite_kept.clean("p/2.jpg")
    place = os.fsencode(sqlite_kept.folder)
    assert quarantine.pin(place, batch, pinned=True, check=True)
    assert not quarantine.pin(place, batch, pinned=False, check=False)
    assert quarantine.pin(place, batch, pinned=True, check=False)
    assert not quarantine.pin(place, batch, pinned=True, check=False)
    with pytest.raises(SiteError, match=rf"batch {batch} is pinned"):
        sqlite_kept.purge(batch=batch)
    with pytest.raises(SiteError, match=rf"batch {batch} is pinned"):
        sqlite_kept.purge(batch=batch, accept=["no_database"], paths=["p/1.jpg"])
    assert [info.name for info in sqlite_kept.purge().batches] == [other]
    assert quarantine.pin(place, batch, pinned=False, check=False)
    assert [info.name for info in sqlite_kept.purge().batches] == [batch]

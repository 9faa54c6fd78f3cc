# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""What a reviewer unticked is kept; a list of that can shrink the plan that was reviewed, no more."""

from __future__ import annotations

import base64
import json
import time
import zlib
from typing import Any

import pytest

from engine.config.keep import entry_of_row, keep_of
from engine.errors import SiteError
from engine.kept import Code
from engine.plan import approval
from helpers.builders import TO_PHOTO, Site, found, run

pytestmark = pytest.mark.promise(7)


def codes(listed: Any) -> dict[bytes, Code]:
    return {kept.name: kept.code for kept in listed.items}


def review(plan: Any, *keep: str, plan_id: str = "") -> dict[str, Any]:
    """The options with which a plan is carried out as somebody reviewed it."""
    return {"review": {"plan_id": plan_id or plan.plan_id, "keep": list(keep)}}


def forged(token: str, **changes: Any) -> str:
    """A token that says something else."""
    header, _newline, digests = zlib.decompress(base64.urlsafe_b64decode(token)).partition(b"\n")
    text = json.dumps({**json.loads(header), **changes}).encode()
    return base64.urlsafe_b64encode(zlib.compress(text + b"\n" + digests)).decode()


@pytest.mark.parametrize(
    ("name", "entry"),
    [("p/b.jpg", "p/b.jpg"), ("p/[b].jpg", "p/[b].jpg"), ("p/[b].jpg", "file:p/%5Bb%5D.jpg")],
)
def test_an_unticked_file_is_kept_and_the_others_go(sqlite_site: Site, name: str, entry: str) -> None:
    sqlite_site.media.write("p/a.jpg", name, "p/c.jpg")
    plan, _outcome = run(sqlite_site.orphans(), check=True)
    sqlite_site.media.write("p/new.jpg")
    for check in (True, False):
        again, _outcome = run(sqlite_site.orphans(**review(plan, entry)), check, plan.token)
        assert found(again) == [b"p/a.jpg", b"p/c.jpg"]
        assert codes(again.kept) == {
            name.encode(): Code.KEPT_BY_REVIEWER,
            b"p/new.jpg": Code.NOT_APPROVED,
        }
        assert not again.warnings
    assert sqlite_site.media.files == {name.encode(), b"p/new.jpg"}


def test_an_unticked_row_is_kept_with_its_files(site: Site) -> None:
    site.media.write("p/a.jpg", "t/a.jpg", "p/b.jpg")
    site.insert("p/a.jpg", thumbnail="t/a.jpg")
    site.insert("p/b.jpg")
    with_thumbnails = {"companion_columns": ["thumbnail"]}
    plan, _outcome = run(site.incomplete(**with_thumbnails), check=True)
    assert len(plan.items) == 2
    reviewed_job = site.incomplete(**with_thumbnails, **review(plan, "row:photo:1"))
    again, _outcome = run(reviewed_job, False, plan.token)
    assert codes(again.kept) == {b"p/a.jpg": Code.KEPT_BY_REVIEWER}
    assert not again.warnings
    assert site.media.files == {b"p/a.jpg", b"t/a.jpg"}
    assert site.images == ["p/a.jpg"]


@pytest.mark.parametrize("key", ["{{ 1 }}:%7B", "a:b"])
def test_a_row_whose_key_is_a_template_has_an_entry_that_is_none(key: str) -> None:
    entry = entry_of_row("photo", key)
    assert "{" not in entry
    assert keep_of([entry]).rows == (("photo", key),)


def test_a_record_is_kept_with_which_an_unticked_row_would_be_deleted(sqlite_site: Site) -> None:
    sqlite_site.media.mkdir("p")
    sqlite_site.database.run(f"ALTER TABLE photo ADD COLUMN source_id integer {TO_PHOTO}")
    sqlite_site.insert("p/1.jpg", "p/2.jpg")
    sqlite_site.database.run("UPDATE photo SET source_id = 1 WHERE id = 2")
    rule = {"dependents": [{"table": "photo", "column": "source_id", "action": "delete"}]}
    plan, _outcome = run(sqlite_site.missing(**rule), check=True)
    run(sqlite_site.missing(**rule, **review(plan, "row:photo:2")), False, plan.token)
    assert sqlite_site.images == ["p/1.jpg", "p/2.jpg"]


REFUSED = [
    ({"plan_id": "20261126T000000Z-000000000000"}, ["p/a.jpg"], "review is about the plan"),
    ({}, ["p/nowhere.jpg"], "has nothing of that name"),
    ({}, ["p"], "has nothing of that name"),
    ({}, ["*.jpg"], "has nothing of that name"),
    ({}, ["row:photo:1"], "has nothing of that name"),
]


@pytest.mark.parametrize(("more", "keep", "words"), REFUSED)
def test_a_list_that_does_not_fit_refuses_the_run(
    sqlite_site: Site, more: dict[str, str], keep: list[str], words: str
) -> None:
    sqlite_site.media.write("p/a.jpg", "p/b.jpg")
    plan, _outcome = run(sqlite_site.orphans(), check=True)
    with pytest.raises(SiteError, match=words):
        run(sqlite_site.orphans(**review(plan, *keep, **more)), False, plan.token)
    assert len(sqlite_site.media.files) == 2


def test_a_list_without_its_plan_refuses_the_run(sqlite_site: Site) -> None:
    sqlite_site.media.write("p/a.jpg")
    plan, _outcome = run(sqlite_site.orphans(), check=True)
    with pytest.raises(SiteError, match="not approved here"):
        run(sqlite_site.orphans(**review(plan)), check=False)
    sqlite_site.media.write("p/b.jpg")
    other, _outcome = run(sqlite_site.orphans(), check=True)
    with pytest.raises(SiteError, match="the approved plan is"):
        run(sqlite_site.orphans(**review(plan, "p/a.jpg")), False, other.token)
    assert sqlite_site.media.files == {b"p/a.jpg", b"p/b.jpg"}


def test_a_page_that_is_too_old_refuses_the_run(sqlite_site: Site) -> None:
    sqlite_site.media.write("p/a.jpg", hours=2000)
    plan, _outcome = run(sqlite_site.orphans(), check=True)
    moment = time.time() - approval.DAYS_OF_REVIEW * 86400 - 60
    name = approval.plan_id(moment, plan.digest)
    with pytest.raises(SiteError, match="7 days ago"):
        run(sqlite_site.orphans(**review(plan, plan_id=name)), False, forged(plan.token, moment=moment))
    assert sqlite_site.media.files == {b"p/a.jpg"}


@pytest.mark.promise(3)
def test_a_plan_from_the_future_makes_nothing_older(sqlite_site: Site) -> None:
    sqlite_site.media.write("p/old.jpg")
    sqlite_site.media.write("p/young.jpg", hours=1)
    other, _outcome = run(sqlite_site.orphans(older_than_hours=0), check=True)
    assert len(other.items) == 2
    moment = time.time() + 1e6
    name = approval.plan_id(moment, other.digest)
    token = forged(other.token, moment=moment)
    again, _outcome = run(sqlite_site.orphans(**review(other, plan_id=name)), False, token)
    assert again.young == 1
    assert sqlite_site.media.files == {b"p/young.jpg"}


def test_a_plan_that_is_approved_as_a_whole_has_no_single_items_to_keep(
    sqlite_site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(approval, "ITEMS_IN_TOKEN", 1)
    sqlite_site.media.write("p/a.jpg", "p/b.jpg")
    plan, _outcome = run(sqlite_site.orphans(), check=True)
    assert not plan.is_itemized
    with pytest.raises(SiteError, match="single ones cannot be kept"):
        run(sqlite_site.orphans(**review(plan, "p/a.jpg")), False, plan.token)
    run(sqlite_site.orphans(**review(plan)), False, plan.token)
    assert sqlite_site.media.files == set()

# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""A field that the Django project had at the last run protects its files while its column is there."""

from __future__ import annotations

import json
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine import run as runs
from engine.apply.purge_items import carry_out
from engine.config.django.answer import facts_of
from engine.config.django_jobs.jobs import project_job
from engine.config.purge import purge_of
from engine.config.site import Column, ProjectParts
from engine.errors import StateError
from helpers.builders import Site, found, run
from helpers.django_answers import answer, file_field, model
from helpers.purging import announce

IMAGE, THUMBNAIL = Column("photo", "image"), Column("photo", "thumbnail")


@pytest.fixture
def kit(sqlite_site: Site) -> Site:
    sqlite_site.media.write("photos/a.jpg", "photos/a_small.jpg", "photos/b.jpg", "photos/orphan.jpg")
    sqlite_site.insert("photos/a.jpg", thumbnail="photos/a_small.jpg")
    sqlite_site.insert("photos/b.jpg")
    return sqlite_site


def job(site: Site, tmp_path: Path, *columns: Column) -> Any:
    """The job ``orphans`` of a project with these fields; the sweep would keep the files anyway."""
    entries = [{"table": column.table, "column": column.name} for column in columns]
    made = site.orphans(references=entries, quarantine=str(tmp_path / "kept"), sweep=False)
    return replace(made, site=replace(made.site, project=ProjectParts(columns, ())))


@pytest.mark.promise(14)
def test_a_column_of_an_earlier_field_stays_listed(kit: Site, tmp_path: Path) -> None:
    run(job(kit, tmp_path, IMAGE, THUMBNAIL))
    kit.media.write("photos/second.jpg")
    for check in (True, False):
        plan, _outcome = run(job(kit, tmp_path, IMAGE), check)
        assert found(plan) == [b"photos/second.jpg"]
        assert any("photo.thumbnail any more" in warning for warning in plan.warnings)
    # It is still known at the run after.
    plan, _outcome = run(job(kit, tmp_path, IMAGE), check=True)
    assert found(plan) == []


def test_a_column_that_is_gone_is_forgotten(kit: Site, tmp_path: Path) -> None:
    run(job(kit, tmp_path, IMAGE, THUMBNAIL))
    kit.database.run("ALTER TABLE photo DROP COLUMN thumbnail")
    plan, _outcome = run(job(kit, tmp_path, IMAGE), check=True)
    assert found(plan) == [b"photos/a_small.jpg"]
    assert not any("any more" in warning for warning in plan.warnings)


def test_several_jobs_of_one_session_know_it(kit: Site, tmp_path: Path) -> None:
    run(job(kit, tmp_path, IMAGE, THUMBNAIL))
    both = [job(kit, tmp_path, IMAGE), job(kit, tmp_path, IMAGE)]
    ended = runs.run_all(both, True, [], lambda _job: nullcontext())
    assert len(ended) == len(both)
    for each in ended:
        assert each.plan is not None
        assert found(each.plan) == []
        assert [warning.count("any more") for warning in each.plan.warnings].count(1) == 1


@pytest.mark.promise(10)
@pytest.mark.parametrize("there", [True, False])
def test_a_purge_asks_the_column_too(kit: Site, tmp_path: Path, there: bool) -> None:
    """The batch is from before the field was added, so that it does not list the column."""
    run(job(kit, tmp_path, IMAGE))
    run(job(kit, tmp_path, IMAGE, THUMBNAIL))
    kit.insert("photos/a.jpg", thumbnail="photos/orphan.jpg")
    if not there:
        kit.database.run("ALTER TABLE photo DROP COLUMN thumbnail")
    announce(tmp_path / "kept")
    options = {
        **kit.basics,
        "accept": [],
        "references": [{"table": "photo", "column": "image"}],
        "quarantine": str(tmp_path / "kept"),
        "older_than_days": 0,
        "sweep": False,
    }
    purged = carry_out(purge_of(options), check=False)
    kept = {b"photos/a_small.jpg", b"photos/orphan.jpg"}
    assert {item.name for item in purged.kept.items} == (kept if there else set())


def test_check_mode_records_nothing(kit: Site, tmp_path: Path) -> None:
    run(job(kit, tmp_path, IMAGE, THUMBNAIL), check=True)
    plan, _outcome = run(job(kit, tmp_path, IMAGE), check=True)
    assert found(plan) == [b"photos/a_small.jpg", b"photos/orphan.jpg"]


def test_a_site_that_is_described_by_hand_forgets_what_it_does_not_list(kit: Site, tmp_path: Path) -> None:
    run(job(kit, tmp_path, IMAGE, THUMBNAIL))
    by_hand = job(kit, tmp_path, IMAGE)
    by_hand = replace(by_hand, site=replace(by_hand.site, project=None))
    assert found(run(by_hand, check=True)[0]) == [b"photos/a_small.jpg"]


@pytest.mark.parametrize("columns", ["photo.image", [["photo"]], [["photo", 7]], [["photo", ""]], None])
def test_a_state_that_cannot_be_right_ends_the_run(kit: Site, tmp_path: Path, columns: Any) -> None:
    run(job(kit, tmp_path, IMAGE))
    (file,) = (tmp_path / "kept/.state").glob("*.json")
    content = json.loads(file.read_text())
    assert content["known_fields"] == {"columns": [["photo", "image"]], "receivers": []}
    file.write_text(json.dumps({**content, "known_fields": {"columns": columns, "receivers": []}}))
    with pytest.raises(StateError, match="fields of the project is not complete"):
        run(job(kit, tmp_path, IMAGE), check=True)


def test_the_columns_of_a_project_are_those_of_its_fields_and_not_what_is_said_on_top() -> None:
    facts = facts_of(answer(model("album.Photo", file_field("image"), delete_receivers=["receiver"])))
    said = {"name": "kit", "django": {"project": "/srv/kit"}, "references": [{"table": "t", "column": "c"}]}
    job = project_job("orphans", said, facts)
    assert job.site.project == ProjectParts((Column("album_photo", "image"),), ("receiver of album.Photo",))
    assert Column("t", "c") in job.referencing_columns

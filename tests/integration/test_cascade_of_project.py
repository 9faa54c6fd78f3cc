# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""What depends on a removed record fares as with Django's own ``delete()``, and nobody has said how.

The same random sites as in ``test_cascade`` and ``test_cascade_inherited`` are cleaned by jobs that say no
more than the model: the project itself says the rest.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any
from urllib.parse import unquote

import pytest
import test_cascade
import test_cascade_inherited
from django_site import making
from django_site.album.models import Badge, Photo
from django_site.filling import Described, albums
from django_site.filling import fill as fill_albums
from django_site.project import Project
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from engine import run as jobs
from engine.config.django.answer import facts_of
from engine.config.django.facts import Facts
from engine.config.django.probe import program
from engine.config.django_jobs.jobs import project_job
from engine.report import data, words
from engine.report.describe import describe

pytest_plugins = ["django_site.fixtures"]

# What the models do not know: these columns hold paths.
BY_PATH = [
    {"table": "album_album", "column": "cover_image", "action": "set_null", "holds": "path"},
    {"table": "album_customalbum", "column": "cover_path", "action": "set_null", "holds": "path"},
]
_SETTINGS: dict[str, Any] = {
    "deadline": None,
    # The tables are emptied for each example, so the database may be the same.
    "suppress_health_check": [HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
}


@lru_cache(maxsize=None)
def asked(_url: str) -> Facts:
    """What the probe would say of the project on its new database."""
    return facts_of(json.loads(json.dumps(program._facts())))


def clean(project: Project, model: str, **said: Any) -> dict[str, Any]:
    """Run the job ``missing`` of a model as its project describes it; returns the module's result."""
    facts = asked(project.database.url)
    options = {"age_stamp": "mtime", "confirm_scans": 1, "permanent": True, "max_removal_percent": 100}
    accept = project.options["accept"]
    job = project_job("missing", {"django": {}, "model": model, "accept": accept, **options, **said}, facts)
    url = unquote(job.site.database_url)
    assert url == unquote(project.database.url) or "options=" in url
    plan, outcome = jobs.run(job, check=False)
    assert words.problems(outcome) == ""
    result: dict[str, Any] = data.result(describe(job, plan, outcome), verbose=True, with_diff=False)
    return result


@pytest.mark.promise(13)
@settings(max_examples=8, **_SETTINGS)
@given(described=albums)
def test_every_row_fares_as_with_djangos_own_delete(project: Project, described: Described) -> None:
    fill_albums(described, project)
    wanted = project.rows_after(lambda: test_cascade.delete_with_django(project))
    project._age_files()
    clean(project, "album.Photo", field="image", dependents=BY_PATH)
    clean(project, "album.Video", field="video")
    assert project.rows() == wanted


@pytest.mark.promise(13)
@settings(max_examples=8, **_SETTINGS)
@given(described=test_cascade_inherited.entries)
def test_rows_with_parents_fare_as_with_djangos_own_delete(project: Project, described: Any) -> None:
    test_cascade_inherited.fill(described, project)
    wanted = project.rows_after(lambda: test_cascade_inherited.delete_with_django(project))
    project._age_files()
    for model in ("album.Picture", "album.Profile"):
        clean(project, model)
    assert project.rows() == wanted


# All pictures but the third are lost. The first reminder keeps the second one, for its bookmark is of the
# third; the others go with their bookmark, whatever they restrict.
_RESTRICTED: dict[str, Any] = {
    **dict.fromkeys(("items", "entries", "profiles", "likes", "marks", "receipts", "displays", "pins"), ()),
    **dict.fromkeys(("hits", "notes"), ()),
    "pictures": [
        {"is_lost": is_lost, "previous": None, "best_of": None, "cover": None}
        for is_lost in (True, True, False, True)
    ],
    "bookmarks": [{"entry": 0}, {"entry": 2}],
}
_REMINDERS = [
    {"bookmark": 1, "picture": 1, "item": 2},
    {"bookmark": 0, "picture": 0, "item": 0},
    {"bookmark": 0, "picture": 3, "item": 0},
]


@pytest.mark.promise(13)
@settings(max_examples=8, **_SETTINGS)
@given(described=test_cascade_inherited.entries, reminders=test_cascade_inherited.reminders)
@example(described=_RESTRICTED, reminders=_REMINDERS)
def test_rows_that_restrict_fare_as_with_djangos_own_delete(
    project: Project, described: Any, reminders: Any
) -> None:
    restricted_rows_fare_as_with_django(project, {**described, "reminders": reminders})


# Not on MariaDB: what references its own table cannot be deleted by Django itself there.
def restricted_rows_fare_as_with_django(project: Project, described: Any) -> None:
    test_cascade_inherited.fill(described, project)
    wanted = project.rows_after(lambda: test_cascade_inherited.delete_with_django(project))
    project._age_files()
    for model in ("album.Picture", "album.Profile"):
        clean(project, model)
    assert project.rows() == wanted


# Of each photo whether it is lost, and of each badge its two photos; the last one is the fallback.
_photos = st.lists(st.booleans(), min_size=3, max_size=3)
_badges = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=4)


@pytest.mark.promise(13)
@settings(max_examples=5, **_SETTINGS)
@given(lost=_photos, badges=_badges)
def test_rows_fall_back_as_with_djangos_own_delete(project: Project, lost: Any, badges: Any) -> None:
    rows_fall_back_as_with_django(project, lost, badges)


@pytest.mark.promise(13)
@settings(max_examples=3, **_SETTINGS)
@given(lost=_photos, badges=_badges)
def test_rows_on_mariadb_fall_back_as_with_djangos_own_delete(
    mariadb_project: Project, lost: Any, badges: Any
) -> None:
    rows_fall_back_as_with_django(mariadb_project, lost, badges)


def rows_fall_back_as_with_django(project: Project, lost: Any, badges: Any) -> None:
    Badge.objects.all().delete()
    Photo.objects.all().delete()
    photos = [making.photo(f"{number}") for number in range(3)]
    photos.append(making.photo("fallback", id=1000))
    project.remove_files()
    project.write(
        "photos/fallback.jpg", *(photo.image.name for photo, is_lost in zip(photos, lost) if not is_lost)
    )
    for first, second in badges:
        Badge.objects.create(photo=photos[first], instead=photos[second])
    gone = [photo.pk for photo, is_lost in zip(photos, lost) if is_lost]
    wanted = project.rows_after(lambda: Photo.objects.filter(pk__in=gone).delete())
    project._age_files()
    clean(project, "album.Photo", field="image")
    assert project.rows() == wanted

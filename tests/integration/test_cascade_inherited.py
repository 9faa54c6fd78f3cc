# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""What Django's own ``delete()`` does with rows that have parents: multi-table inheritance, one-to-one keys.

As in ``test_cascade``, the same random site is cleaned by both, and every row must be the same afterwards.
"""

from __future__ import annotations

from itertools import combinations
from typing import Any, Mapping, Sequence

import pytest
from django.db import connection, models, transaction
from django.db.models import ProtectedError, RestrictedError
from django.db.models.deletion import Collector
from django_site.album.models import (
    Bookmark,
    Display,
    Entry,
    Hit,
    Item,
    Like,
    Mark,
    Note,
    Picture,
    Pin,
    Profile,
    Receipt,
    Reminder,
)
from django_site.collection.models import ContentType
from django_site.project import Project, changes
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from helpers.builders import rules

pytest_plugins = ["django_site.fixtures"]

# Where nothing else is said: there is no time column.
_NO_AGE = {"confirm_scans": 1}
PICTURES = {
    **_NO_AGE,
    "table": "album_picture",
    "file_column": "image",
    "parents": "delete",
    # What ``on_delete`` says in the models.
    "dependents": [
        *rules(
            "album_entry.cover_id set_null",
            "album_item.previous_id delete",
            "album_picture.best_of_id delete",
            "album_bookmark.entry_id delete",
            "album_reminder.bookmark_id delete",
            "album_reminder.picture_id restrict",
            "album_reminder.item_id restrict",
            "album_mark.item_id set_null",
            "album_receipt.item_id restrict",
            "album_display.picture_id restrict",
            "album_pin.entry_id set_default",
            "album_profile.entry_id delete",
            "album_like.profile_id delete",
        ),
        {"table": "album_note", "column": "object_id", "action": "delete", "content_type": "album.picture"},
    ],
}
PROFILES = {
    **_NO_AGE,
    "table": "album_profile",
    "file_column": "portrait",
    "parents": "keep",
    "dependents": rules("album_like.profile_id delete"),
}
FALLBACK = 1000

Described = Mapping[str, Sequence[Any]]
_one = st.integers(0, 7)
_maybe = st.none() | _one


def _rows(most: int, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(st.fixed_dictionaries(fields), max_size=most)


entries: st.SearchStrategy[Described] = st.fixed_dictionaries(
    {
        "pictures": st.lists(
            st.fixed_dictionaries(
                {"is_lost": st.booleans(), "previous": _maybe, "best_of": _maybe, "cover": _maybe}
            ),
            min_size=2,
            max_size=5,
        ),
        # Items that are no pictures, and entries that are no items.
        "items": _rows(2, previous=_maybe),
        "entries": _rows(1, cover=_maybe),
        "profiles": _rows(3, entry=_one, is_lost=st.booleans()),
        "likes": _rows(2, profile=_one),
        "bookmarks": _rows(3, entry=_one),
        "marks": _rows(2, item=_one),
        "receipts": _rows(1, item=_one),
        "displays": _rows(1, picture=_one),
        "pins": _rows(2, entry=_one),
        "hits": _rows(2, picture=_one),
        "notes": _rows(3, picture=_one),
    }
)

# Rows that a description of the tables has no word for.
reminders = _rows(4, bookmark=_one, picture=_one, item=_one)


def fill(described: Described, project: Project) -> None:
    """Replace all rows and files by those described."""
    ContentType.objects.clear_cache()
    with transaction.atomic():
        _empty()
        _fill(described)
    project.remove_files()
    # Names that differ: a file of the same name would be a likely move.
    for kind, path in (("pictures", "pictures/{}.jpg"), ("profiles", "portraits/of {}.jpg")):
        there = [n for n, row in enumerate(described[kind], start=1) if not row["is_lost"]]
        project.write(*map(path.format, there))


def _empty() -> None:
    tables = (Like, Profile, Note, Hit, Pin, Display, Receipt, Mark, Reminder, Bookmark, Picture, Item, Entry)
    with connection.cursor() as cursor:
        for model in tables:
            cursor.execute(f"DELETE FROM {model._meta.db_table}")


def _fill(described: Described) -> None:
    Entry.objects.create(id=FALLBACK, title="fallback")
    pictures, items, plain = described["pictures"], described["items"], described["entries"]
    made = [Picture(id=n, title=str(n), image=f"pictures/{n}.jpg") for n in range(1, len(pictures) + 1)]
    others = [Item(id=100 + n, title=str(n)) for n in range(len(items))]
    rest = [Entry(id=200 + n, title=str(n)) for n in range(len(plain))]
    for row in (*made, *others, *rest):
        row.save()
    both = [row.pk for row in (*made, *others)]
    everything = [*both, *(row.pk for row in rest)]
    keys = [row.pk for row in made]
    for row, said in zip((*made, *others, *rest), (*pictures, *items, *plain)):
        row.cover_id = _pick(keys, said.get("cover"))
        if isinstance(row, Item):
            row.previous_id = _pick(both, said["previous"])
        if isinstance(row, Picture):
            row.best_of_id = _pick(keys, said["best_of"])
        row.save()
    profiles = []
    for number, said in enumerate(described["profiles"], start=1):
        entry = _pick(everything, said["entry"])
        if entry not in profiles:
            Profile.objects.create(entry_id=entry, portrait=f"portraits/of {number}.jpg")
            profiles.append(entry)
    _make(Like, described["likes"], profile=profiles)
    _make(Bookmark, described["bookmarks"], entry=everything)
    _remind(described.get("reminders", ()), keys, both)
    _make(Mark, described["marks"], item=both)
    _make(Receipt, described["receipts"], item=both)
    _make(Display, described["displays"], picture=keys)
    _make(Pin, described["pins"], entry=everything)
    _make(Hit, described["hits"], picture=keys)
    kind = ContentType.objects.get_for_model(Picture)
    for number, said in enumerate(described["notes"], start=1):
        key = str(_pick(keys, said["picture"]))
        Note.objects.create(id=number, text="a note", content_type=kind, object_id=key)


def _make(model: type[models.Model], rows: Sequence[Any], **targets: Sequence[Any]) -> None:
    field, keys = next(iter(targets.items()))
    for number, row in enumerate(rows, start=1):
        if keys:
            model.objects.create(id=number, **{f"{field}_id": _pick(keys, row[field])})


def _remind(reminders: Sequence[Any], pictures: Sequence[Any], items: Sequence[Any]) -> None:
    bookmarks = list(Bookmark.objects.values_list("pk", flat=True).order_by("pk"))
    for number, said in enumerate(reminders if bookmarks else (), start=1):
        Reminder.objects.create(
            id=number,
            bookmark_id=_pick(bookmarks, said["bookmark"]),
            picture_id=_pick(pictures, said["picture"]),
            item_id=_pick(items, said["item"]),
        )


def _pick(keys: Sequence[Any], number: int | None) -> Any:
    return keys[number % len(keys)] if keys and number is not None else None


def delete_with_django(project: Project) -> None:
    for model, column in ((Picture, "image"), (Profile, "portrait")):
        rows = [
            row for row in model.objects.all() if not (project.media / getattr(row, column).name).exists()
        ]
        model.objects.filter(pk__in=[row.pk for row in _removable(rows)]).delete()


def _removable(rows: Sequence[models.Model]) -> Sequence[models.Model]:
    """The most of these rows that Django deletes together: a row that keeps one may go with another."""
    for size in range(len(rows), 0, -1):
        for chosen in combinations(rows, size):
            if not _are_kept(chosen):
                return chosen
    return ()


def _are_kept(rows: Sequence[models.Model]) -> bool:
    try:
        Collector(using="default").collect(rows)
    except (ProtectedError, RestrictedError):
        return True
    return False


_SETTINGS: dict[str, Any] = {
    "deadline": None,
    # The tables are emptied for each example, so the database may be the same.
    "suppress_health_check": [HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
}


@pytest.mark.promise(6)
@pytest.mark.promise(13)
@settings(max_examples=15, **_SETTINGS)
@given(described=entries)
def test_rows_with_parents_fare_as_with_djangos_own_delete(project: Project, described: Described) -> None:
    fill(described, project)
    wanted = project.rows_after(lambda: delete_with_django(project))
    for job in (PICTURES, PROFILES):
        before = project.rows()
        predicted = project.records(check=True, **job)
        assert project.rows() == before
        run = project.records(**job)
        assert run.problems == ""
        assert run["removed"] == predicted["found"]
        assert run["dependents"] == predicted["dependents"]
        assert run.reasons() == predicted.reasons()
        counts = {name: dict(numbers) for name, numbers in run["dependents"].items()}
        if run["removed"]["records"]:
            counts.setdefault(job["table"], {"deleted": 0, "updated": 0})
            counts[job["table"]]["deleted"] += run["removed"]["records"]
        assert counts == changes(before, project.rows())
    assert project.rows() == wanted


@pytest.mark.promise(13)
@settings(max_examples=8, **_SETTINGS)
@given(described=entries)
def test_rows_with_parents_are_kept_where_nothing_is_said(project: Project, described: Described) -> None:
    fill(described, project)
    before = project.rows()
    for job in (PICTURES, PROFILES):
        run = project.records(**{**job, "dependents": [], "parents": None})
        assert run.problems == ""
        codes = {entry["code"] for entry in run["left_alone"]}
        assert codes <= {"undeclared_parents", "undeclared_dependents"}
    assert project.rows() == before
    # What has no row that depends on it needs no rule.
    run = project.records(**{**PICTURES, "dependents": []})
    assert run.problems == ""
    assert changes(before, project.rows()).keys() <= {"album_picture", "album_item", "album_entry"}
    with transaction.atomic():
        connection.check_constraints()

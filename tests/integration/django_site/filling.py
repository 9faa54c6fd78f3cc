# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Fills the album at random: hypothesis draws a plain description, Django makes rows of it.

A row is described by a dictionary, and refers to another by a number that is counted round: every
description is a valid one, and stays so while hypothesis makes it smaller.
"""

from __future__ import annotations

import uuid
from typing import Any, Mapping, Sequence

from django.apps import apps
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.db import connection, models, transaction
from hypothesis import strategies as st

from .album.models import (
    Album,
    Award,
    Caption,
    Category,
    Comment,
    Comparison,
    CustomAlbum,
    Embed,
    Exif,
    Favorite,
    Note,
    Order,
    Photo,
    Tag,
    Translation,
    Video,
    Viewing,
)
from .project import Project, foreign_keys_deferred

Described = Mapping[str, Sequence[Any]]

_one = st.integers(0, 5)
_maybe_one = st.none() | _one
_some = st.sets(_one, max_size=2)
_present = st.lists(st.booleans(), min_size=6, max_size=6)


def _rows(least: int, most: int, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(st.fixed_dictionaries(fields), min_size=least, max_size=most)


# Never quite empty: where nothing depends on anything, there is nothing to compare.
albums: st.SearchStrategy[Described] = st.fixed_dictionaries(
    {
        "files": _present,
        "thumbnails": _present,
        "albums": _rows(1, 3, cover=_maybe_one, cover_image=_maybe_one),
        "categories": _rows(0, 1),
        "photos": _rows(
            2,
            6,
            image=_one | _maybe_one,
            thumbnail=_maybe_one,
            album=_one,
            category=_maybe_one,
            edited_from=_maybe_one,
            best_of_burst=st.none() | _maybe_one,
            tags=_some,
        ),
        "videos": _rows(0, 3, video=_one | _maybe_one, thumbnail=_maybe_one, album=_one),
        "custom_albums": _rows(1, 2, photos=_some, videos=_some, cover_path=_maybe_one),
        "favorites": _rows(1, 4, user=_one, photo=_one),
        "comments": _rows(1, 4, favorite=_one, reply_to=_maybe_one, pictured=_maybe_one),
        "awards": _rows(0, 1, favorite=_one),
        "orders": _rows(0, 1, photo=_one),
        "captions": _rows(1, 3, photo=_maybe_one),
        "translations": _rows(1, 2, caption=_one),
        "exifs": _rows(0, 2, photo=_one),
        "embeds": _rows(1, 3, photo=_one, instead=_maybe_one),
        "comparisons": _rows(1, 3, left=_one, right=_maybe_one),
        "viewings": _rows(0, 2, photo=_one),
        "notes": _rows(2, 6, about=st.sampled_from(["photo", "video", "album"]), number=_one),
    }
)


class _Filling:
    """Turns one description into rows; what it refers to and does not exist is left out."""

    def __init__(self, described: Described) -> None:
        self.described = described
        self.users = [User(id=number, username=f"user {number}") for number in (1, 2)]
        self.photos = [Photo(id=number) for number, _row in self.rows("photos")]
        self.videos = [Video(id=_uuid(number)) for number, _row in self.rows("videos")]
        self.albums = [Album(id=number) for number, _row in self.rows("albums")]

    def rows(self, name: str) -> list[tuple[int, Mapping[str, Any]]]:
        return list(enumerate(self.described[name], start=1))

    def path(self, number: int | None) -> str:
        return "" if number is None else f"photos/{number}.jpg"

    def thumbnail(self, number: int | None) -> str | None:
        return None if number is None else f"thumbnails/{number}_small.jpg"

    def album(self) -> None:
        User.objects.bulk_create(self.users)
        for album, row in zip(self.albums, self.described["albums"]):
            album.title = f"album {album.id}"
            album.owner = self.users[0]
            album.cover_id = _key(self.photos, row["cover"])
            album.cover_image = self.path(row["cover_image"]) or None
        Album.objects.bulk_create(self.albums)
        Category.objects.bulk_create(Category(id=n, name=str(n)) for n, _row in self.rows("categories"))
        Tag.objects.bulk_create(Tag(id=number, name=str(number)) for number in range(1, 4))

    def media(self) -> None:
        categories = list(Category.objects.all())
        for photo, row in zip(self.photos, self.described["photos"]):
            photo.slug = f"photo-{photo.id}"
            photo.image = self.path(row["image"])
            photo.thumbnail = self.thumbnail(row["thumbnail"])
            photo.album_id = _key(self.albums, row["album"])
            photo.category_id = _key(categories, row["category"])
            photo.edited_from_id = _key(self.photos, row["edited_from"])
            photo.best_of_burst_id = _key(self.photos, row["best_of_burst"])
        Photo.objects.bulk_create(self.photos)
        for photo, row in zip(self.photos, self.described["photos"]):
            photo.tags.set({1 + number % 3 for number in row["tags"]})
        for video, row in zip(self.videos, self.described["videos"]):
            video.video = self.path(row["video"])
            video.thumbnail = self.thumbnail(row["thumbnail"])
            video.album_id = _key(self.albums, row["album"])
        Video.objects.bulk_create(self.videos)

    def custom_albums(self) -> None:
        for number, row in self.rows("custom_albums"):
            album = CustomAlbum.objects.create(
                id=number, title=str(number), user=self.users[0], cover_path=self.path(row["cover_path"])
            )
            album.photos.set({_pick(self.photos, photo) for photo in row["photos"]} - {None})
            album.videos.set({_pick(self.videos, video) for video in row["videos"]} - {None})

    def dependents(self) -> None:
        pairs = {(r["user"] % 2, _key(self.photos, r["photo"])) for r in self.described["favorites"]}
        favorites = [
            Favorite(id=number, user=self.users[user], photo_id=photo)
            for number, (user, photo) in enumerate(sorted(pairs, key=str), start=1)
            if photo
        ]
        Favorite.objects.bulk_create(favorites)
        self._make(Award, "awards", favorite=favorites)
        comments = [Comment(id=number) for number, _row in self.rows("comments")]
        self._make(Comment, "comments", favorite=favorites, reply_to=comments, pictured=self.photos)
        self._make(Order, "orders", photo=self.photos)
        captions = self._make(Caption, "captions", photo=self.photos)
        self._make(Translation, "translations", caption=captions)
        self._make(Comparison, "comparisons", left=self.photos, right=self.photos)
        self._make(Viewing, "viewings", photo=self.photos)
        for key in sorted({_key(self.photos, row["photo"]) for row in self.described["exifs"]} - {None}):
            Exif.objects.create(photo_id=key)
        for number, row in self.rows("embeds"):
            photo, instead = _pick(self.photos, row["photo"]), _pick(self.photos, row["instead"])
            if photo:
                Embed.objects.create(id=number, photo=photo, instead=instead)
        self._notes()

    def _make(self, model: type[models.Model], name: str, **targets: Sequence[Any]) -> list[Any]:
        """Rows of a table of nothing but foreign keys; without those that lack a needed one."""
        made = []
        for number, row in self.rows(name):
            keys = {f"{field}_id": _key(targets[field], row[field]) for field in targets}
            needed = [f"{f}_id" for f in targets if not model._meta.get_field(f).null]
            if all(keys[field] for field in needed):
                made.append(model(id=number, **keys))
        return list(model.objects.bulk_create(made))

    def _notes(self) -> None:
        targets = {"photo": self.photos, "video": self.videos, "album": self.albums}
        for number, row in self.rows("notes"):
            about = _pick(targets[row["about"]], row["number"])
            if about:
                Note.objects.create(id=number, text="a note", about=about)


def fill(described: Described, project: Project) -> None:
    """Replace all rows and files by those described."""
    ContentType.objects.clear_cache()
    filling = _Filling(described)
    with transaction.atomic(), foreign_keys_deferred():
        _empty()
        filling.album()
        filling.media()
        filling.custom_albums()
        filling.dependents()
    project.remove_files()
    for kind, path in (("files", filling.path), ("thumbnails", filling.thumbnail)):
        present = [number for number, is_there in enumerate(described[kind]) if is_there]
        project.write(*(str(path(number)) for number in present))


def _empty() -> None:
    tables = [
        model._meta.db_table for model in apps.get_app_config("album").get_models(include_auto_created=True)
    ]
    with connection.cursor() as cursor:
        for table in [*tables, "auth_user"]:
            cursor.execute(f"DELETE FROM {table}")


def _pick(rows: Sequence[Any], number: int | None) -> Any:
    return rows[number % len(rows)] if rows and number is not None else None


def _key(rows: Sequence[Any], number: int | None) -> Any:
    row = _pick(rows, number)
    return row and row.pk


def _uuid(number: int) -> uuid.UUID:
    return uuid.uuid5(uuid.NAMESPACE_OID, str(number))

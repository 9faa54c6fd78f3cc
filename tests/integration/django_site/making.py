# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Makes single rows, each with what it cannot do without."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User

from .album.models import Album, Favorite, Photo, Video


def user() -> User:
    return User.objects.get_or_create(username="evan")[0]


def album(title: str = "Evan Photos", **fields: Any) -> Album:
    return Album.objects.get_or_create(title=title, owner=user(), defaults=fields)[0]


def photo(name: str, **fields: Any) -> Photo:
    """A photo whose file is not there: to write it is left to the test."""
    return Photo.objects.create(
        **{"slug": name, "image": f"photos/{name}.jpg", "album": album(), **fields},
    )


def video(name: str, **fields: Any) -> Video:
    return Video.objects.create(**{"video": f"videos/{name}.mp4", "album": album(), **fields})


def favorite(of: Photo) -> Favorite:
    return Favorite.objects.create(user=user(), photo=of)

# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""The site album: a family's photos and videos, some of whose files are missing.

Their rows are still there, and so are the rows that depend on them: favourites, tags, custom albums, a cover.
"""

from __future__ import annotations

import math
import sqlite3
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Sequence

import django_database
from django_database import django_time, insert
from media_files import MediaRoot, Motif
from PIL import Image, ImageDraw

NAME = "album"
FAMILY = ["Evan", "Maya", "Ruth"]

# title: (photos, videos)
ALBUMS = {
    "Grandma's 80th": (64, 38),
    "Norway by Train": (73, 21),
    "Summer 2024": (118, 52),
    "Evan Photos": (96, 31),
    "Our Garden": (63, 15),
}
FIRST_PHOTO = 1_000_003_800  # phones count like this
FIRST_VIDEO = 301
CATEGORIES = ["People", "Places", "Animals"]
TAGS = ["beach", "birthday", "cake", "mountains", "school"]

# Missing: eight photos of "Evan Photos", two of "Summer 2024", and three videos.
MISSING_PHOTOS = {
    f"photos/{number}.jpg"
    for number in (
        *(1_000_003_962, 1_000_004_013),
        *(1_000_004_061, 1_000_004_074, 1_000_004_083, 1_000_004_099),
        *(1_000_004_105, 1_000_004_108, 1_000_004_126, 1_000_004_141),
    )
}
MISSING_VIDEOS = {"videos/MVI_0377.avi", "videos/MVI_0415.avi", "videos/MVI_0428.avi"}
# Some of their thumbnails are missing too.
MISSING_THUMBNAILS = {
    "thumbnails/photos/1000003962.jpg",
    "thumbnails/photos/1000004105.jpg",
    "thumbnails/videos/MVI_0415.jpg",
}
MISSING_COVER = "photos/1000004108.jpg"


@dataclass(frozen=True)
class Upload:
    """A photo or a video, with its row's id."""

    id: int
    file: str
    thumbnail: str | None
    size: int
    album: int
    uploaded_at: datetime


def build(directory: Path, now: datetime, total_loss: bool) -> None:
    photos, videos = _photos(now), _videos(now)
    with django_database.created(directory, NAME) as database:
        _insert_albums(database, photos, now)
        _insert_uploads(database, photos, videos)
        _insert_dependent_rows(database, photos, now)
    missing = MISSING_PHOTOS | MISSING_VIDEOS
    if total_loss:
        # As after `rm -rf photos videos`: not even the directories are left.
        missing = {upload.file for upload in photos + videos}
    _write_files(MediaRoot(directory / "media"), photos + videos, missing | MISSING_THUMBNAILS, now)


def description(directory: Path) -> dict[str, object]:
    """The site as the playbooks and the role want it described."""
    missing: list[dict[str, object]] = [
        {
            "table": table,
            "file_column": column,
            "companion_columns": ["thumbnail"],
            "label": "album_id.title",
        }
        for table, column in (("album_photo", "image"), ("album_video", "video"))
    ]
    missing[0]["dependents"] = [
        {"table": "album_favorite", "column": "photo_id", "action": "delete"},
        {"table": "album_album", "column": "cover_id", "action": "set_null"},
    ]
    return {
        "name": NAME,
        "database_url": django_database.url(directory),
        "media_root": str(directory / "media"),
        # Nobody can set a file's ctime back: by that, all files of a demo are new.
        "age_stamp": "mtime",
        "missing": missing,
    }


def figures(directory: Path) -> str:
    """What is on the disk and in the database."""
    media = MediaRoot(directory / "media")
    counts = []
    for name, query in (
        ("photos", "SELECT image FROM album_photo"),
        ("videos", "SELECT video FROM album_video"),
    ):
        paths = [str(path) for (path,) in django_database.select(directory, query)]
        missing = sum(media.lacks(path) for path in paths)
        counts.append(f"{len(paths)} {name} ({missing} missing)")
    return f"{', '.join(counts)}, {len(media.files('thumbnails'))} thumbnails"


def _photos(now: datetime) -> list[Upload]:
    albums = [
        album
        for album, (count, _videos_count) in enumerate(ALBUMS.values(), start=1)
        for _photo in range(count)
    ]
    return [
        Upload(
            id=index + 1,
            file=f"photos/{FIRST_PHOTO + index}.jpg",
            # Every ninth is small enough to do without.
            thumbnail=None if index % 9 == 4 else f"thumbnails/photos/{FIRST_PHOTO + index}.jpg",
            size=9_500 + index * 173 % 7_000,
            album=album,
            uploaded_at=now - timedelta(days=450 - index, minutes=index * 7),
        )
        for index, album in enumerate(albums)
    ]


def _videos(now: datetime) -> list[Upload]:
    albums = [
        album
        for album, (_photos_count, count) in enumerate(ALBUMS.values(), start=1)
        for _video in range(count)
    ]
    return [
        Upload(
            id=index + 1,
            file=f"videos/MVI_{FIRST_VIDEO + index:04}.avi",
            thumbnail=f"thumbnails/videos/MVI_{FIRST_VIDEO + index:04}.jpg",
            size=22_000 + index * 114 % 9_000,
            album=album,
            uploaded_at=now - timedelta(days=440 - 2 * index, minutes=index * 11),
        )
        for index, album in enumerate(albums)
    ]


def _insert_albums(database: sqlite3.Connection, photos: Sequence[Upload], now: datetime) -> None:
    django_database.insert_users(database, FAMILY, joined=now - timedelta(days=500))
    models = ["album", "category", "customalbum", "favorite", "photo", "tag", "video"]
    content_types = [{"app_label": "auth", "model": "user"}]
    content_types += [{"app_label": "album", "model": model} for model in models]
    insert(database, "django_content_type", content_types)
    insert(database, "album_category", [{"name": name} for name in CATEGORIES])
    insert(database, "album_tag", [{"name": name} for name in TAGS])
    albums = [
        {
            "title": title,
            "cover_image": _cover_image(title),
            "created_at": django_time(now - timedelta(days=460)),
            "owner_id": number % len(FAMILY) + 1,
            "cover_id": _cover(number, photos),
        }
        for number, title in enumerate(ALBUMS, start=1)
    ]
    insert(database, "album_album", albums)


def _cover_image(title: str) -> str:
    stem = title.lower().replace("'", "").replace(" ", "-")
    return f"covers/{stem}.jpg"


def _cover(album: int, photos: Sequence[Upload]) -> int:
    """The photo whose file is missing, or else the album's first."""
    of_album = [photo for photo in photos if photo.album == album]
    return next((photo.id for photo in of_album if photo.file == MISSING_COVER), of_album[0].id)


def _insert_uploads(database: sqlite3.Connection, photos: Sequence[Upload], videos: Sequence[Upload]) -> None:
    # An album's row references its cover, whose row comes only now: the foreign keys are deferred.
    categories = [*range(1, len(CATEGORIES) + 1), None]
    photo_rows = [
        {
            **_upload_row(photo, "image"),
            "title": f"Photo {photo.id}",
            "category_id": categories[photo.id % len(categories)],
        }
        for photo in photos
    ]
    video_rows = [{**_upload_row(video, "video"), "title": f"Video {video.id}"} for video in videos]
    insert(database, "album_photo", photo_rows)
    insert(database, "album_video", video_rows)


def _upload_row(upload: Upload, file_column: str) -> dict[str, object]:
    return {
        file_column: upload.file,
        "thumbnail": upload.thumbnail,
        "file_size": upload.size,
        "uploaded_at": django_time(upload.uploaded_at),
        "album_id": upload.album,
    }


def _insert_dependent_rows(database: sqlite3.Connection, photos: Sequence[Upload], now: datetime) -> None:
    tags = [
        {"photo_id": photo.id, "tag_id": (photo.id + more) % len(TAGS) + 1}
        for photo in photos
        for more in range(photo.id % 3)
    ]
    favorites = [
        {
            "photo_id": photo.id,
            "user_id": photo.id // 3 % len(FAMILY) + 1,
            "created_at": django_time(now - timedelta(days=30)),
        }
        for photo in photos
        if photo.id % 3 == 0
    ]
    insert(database, "album_photo_tags", tags)
    insert(database, "album_favorite", favorites)
    custom_albums = {"Best of the Family": photos[5::6], "Calendar 2025": photos[8::12]}
    insert(
        database,
        "album_customalbum",
        [{"title": title, "user_id": 1} for title in custom_albums],
    )
    chosen = [
        {"customalbum_id": number, "photo_id": photo.id}
        for number, some in enumerate(custom_albums.values(), start=1)
        for photo in some
    ]
    insert(database, "album_customalbum_photos", chosen)


def _write_files(media: MediaRoot, uploads: Sequence[Upload], missing: set[str], now: datetime) -> None:
    motifs = [Motif(_landscape(number)) for number in range(6)]
    for upload in uploads:
        motif = motifs[upload.id % len(motifs)]
        if upload.file not in missing:
            media.write(upload.file, motif, upload.size, upload.uploaded_at)
        if upload.thumbnail and upload.thumbnail not in missing:
            size = 2_600 + upload.id * 31 % 500
            media.write(upload.thumbnail, motif.thumbnail, size, upload.uploaded_at)
    for number, title in enumerate(ALBUMS):
        moment = now - timedelta(days=460)
        media.write(_cover_image(title), motifs[number], 9_500 + number * 400, moment)


def _landscape(number: int) -> Image.Image:
    """Draw hills under a sky of one of six hours of the day."""
    sky = ["#8ecae6", "#f6bd60", "#f28482", "#bde0fe", "#cdb4db", "#4a6fa5"][number]
    picture = Image.new("RGB", (320, 240), sky)
    pen = ImageDraw.Draw(picture)
    sun = (40 + 45 * number, 30 + 8 * number)
    pen.ellipse((*sun, sun[0] + 36, sun[1] + 36), fill="#fff3b0")
    for row, green in enumerate(("#84a98c", "#52796f", "#354f52")):
        crest = [
            (x, 130 + 30 * row + 18 * math.sin(x / (38 - 8 * row) + number + 2 * row))
            for x in range(0, 321, 4)
        ]
        pen.polygon([(0, 240), *crest, (320, 240)], fill=green)
    return picture

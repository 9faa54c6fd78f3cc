# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""The site footycollect: a collection of football kit, with files that no row references.

Uploads whose form was never finished, and photos of items deleted since, are left on its disk.
"""

from __future__ import annotations

import getpass
import hashlib
import os
import shutil
import sys
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Sequence

import django
import django_database
from django.core.management import call_command
from django_database import django_time
from media_files import MediaRoot, Motif
from PIL import Image, ImageDraw

NAME = "footycollect"
PROJECT = Path(__file__).parent / "projects" / NAME
SETTINGS = "config.settings.production"
DIRECTORIES = ["item_photos", "item_photos_avif"]
COLLECTORS = ["Ana", "Bilal", "Chidi"]

CLUBS = {
    "Harbour United": ("#b3202a", "#ffffff"),
    "Mill Lane Athletic": ("#0b4ea2", "#f2c230"),
    "Northgate Rovers": ("#1d7a46", "#ffffff"),
    "Old Quarry Town": ("#2b2b2b", "#e87722"),
    "Riverside Wanderers": ("#6cabdd", "#1c2c5b"),
    "Santa Lucia": ("#6a1b4d", "#9fd3e6"),
}
SEASONS = ["1988-89", "1991-92", "1994-95", "2002-03", "2011-12"]
CLUBS_WITH_SHORTS = 3
SEASONS_WITH_SHORTS = 3
VIEWS = ["front", "back", "detail"]

# Hours since the upload; nobody finished the form. The last two are still being filled in.
HOURS_WITHOUT_ITEM = [216, 130, 77, 50, 31, 26, 11 / 60, 4 / 60]
# Photos from before the site generated AVIF versions.
PHOTOS_WITHOUT_AVIF = 5
PHOTOS_WITH_THUMBNAIL = 20

# path: (bytes, days since it was written)
ORPHANS = {
    "item_photos/deleted_item_klm.jpg": (231_460, 33),
    "item_photos/deleted_item_qrs.jpg": (120_480, 12),
    "item_photos/deleted_item_xyz.jpg": (512_000, 41),
    "item_photos/temp_9f3e21.jpg": (198_400, 19),
    "item_photos/temp_abc123.jpg": (245_678, 6),
    "item_photos/temp_c07d58.jpg": (176_930, 3),
    "item_photos_avif/deleted_item_klm.avif": (70_120, 33),
    "item_photos_avif/deleted_item_qrs.avif": (39_210, 12),
    "item_photos_avif/deleted_item_xyz.avif": (48_280, 41),
    "item_photos_avif/temp_9f3e21.avif": (61_250, 19),
    "item_photos_avif/temp_abc123.avif": (89_234, 6),
    "item_photos_avif/temp_c07d58.avif": (54_870, 3),
}
# path: (bytes, minutes since it was written); their rows come when the form is sent
RECENT_UPLOADS = {
    "item_photos/temp_2ab8d4.jpg": (151_300, 7),
    "item_photos/temp_e5510c.jpg": (97_420, 2),
    "item_photos_avif/temp_2ab8d4.avif": (48_610, 7),
    "item_photos_avif/temp_e5510c.avif": (31_940, 2),
}


@dataclass(frozen=True)
class Item:
    """A piece of the collection; its rows in both of its tables have this id."""

    model: str
    id: int
    club: str
    season: str
    added_at: datetime

    @property
    def name(self) -> str:
        return f"{self.club} {self.season} {self.model}"


@dataclass(frozen=True)
class Photo:
    stem: str
    has_avif: bool
    uploaded_at: datetime
    item: Item | None = None
    order: int = 0

    @property
    def image(self) -> str:
        return f"item_photos/{self.stem}.jpg"

    @property
    def image_avif(self) -> str | None:
        return f"item_photos_avif/{self.stem}.avif" if self.has_avif else None


def build(directory: Path, now: datetime) -> None:
    """Install the project, and let Django make its database."""
    shutil.copytree(PROJECT, directory, dirs_exist_ok=True)
    items = _items(now)
    photos = _photos_of_items(items) + _photos_without_item(now)
    _set_up_django(directory)
    _insert_rows(items, photos, now)
    media = MediaRoot(directory / "media")
    motifs = {club: Motif(_shirt(*colours)) for club, colours in CLUBS.items()}
    _write_photos(media, motifs, photos)
    _write_unreferenced_files(media, list(motifs.values()), now)


def description(directory: Path) -> dict[str, object]:
    """The site as the playbooks and the role want it described: the project knows the rest."""
    return {
        "name": NAME,
        "user": getpass.getuser(),
        "django": {"project": str(directory), "python": sys.executable, "settings": SETTINGS},
        "orphans": {},
        "incomplete": [{"model": "collection.Photo"}],
        # Nobody can set a file's ctime back: by that, all files of a demo are new.
        "age_stamp": "mtime",
    }


def figures(directory: Path, now: datetime) -> str:
    """What is on the disk and in the database."""
    media = MediaRoot(directory / "media")
    files = media.files(*DIRECTORIES)
    referenced = {
        path
        for row in django_database.select(directory, "SELECT image, image_avif FROM collection_photo")
        for path in row
    }
    yesterday = now - timedelta(days=1)
    unreferenced = [status for path, status in files.items() if path not in referenced]
    orphans = [status.st_size for status in unreferenced if status.st_mtime < yesterday.timestamp()]
    [(incomplete,)] = django_database.select(
        directory,
        "SELECT count(*) FROM collection_photo WHERE content_type_id IS NULL AND uploaded_at < ?",
        django_time(yesterday),
    )
    return (
        f"{len(referenced & files.keys())} referenced files, "
        f"{len(orphans)} orphans ({sum(orphans):,} bytes), "
        f"{len(unreferenced) - len(orphans)} recent uploads, {incomplete} incomplete submissions, "
        f"{len(media.files('CACHE'))} thumbnails"
    )


def _items(now: datetime) -> list[Item]:
    """One item was added every ten days, the last ten days ago."""
    jerseys = [("jersey", club, season) for club in CLUBS for season in SEASONS]
    shorts = [
        ("shorts", club, season)
        for club in list(CLUBS)[:CLUBS_WITH_SHORTS]
        for season in SEASONS[:SEASONS_WITH_SHORTS]
    ]
    kits = jerseys + shorts
    items = []
    for number, (model, club, season) in enumerate(kits):
        days = 10 * (len(kits) - number)
        items.append(Item(model, number + 1, club, season, now - timedelta(days=days)))
    return items


def _photos_of_items(items: Sequence[Item]) -> list[Photo]:
    photos: list[Photo] = []
    for item in items:
        stem = item.name.lower().replace(" ", "-")
        for order, view in enumerate(VIEWS):
            has_avif = len(photos) >= PHOTOS_WITHOUT_AVIF
            uploaded_at = item.added_at + timedelta(minutes=order)
            photos.append(Photo(f"{stem}-{view}", has_avif, uploaded_at, item, order))
    return photos


def _photos_without_item(now: datetime) -> list[Photo]:
    """Submissions nobody finished: their names are still those that the camera gave."""
    return [
        Photo(f"IMG_{4407 + 3 * number}", True, now - timedelta(hours=hours))
        for number, hours in enumerate(HOURS_WITHOUT_ITEM)
    ]


def _set_up_django(directory: Path) -> None:
    """Let this process be one of the project, with the tables that its migrations make."""
    sys.path.insert(0, str(directory))
    sys.dont_write_bytecode = True
    os.environ["DJANGO_SETTINGS_MODULE"] = SETTINGS
    django.setup()
    call_command("migrate", verbosity=0)


def _insert_rows(items: Sequence[Item], photos: Sequence[Photo], now: datetime) -> None:
    # Not above: models exist only once Django is set up.
    from collection.models import BaseItem, Jersey, Shorts
    from collection.models import Photo as PhotoRow
    from django.contrib.auth.models import User
    from django.contrib.contenttypes.models import ContentType

    joined = now - timedelta(days=500)
    for name in COLLECTORS:
        User.objects.create_user(name.lower(), f"{name.lower()}@example.com", date_joined=joined)
    BaseItem.objects.bulk_create(BaseItem(**_item_row(item)) for item in items)
    for model in (Jersey, Shorts):
        of_model = [item.id for item in items if item.model == model._meta.model_name]
        model.objects.bulk_create(model(base_item_id=number) for number in of_model)
    content_types = {
        model._meta.model_name: ContentType.objects.get_for_model(model).id for model in (Jersey, Shorts)
    }
    rows = PhotoRow.objects.bulk_create(PhotoRow(**_photo_row(photo, content_types)) for photo in photos)
    # Django dates a new row to this moment, whatever it is told.
    for row, photo in zip(rows, photos):
        row.uploaded_at = photo.uploaded_at
    PhotoRow.objects.bulk_update(rows, ["uploaded_at"])


def _item_row(item: Item) -> dict[str, object]:
    return {
        "id": item.id,
        "name": item.name,
        "club": item.club,
        "season": item.season,
        "size": "SML"[item.id % 3],
        "created_at": item.added_at,
        "user_id": _collector(item.id),
    }


def _photo_row(photo: Photo, content_types: dict[str, int]) -> dict[str, object]:
    item = photo.item
    return {
        "image": photo.image,
        "image_avif": photo.image_avif,
        "caption": item.name if item else "",
        "order": photo.order,
        "object_id": item.id if item else None,
        "content_type_id": content_types[item.model] if item else None,
        "user_id": _collector(item.id if item else 0),
    }


def _collector(number: int) -> int:
    return number % len(COLLECTORS) + 1


def _write_photos(media: MediaRoot, motifs: dict[str, Motif], photos: Sequence[Photo]) -> None:
    for number, photo in enumerate(photos):
        motif = motifs[photo.item.club if photo.item else "Santa Lucia"]
        media.write(photo.image, motif, 9_000 + number * 211 % 6_000, photo.uploaded_at)
        if photo.image_avif:
            size = 4_000 + number * 97 % 2_000
            media.write(photo.image_avif, motif, size, photo.uploaded_at)
        if number < PHOTOS_WITH_THUMBNAIL:
            thumbnail = _thumbnail_path(photo)
            media.write(thumbnail, motif.thumbnail, 2_600 + number * 31 % 500, photo.uploaded_at)


def _thumbnail_path(photo: Photo) -> str:
    """Where ImageKit caches it: by the source's name, and a digest of what was done to it."""
    digest = hashlib.md5(f"{photo.image} 100x100".encode(), usedforsecurity=False).hexdigest()
    return f"CACHE/images/item_photos/{photo.stem}/{digest}.jpg"


def _write_unreferenced_files(media: MediaRoot, motifs: Sequence[Motif], now: datetime) -> None:
    ages = {path: (size, timedelta(days=days)) for path, (size, days) in ORPHANS.items()}
    for path, (size, minutes) in RECENT_UPLOADS.items():
        ages[path] = (size, timedelta(minutes=minutes))
    for number, (path, (size, age)) in enumerate(ages.items()):
        media.write(path, motifs[number % len(motifs)], size, now - age)


def _shirt(colour: str, second_colour: str) -> Image.Image:
    """Draw a striped football shirt on a white sheet."""
    picture = Image.new("RGB", (320, 240), "#f4f1ea")
    pen = ImageDraw.Draw(picture)
    for side in (-1, 1):
        sleeve = [(50, 40), (110, 90), (90, 120), (45, 85)]
        pen.polygon([(160 + side * x, y) for x, y in sleeve], fill=second_colour)
    pen.polygon([(105, 40), (215, 40), (210, 220), (110, 220)], fill=colour)
    for left in range(120, 205, 30):
        pen.rectangle((left, 40, left + 12, 220), fill=second_colour)
    pen.ellipse((137, 25, 183, 58), fill="#f4f1ea", outline=colour, width=4)
    return picture

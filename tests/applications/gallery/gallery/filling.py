# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Pictures with thumbnails, posters and portraits; some files were never recorded, some are lost."""

from __future__ import annotations

import io
from pathlib import Path

from django.conf import settings
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from PIL import Image as Pillow

from .models import Exhibition, Picture, Portrait, Remark, Sale, Vote

ORPHANS = (
    "licences/2020/orphan.pdf",
    "pictures/orphan.png",
    "pictures/orphan.png.20x20_q85.png",
    "portraits/orphan.png",
    "posters/large/orphan.png",
)


def fill() -> None:
    pictures = [_picture(number) for number in range(6)]
    for picture in pictures:
        Vote.objects.create(picture=picture)
        Exhibition.objects.create(poster=picture)
        Remark.objects.create(text="nice", about=picture)
    Sale.objects.create(picture=pictures[0])
    for number in range(3):
        person = User.objects.create_user(f"person {number}")
        Remark.objects.create(text="a remark about somebody else", about=person)
        portrait = Portrait(person=person)
        if number:
            portrait.image.save(f"face{number}.png", _file(number), save=False)
        portrait.save()
    for path in ORPHANS:
        file = Path(settings.MEDIA_ROOT) / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"nobody references this")
    for lost in (pictures[4].image, Portrait.objects.get(person__username="person 2").image):
        Path(lost.path).unlink()


def _picture(number: int) -> Picture:
    picture = Picture(title=f"picture {number}")
    picture.image.save(f"picture{number}.png", _file(number), save=False)
    picture.poster.save(f"poster{number}.png", _file(number), save=False)
    picture.licence.save(f"licence{number}.pdf", ContentFile(b"%PDF licence"), save=False)
    picture.save()
    picture.tags.add("holiday", f"number {number}")
    picture.similar.set(Picture.objects.exclude(pk=picture.pk)[:2])
    picture.image["small"]
    return picture


def _file(number: int) -> ContentFile:
    picture = io.BytesIO()
    Pillow.new("RGB", (80, 60), (40 * number, 90, 120)).save(picture, "PNG")
    return ContentFile(picture.getvalue())

# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Public and private files of filer, in folders; some files were never recorded, some are lost."""

from __future__ import annotations

import io
from pathlib import Path

from django.conf import settings
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from filer.models import File, Folder, Image
from PIL import Image as Pillow

from .models import Book

ORPHANS = ("filer_public/0a/1b/orphan.png", "filer_public/orphan.pdf")


def fill() -> None:
    owner = User.objects.create_user("librarian")
    folder = Folder.objects.create(name="covers", owner=owner)
    images = [_image(number, folder, owner, is_public=number < 4) for number in range(6)]
    for number in range(3):
        file = ContentFile(b"%PDF paper", name=f"paper{number}.pdf")
        File.objects.create(original_filename=file.name, file=file, owner=owner, is_public=number < 2)
    for number, image in enumerate(images):
        Book.objects.create(title=f"book {number}", cover=image)
    for path in ORPHANS:
        file = Path(settings.MEDIA_ROOT) / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"nobody references this")
    for lost in (images[2], images[5]):
        Path(lost.file.path).unlink()


def _image(number: int, folder: Folder, owner: User, is_public: bool) -> Image:
    picture = io.BytesIO()
    Pillow.new("RGB", (80, 60), (40 * number, 90, 120)).save(picture, "PNG")
    file = ContentFile(picture.getvalue(), name=f"cover{number}.png")
    image = Image.objects.create(
        original_filename=file.name, file=file, folder=folder, owner=owner, is_public=is_public
    )
    image.file.get_thumbnail({"size": (20, 20)})
    return image

# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Articles with pictures and documents; some files were never recorded, some records lost their file."""

from __future__ import annotations

import io
from pathlib import Path

from django.conf import settings
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from PIL import Image as Pillow
from wagtail.documents.models import Document
from wagtail.images.models import Image
from wagtail.models import Collection, Locale, Page, Site

from .models import Article

ORPHANS = ("original_images/orphan.png", "images/orphan.fill-20x20.png", "documents/orphan.pdf")


def fill() -> None:
    Locale.objects.create(language_code="en")
    Collection.add_root(name="Root")
    root = Page.add_root(title="Root", slug="root")
    home = root.add_child(instance=Page(title="Home", slug="home"))
    Site.objects.create(hostname="news.example.com", root_page=home, is_default_site=True)
    editor = User.objects.create_user("editor")
    images = [_image(number, editor) for number in range(6)]
    documents = [_document(number, editor) for number in range(6)]
    for number in range(6):
        _article(home, number, images[number], documents[number], editor)
    for path in ORPHANS:
        (Path(settings.MEDIA_ROOT) / path).write_bytes(b"nobody references this")
    for lost in (images[4], documents[4]):
        Path(lost.file.path).unlink()


def _image(number: int, editor: User) -> Image:
    picture = io.BytesIO()
    Pillow.new("RGB", (80, 60), (40 * number, 90, 120)).save(picture, "PNG")
    file = ContentFile(picture.getvalue(), name=f"picture{number}.png")
    image = Image.objects.create(title=f"picture {number}", file=file, uploaded_by_user=editor)
    image.tags.add("news", f"number {number}")
    image.get_rendition("fill-20x20")
    image.get_rendition("width-40")
    return image


def _document(number: int, editor: User) -> Document:
    file = ContentFile(b"%PDF paper", name=f"paper{number}.pdf")
    document = Document.objects.create(title=f"paper {number}", file=file, uploaded_by_user=editor)
    document.tags.add("papers")
    return document


def _article(home: Page, number: int, image: Image, document: Document, editor: User) -> None:
    body = (
        f'<p>Text <a linktype="document" id="{document.pk}">paper</a></p>'
        f'<embed embedtype="image" id="{image.pk}" format="fullwidth" alt="picture"/>'
    )
    article = Article(
        title=f"article {number}", slug=f"a{number}", body=body, hero=image, attachment=document, owner=editor
    )
    home.add_child(instance=article)
    article.save_revision(user=editor).publish()

# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Products with images and values that are files, in a tree of categories; some files are lost."""

from __future__ import annotations

import io
from pathlib import Path

from django.conf import settings
from django.core.files.base import ContentFile
from oscar.apps.catalogue.categories import create_from_breadcrumbs
from oscar.apps.catalogue.models import Category, Product, ProductClass, ProductImage
from PIL import Image as Pillow
from sorl.thumbnail import get_thumbnail

ORPHANS = ("categories/orphan.png", "images/products/2020/01/orphan.png")


def fill() -> None:
    category = create_from_breadcrumbs("Books > Poems")
    Category.objects.filter(pk=category.pk).update(image=_saved("categories/poems.png"))
    kind = ProductClass.objects.create(name="book")
    kind.attributes.create(name="sample", code="sample", type="file", required=False)
    images = [image for number in range(5) for image in _product(number, kind, category)]
    for path in ORPHANS:
        _saved(path)
    for lost in (images[4], images[7]):
        Path(lost.original.path).unlink()


def _product(number: int, kind: ProductClass, category: Category) -> list[ProductImage]:
    product = Product.objects.create(title=f"book {number}", product_class=kind)
    product.categories.add(category)
    product.attr.sample = ContentFile(b"%PDF sample", name=f"sample{number}.pdf")
    product.save()
    images = []
    for order in range(2):
        file = ContentFile(_picture(number), name=f"book{number}-{order}.png")
        images.append(ProductImage.objects.create(product=product, original=file, display_order=order))
        get_thumbnail(images[-1].original, "20x20")
    return images


def _saved(path: str) -> str:
    file = Path(settings.MEDIA_ROOT) / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(_picture(0))
    return path


def _picture(number: int) -> bytes:
    picture = io.BytesIO()
    Pillow.new("RGB", (80, 60), (40 * number, 90, 120)).save(picture, "PNG")
    return picture.getvalue()

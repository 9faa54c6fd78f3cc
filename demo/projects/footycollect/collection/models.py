# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""A collection of football kit.

A photo is attached to an item of any kind by a content type and an object id; both are NULL until the item's
form is finished.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.contenttypes.fields import GenericForeignKey, GenericRelation
from django.contrib.contenttypes.models import ContentType
from django.db import models


class Photo(models.Model):
    image = models.ImageField(upload_to="item_photos")
    image_avif = models.ImageField(upload_to="item_photos_avif", null=True, blank=True)
    caption = models.CharField(max_length=255, blank=True)
    order = models.PositiveIntegerField(default=0)
    uploaded_at = models.DateTimeField(auto_now_add=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, null=True)
    content_type = models.ForeignKey(ContentType, models.CASCADE, null=True)
    object_id = models.PositiveIntegerField(null=True)
    item = GenericForeignKey()

    def delete(self, *arguments: Any, **options: Any) -> tuple[int, dict[str, int]]:
        """Delete the files as well; a queryset's delete() does not come here, and leaves them."""
        for file in (self.image, self.image_avif):
            if file:
                file.delete(save=False)
        return super().delete(*arguments, **options)


class BaseItem(models.Model):
    """What all items have. It outlives the jersey or shorts that point at it."""

    name = models.CharField(max_length=100)
    club = models.CharField(max_length=100)
    season = models.CharField(max_length=9)
    size = models.CharField(max_length=5)
    is_draft = models.BooleanField(default=False)
    created_at = models.DateTimeField()
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE)


class Jersey(models.Model):
    base_item = models.OneToOneField(BaseItem, models.CASCADE, primary_key=True)
    photos = GenericRelation(Photo)


class Shorts(models.Model):
    base_item = models.OneToOneField(BaseItem, models.CASCADE, primary_key=True)
    photos = GenericRelation(Photo)

# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""A photo is attached to an item of any kind by a content type and a number, both NULL until then."""

from __future__ import annotations

from django.conf import settings
from django.contrib.contenttypes.fields import GenericForeignKey, GenericRelation
from django.contrib.contenttypes.models import ContentType
from django.db import models


class Photo(models.Model):
    image = models.ImageField(upload_to="item_photos", max_length=200)
    image_avif = models.ImageField(upload_to="item_photos_avif", max_length=200, null=True, blank=True)
    uploaded_at = models.DateTimeField()
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, null=True)
    content_type = models.ForeignKey(ContentType, models.CASCADE, null=True)
    object_id = models.PositiveIntegerField(null=True)
    item = GenericForeignKey()


class Jersey(models.Model):
    name = models.CharField(max_length=100)
    photos = GenericRelation(Photo)


class Banner(models.Model):
    """Another table that may name the same file."""

    picture = models.ImageField(upload_to="item_photos", max_length=200)

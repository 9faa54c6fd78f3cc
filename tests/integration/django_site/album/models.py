# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Each way in which a row can depend on a photo; every rule of ``on_delete`` that Django has but defaults."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.conf import settings
from django.contrib.contenttypes.fields import GenericForeignKey, GenericRelation
from django.contrib.contenttypes.models import ContentType
from django.db import models


class Category(models.Model):
    name = models.CharField(max_length=100, unique=True)


class Tag(models.Model):
    name = models.CharField(max_length=50, unique=True)


class Album(models.Model):
    title = models.CharField(max_length=200)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE)
    cover = models.ForeignKey("Photo", models.SET_NULL, null=True, related_name="covered_albums")
    cover_image = models.CharField(max_length=200, null=True)


class Note(models.Model):
    """Depends on a row of any table; its key is kept as text, for some are UUIDs."""

    text = models.CharField(max_length=200)
    content_type = models.ForeignKey(ContentType, models.CASCADE)
    object_id = models.CharField(max_length=36)
    about = GenericForeignKey()


class Photo(models.Model):
    slug = models.SlugField(unique=True)
    image = models.ImageField(upload_to="photos", max_length=200)
    thumbnail = models.ImageField(upload_to="thumbnails", max_length=200, null=True)
    album = models.ForeignKey(Album, models.CASCADE)
    category = models.ForeignKey(Category, models.SET_NULL, null=True)
    edited_from = models.ForeignKey("self", models.SET_NULL, null=True, related_name="edited_photos")
    best_of_burst = models.ForeignKey("self", models.CASCADE, null=True, related_name="burst")
    tags = models.ManyToManyField(Tag)
    notes = GenericRelation(Note)


class Video(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    video = models.FileField(upload_to="videos", max_length=200)
    thumbnail = models.ImageField(upload_to="thumbnails", max_length=200, null=True)
    album = models.ForeignKey(Album, models.CASCADE)
    notes = GenericRelation(Note)


class CustomAlbum(models.Model):
    title = models.CharField(max_length=200)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE)
    photos = models.ManyToManyField(Photo)
    videos = models.ManyToManyField(Video)
    cover_path = models.CharField(max_length=200, blank=True)


class Favorite(models.Model):
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE)
    photo = models.ForeignKey(Photo, models.CASCADE)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "photo"], name="one_favorite_per_user")
        ]


class Comment(models.Model):
    favorite = models.ForeignKey(Favorite, models.CASCADE)
    reply_to = models.ForeignKey("self", models.CASCADE, null=True)
    pictured = models.ForeignKey(Photo, models.SET_NULL, null=True)


class Award(models.Model):
    favorite = models.ForeignKey(Favorite, models.PROTECT)


class Order(models.Model):
    photo = models.ForeignKey(Photo, models.PROTECT)


class Caption(models.Model):
    photo = models.ForeignKey(Photo, models.CASCADE, null=True)


class Translation(models.Model):
    caption = models.ForeignKey(Caption, models.CASCADE)


class Exif(models.Model):
    photo = models.OneToOneField(Photo, models.CASCADE, primary_key=True)


class Embed(models.Model):
    photo = models.ForeignKey(Photo, models.CASCADE, to_field="slug")
    instead = models.ForeignKey(Photo, models.SET_NULL, to_field="slug", null=True, related_name="stands_in")


class Comparison(models.Model):
    left = models.ForeignKey(Photo, models.CASCADE, related_name="compared_left")
    right = models.ForeignKey(Photo, models.SET_NULL, null=True, related_name="compared_right")


class Viewing(models.Model):
    """On PostgreSQL, its table lies in a schema of its own."""

    photo = models.ForeignKey(Photo, models.CASCADE)

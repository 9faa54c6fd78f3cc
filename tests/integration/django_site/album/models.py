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


class Entry(models.Model):
    """The first of three levels of inheritance: an entry, an item, a picture."""

    title = models.CharField(max_length=50)
    cover = models.ForeignKey("Picture", models.SET_NULL, null=True, related_name="+")


class Item(Entry):
    previous = models.ForeignKey("self", models.CASCADE, null=True, related_name="following")


class Picture(Item):
    image = models.FileField(upload_to="pictures", max_length=200)
    best_of = models.ForeignKey("self", models.CASCADE, null=True, related_name="others")
    notes = GenericRelation(Note)


class Bookmark(models.Model):
    entry = models.ForeignKey(Entry, models.CASCADE)


class Reminder(models.Model):
    """Keeps its picture and its item, unless it goes itself with its bookmark."""

    bookmark = models.ForeignKey(Bookmark, models.CASCADE)
    picture = models.ForeignKey(Picture, models.RESTRICT)
    item = models.ForeignKey(Item, models.RESTRICT)


class Mark(models.Model):
    item = models.ForeignKey(Item, models.SET_NULL, null=True)


class Receipt(models.Model):
    item = models.ForeignKey(Item, models.PROTECT)


class Display(models.Model):
    picture = models.ForeignKey(Picture, models.RESTRICT)


class Pin(models.Model):
    """Falls back to the entry 1000."""

    entry = models.ForeignKey(Entry, models.SET_DEFAULT, default=1000, db_default=1000)


class Badge(models.Model):
    """Falls back to a photo that is said in two ways, and each is known in Python only."""

    photo = models.ForeignKey(Photo, models.SET(1000))
    instead = models.ForeignKey(
        Photo, models.SET_DEFAULT, to_field="slug", default="fallback", related_name="badges_instead"
    )


class Hit(models.Model):
    """Counts on, whatever becomes of the picture."""

    picture = models.ForeignKey(Picture, models.DO_NOTHING, db_constraint=False)


class Profile(models.Model):
    """A one-to-one primary key that is no inheritance."""

    entry = models.OneToOneField(Entry, models.CASCADE, primary_key=True)
    portrait = models.FileField(upload_to="portraits", max_length=200)


class Like(models.Model):
    profile = models.ForeignKey(Profile, models.CASCADE)

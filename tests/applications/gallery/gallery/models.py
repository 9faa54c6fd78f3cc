# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Pictures that are tagged, and what becomes of rows that depend on one in each way that Django knows."""

from __future__ import annotations

from django.conf import settings
from django.contrib.contenttypes.fields import GenericForeignKey, GenericRelation
from django.contrib.contenttypes.models import ContentType
from django.core.files.storage import FileSystemStorage
from django.db import models
from easy_thumbnails.fields import ThumbnailerImageField
from taggit.managers import TaggableManager


def posters() -> FileSystemStorage:
    """A storage of its own below the media root: the column holds paths below that folder."""
    return FileSystemStorage(location=settings.MEDIA_ROOT / "posters")


class Remark(models.Model):
    text = models.CharField(max_length=100)
    content_type = models.ForeignKey(ContentType, models.CASCADE)
    object_id = models.PositiveBigIntegerField()
    about = GenericForeignKey()


class Work(models.Model):
    """The parent of a picture: Django deletes the rows of both tables."""

    title = models.CharField(max_length=100)
    licence = models.FileField(upload_to="licences/%Y", blank=True)


class Picture(Work):
    image = ThumbnailerImageField(upload_to="pictures")
    poster = models.FileField(storage=posters, upload_to="large", blank=True)
    uploaded_at = models.DateTimeField(auto_now_add=True)
    tags = TaggableManager()
    remarks = GenericRelation(Remark)
    similar = models.ManyToManyField("self")


class Portrait(models.Model):
    """Rows that hold the default are never missing a file, for nobody uploaded it."""

    image = models.ImageField(upload_to="portraits", default="portraits/default.png")
    person = models.OneToOneField(settings.AUTH_USER_MODEL, models.CASCADE, primary_key=True)


class Vote(models.Model):
    picture = models.ForeignKey(Picture, models.CASCADE, related_name="+")


class Exhibition(models.Model):
    poster = models.ForeignKey(Picture, models.SET_NULL, null=True)


class Sale(models.Model):
    picture = models.ForeignKey(Picture, models.PROTECT)

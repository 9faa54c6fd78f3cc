# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Settings of the project; the database and the media root come with each test."""

from __future__ import annotations

SECRET_KEY = "of no use: nothing is signed here"
INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "easy_thumbnails",
    "imagekit",
    "sorl.thumbnail",
    "django_site.album",
    "django_site.collection",
]
# Tables are made from the models as they are, which is the same and takes half the time.
MIGRATION_MODULES = dict.fromkeys(["contenttypes", "auth", "easy_thumbnails", "thumbnail"])
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
MEDIA_URL = "/media/"
# ImageKit refers to it; in memory, it would remember the files of another test.
CACHES = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}

# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Settings of a site of django-filer, whose thumbnails are made by easy-thumbnails."""

from __future__ import annotations

from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent
SECRET_KEY = "of no use: nothing is signed here"
INSTALLED_APPS = [
    "library",
    "filer",
    "easy_thumbnails",
    "polymorphic",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
]
# Tables are made from the models as they are, which takes a tenth of the time.
MIGRATION_MODULES = dict.fromkeys(["admin", "auth", "contenttypes", "easy_thumbnails", "filer", "sessions"])
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": BASE_DIR / "db.sqlite3"}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
MEDIA_ROOT = BASE_DIR / "media"
MEDIA_URL = "/media/"
USE_TZ = True
FILER_ENABLE_PERMISSIONS = True
THUMBNAIL_PROCESSORS = (
    "easy_thumbnails.processors.colorspace",
    "filer.thumbnail_processors.scale_and_crop_with_subject_location",
)

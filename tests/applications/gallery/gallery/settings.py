# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Settings of a site whose pictures have thumbnails of easy-thumbnails and tags of taggit."""

from __future__ import annotations

from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent
SECRET_KEY = "of no use: nothing is signed here"
INSTALLED_APPS = [
    "gallery",
    "easy_thumbnails",
    "taggit",
    "django.contrib.auth",
    "django.contrib.contenttypes",
]
# Tables are made from the models as they are, which takes a tenth of the time.
MIGRATION_MODULES = dict.fromkeys(["auth", "contenttypes", "easy_thumbnails", "taggit"])
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": BASE_DIR / "db.sqlite3"}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
MEDIA_ROOT = BASE_DIR / "media"
MEDIA_URL = "/media/"
USE_TZ = True
THUMBNAIL_ALIASES = {"": {"small": {"size": (20, 20)}}}

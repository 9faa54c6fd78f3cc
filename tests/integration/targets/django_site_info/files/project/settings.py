# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

from __future__ import annotations

import os

SECRET_KEY = os.environ["ALBUM_KEY"]
INSTALLED_APPS = ["album"]
DATABASES = {
    "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "/srv/album/db", "PASSWORD": SECRET_KEY}
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
MEDIA_ROOT = "/srv/album/media"

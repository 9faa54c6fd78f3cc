# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""django-unused-media, a widely used command, on the same site: unused_media.py URL MEDIA_ROOT."""

from __future__ import annotations

import sys
from typing import Any
from urllib.parse import parse_qs, urlsplit

import django
from django.conf import settings
from django.db import models


def database(url: str) -> dict[str, Any]:
    parts = urlsplit(url)
    if parts.scheme == "sqlite":
        return {"ENGINE": "django.db.backends.sqlite3", "NAME": parts.path}
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.path[1:],
        "USER": parts.username,
        "HOST": parse_qs(parts.query)["host"][0],
    }


url, media_root = sys.argv[1:]
settings.configure(
    DATABASES={"default": database(url)},
    MEDIA_ROOT=media_root,
    INSTALLED_APPS=["django_unused_media"],
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
)
django.setup()


class Photo(models.Model):
    image = models.FileField()

    class Meta:
        app_label = "django_unused_media"
        db_table = "photo"


from django_unused_media.cleanup import get_unused_media  # noqa: E402 (needs the settings)

# What its command does in a dry run, with an age that the files of a benchmark have.
print(len(get_unused_media(exclude=[], minimum_file_age=0.000001)))

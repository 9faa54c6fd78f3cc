# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Settings of a shop of Oscar: images of products, values that are files, a tree of categories."""

from __future__ import annotations

from pathlib import Path

from oscar import defaults

globals().update({name: getattr(defaults, name) for name in dir(defaults) if name.isupper()})

BASE_DIR = Path(__file__).resolve().parent.parent
SECRET_KEY = "of no use: nothing is signed here"
_OSCAR = [
    *("analytics", "address", "basket", "catalogue", "catalogue.reviews", "checkout", "communication"),
    *("customer", "offer", "order", "partner", "payment", "search", "shipping", "voucher", "wishlists"),
]
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.flatpages",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.sites",
    *(f"oscar.apps.{name}.apps.{name.title().replace('.', '')}Config" for name in _OSCAR),
    "haystack",
    "sorl.thumbnail",
    "treebeard",
]
# Tables are made from the models as they are, which takes a tenth of the time.
MIGRATION_MODULES = dict.fromkeys(
    [
        *(name.rpartition(".")[2] for name in _OSCAR),
        *("auth", "contenttypes", "flatpages", "sessions", "sites", "thumbnail"),
    ]
)
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": BASE_DIR / "db.sqlite3"}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
HAYSTACK_CONNECTIONS = {"default": {"ENGINE": "haystack.backends.simple_backend.SimpleEngine"}}
SITE_ID = 1
MEDIA_ROOT = BASE_DIR / "media"
MEDIA_URL = "/media/"
STATIC_URL = "/static/"
USE_TZ = True

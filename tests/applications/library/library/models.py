# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

from __future__ import annotations

from django.db import models
from filer.fields.image import FilerImageField


class Book(models.Model):
    """Its cover is a foreign key to filer's row, and holds no path itself."""

    title = models.CharField(max_length=100)
    cover = FilerImageField(on_delete=models.SET_NULL, null=True, related_name="+")

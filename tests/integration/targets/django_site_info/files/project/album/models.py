# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

from __future__ import annotations

from django.db import models


class Photo(models.Model):
    image = models.FileField(upload_to="photos")

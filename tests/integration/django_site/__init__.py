# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""A real Django project: what the engine does is compared with what Django itself does.

Importing it sets Django up. It has no database until a ``Project`` gives it one.
"""

from __future__ import annotations

import os

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "django_site.settings"
django.setup()

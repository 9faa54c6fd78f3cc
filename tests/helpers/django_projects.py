# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Small Django projects, written by a test into a folder."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from typing import Any, Mapping

import pytest

from engine.config.django.asking import ask
from engine.config.django.facts import Facts
from engine.config.django.project import project_of

# The interpreter of the projects, which may have another Django than the tests, or be the only one with any.
PYTHON = os.environ.get("MEDIA_CLEANUP_TEST_DJANGO", sys.executable)
needs_django = pytest.mark.skipif(
    sys.executable == PYTHON and importlib.util.find_spec("django") is None,
    reason="no interpreter here has Django",
)

SETTINGS = """
SECRET_KEY = "of no use"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
INSTALLED_APPS = ["gallery"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "db.sqlite3"}}
MEDIA_ROOT = "/srv/gallery/media"
"""
MODELS = """
from django.db import models

class Photo(models.Model):
    image = models.ImageField(upload_to="photos/%Y")
    class Meta:
        # No Pillow is needed to say so.
        app_label = "gallery"
"""


def write_project(folder: Path, models: str = MODELS, settings: str = SETTINGS, **files: str) -> Path:
    """Write a project with one app, ``gallery``; ``files`` are more of them by their names, without .py."""
    texts = {"site_settings": settings, "gallery/__init__": "", "gallery/models": models, **files}
    for name, text in texts.items():
        path = folder / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text))
    return folder


def asked(folder: Path, **django: Any) -> Facts:
    """What the project in a folder says."""
    said: Mapping[str, Any] = {"project": str(folder), "settings": "site_settings", **django}
    return ask(project_of(said, PYTHON))


def run_code(folder: Path, code: str, **environment: str) -> str:
    """What code in a project prints; the project is set up, and its app's models are ``models``."""
    begin = "import os, django; django.setup(); from gallery import models\n"
    variables = {**os.environ, "DJANGO_SETTINGS_MODULE": "site_settings", **environment}
    command = [PYTHON, "-c", begin + dedent(code)]
    done = subprocess.run(
        command, cwd=folder, env=variables, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()

# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The probe's program: one line of JSON on what was its standard output.

Behind ``BEGIN``, that is ``{"facts": …}``, which ``answer.py`` validates, or ``{"error": …}``: what failed,
and where.
"""

import json
import os
import re
import sys
from contextlib import suppress
from typing import Any, Dict, Iterator, Set, Tuple

from .models import model_facts
from .storages import Storages
from .values import is_scalar, text

# What a setting or variable is called that holds a secret, much as Django's own error page has it.
_SECRET = re.compile(
    "API_?KEY|AUTH(?!_USER_MODEL)|TOKEN|_KEY|SECRET|PASS|SIGNATURE|CREDENTIAL|DSN", re.IGNORECASE
)
# How the line of the answer begins: the interpreter may have said something before.
BEGIN = "media-cleanup-probe:"
_MOST_SECRETS = 1000
_LONGEST = 5000

# Where a thumbnail library keeps its files, by its app and the module whose ``settings`` know the defaults.
_THUMBNAILS = (
    (
        "easy_thumbnails",
        "easy_thumbnails.conf",
        (
            "THUMBNAIL_BASEDIR",
            "THUMBNAIL_SUBDIR",
            "THUMBNAIL_PREFIX",
            "THUMBNAIL_NAMER",
            "THUMBNAIL_DEFAULT_STORAGE",
            "THUMBNAIL_DEFAULT_STORAGE_ALIAS",
            "THUMBNAIL_MEDIA_ROOT",
            "THUMBNAIL_MEDIA_URL",
        ),
    ),
    ("sorl.thumbnail", "sorl.thumbnail.conf", ("THUMBNAIL_PREFIX", "THUMBNAIL_STORAGE", "THUMBNAIL_BACKEND")),
    (
        "imagekit",
        "django.conf",
        (
            "IMAGEKIT_CACHEFILE_DIR",
            "IMAGEKIT_CACHEFILE_NAMER",
            "IMAGEKIT_SPEC_CACHEFILE_NAMER",
            "IMAGEKIT_DEFAULT_CACHEFILE_BACKEND",
            "IMAGEKIT_DEFAULT_FILE_STORAGE",
        ),
    ),
)


def main() -> None:
    """Ask the project, and write its answer."""
    # Settings and models may print: that goes where errors go, and not between the JSON.
    answer_to = os.dup(1)
    os.dup2(2, 1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    try:
        answer = {"facts": _facts()}
    except BaseException as error:
        # Settings may call sys.exit() where something is missing: that is an answer, too.
        answer = {"error": _error_and_where(error)}
    for stream in (sys.stdout, sys.stderr):
        # It may be what the project has put in its place, and fail in any way.
        with suppress(Exception):
            stream.flush()
    _write(answer_to, f"\n{BEGIN}{json.dumps(answer)}\n".encode())
    # Nothing that the project has started is waited for.
    os._exit(0)


def _write(descriptor: int, content: bytes) -> None:
    while content:
        content = content[os.write(descriptor, content) :]


def _error_and_where(error: BaseException) -> Dict[str, Any]:
    try:
        return _error(error)
    except BaseException:
        # Its text is code of the project, which may exit like any other.
        return {"type": type(error).__name__, "text": "", "places": [], "secrets": []}


def _error(error: BaseException) -> Dict[str, Any]:
    """What failed and where, with the secrets that may not be shown with it."""
    places = []
    secrets: Set[str] = set()
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        places.append([code.co_filename, trace.tb_lineno])
        for names in (trace.tb_frame.f_globals, trace.tb_frame.f_locals):
            secrets.update(_secrets(names))
        trace = trace.tb_next
    settings = getattr(sys.modules.get("django.conf"), "settings", None)
    if settings is not None and settings.configured:
        secrets.update(_secrets(vars(settings._wrapped)))
    return {
        "type": type(error).__name__,
        "text": str(error)[:_LONGEST],
        "places": places[-20:],
        "secrets": sorted(secrets, key=len)[-_MOST_SECRETS:],
    }


def _secrets(values: Dict[str, Any], depth: int = 4) -> Iterator[str]:
    """The texts in a mapping whose names say that they are secret."""
    for name, value in list(values.items()):
        # isinstance() would make a lazy object of Django load the settings again.
        kind = type(value)
        if issubclass(kind, dict) and depth:
            yield from _secrets(value, depth - 1)
        elif issubclass(kind, str) and isinstance(name, str) and _SECRET.search(name):
            yield value[:_LONGEST]


def _facts() -> Dict[str, Any]:
    if "" not in sys.path and os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())

    import django

    django.setup()

    from django.apps import apps
    from django.conf import settings
    from django.db import connections

    storages = Storages()
    everything = apps.get_models(include_auto_created=True, include_swapped=True)
    models = [model_facts(model, everything, storages) for model in everything if not model._meta.proxy]
    return {
        "django": django.get_version(),
        "python": ".".join(map(str, sys.version_info[:3])),
        "directory": os.getcwd(),
        "settings": os.environ.get("DJANGO_SETTINGS_MODULE", ""),
        "media_root": text(settings.MEDIA_ROOT),
        "media_url": text(settings.MEDIA_URL),
        "time_zone": text(settings.TIME_ZONE),
        "databases": {alias: _database(connections.databases[alias]) for alias in connections},
        "storages": storages.found,
        "models": models,
        "thumbnails": dict(_thumbnails(apps)),
        # By which clients of buckets find what their storages do not say; settings may have set them.
        "aws_environment": {name: value for name, value in os.environ.items() if name[:4] == "AWS_"},
        **_imported(),
    }


def _imported() -> Dict[str, Any]:
    """The files of what is imported, which root trusts only where they are its own."""
    sources: Set[str] = set()
    compiled: Set[str] = set()
    for module in list(sys.modules.values()) if os.geteuid() == 0 else ():
        known = vars(module) if isinstance(module, type(sys)) else {}
        cached = getattr(known.get("__spec__"), "cached", None)
        for path, found in ((known.get("__file__"), sources), (cached, compiled)):
            if isinstance(path, str) and os.path.exists(path):
                found.add(os.path.abspath(path))
    return {"imported": sorted(sources), "compiled": sorted(compiled)}


def _database(said: Dict[str, Any]) -> Dict[str, Any]:
    from django.conf import settings

    options = {}
    for name, value in (said.get("OPTIONS") or {}).items():
        if is_scalar(value):
            options[str(name)] = value
        elif isinstance(value, dict):
            options[str(name)] = {str(inner): each for inner, each in value.items() if is_scalar(each)}
    zone = (said.get("TIME_ZONE") or "UTC") if settings.USE_TZ else settings.TIME_ZONE
    return {
        "engine": text(said.get("ENGINE")),
        "name": text(said.get("NAME")),
        "host": text(said.get("HOST")),
        "port": text(said.get("PORT")),
        "user": text(said.get("USER")),
        "password": text(said.get("PASSWORD")),
        "options": options,
        "mirror": text((said.get("TEST") or {}).get("MIRROR")),
        "time_zone": text(zone),
    }


def _thumbnails(apps: Any) -> Iterator[Tuple[str, Dict[str, Any]]]:
    import importlib

    for app, module, names in _THUMBNAILS:
        if apps.is_installed(app):
            settings = importlib.import_module(module).settings
            found = {name: getattr(settings, name, None) for name in names}
            yield app, {name: value if is_scalar(value) else str(value) for name, value in found.items()}

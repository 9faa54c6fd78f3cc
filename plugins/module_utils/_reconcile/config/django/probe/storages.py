# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The storages that a project's fields use."""

import sys
from typing import Any, Dict, List

from .values import named, text

# What decides where a storage keeps its files.
_PLACING = ("path", "location", "base_location", "generate_filename")


class Storages:
    """The storages of the project, each once, by their numbers."""

    def __init__(self) -> None:
        from django.conf import settings
        from django.core.files import storage

        self.found: List[Dict[str, Any]] = []
        self._add_alias("default", lambda: storage.default_storage)
        # Before Django 4.2, a setting of that name means nothing.
        by_alias: Any = getattr(storage, "storages", None)
        for alias in getattr(settings, "STORAGES", {}) if by_alias is not None else ():
            if alias not in ("default", "staticfiles"):
                self._add_alias(alias, lambda alias=alias: by_alias[alias])

    def _add_alias(self, alias: str, get: Any) -> None:
        try:
            storage = get()
        except Exception as error:
            # A backend raises what it likes. No field uses this one, or asking that field fails, too.
            sys.stderr.write(f"the storage {alias!r} cannot be made: {type(error).__name__}\n")
            return
        self.found[self.number(storage)]["aliases"].append(alias)

    def number(self, storage: Any) -> int:
        said = _storage(unwrapped(storage))
        for number, known in enumerate(self.found):
            if dict(known, aliases=[]) == said:
                return number
        self.found.append(said)
        return len(self.found) - 1


def unwrapped(storage: Any) -> Any:
    from django.utils.functional import LazyObject, empty

    while isinstance(storage, LazyObject):
        if storage._wrapped is empty:
            storage._setup()
        storage = storage._wrapped
    return storage


def _storage(storage: Any) -> Dict[str, Any]:
    from django.core.files.storage import FileSystemStorage

    kind = "other"
    if isinstance(storage, FileSystemStorage):
        kind = "filesystem"
    elif any(each.__module__.startswith("storages.backends.s3") for each in type(storage).__mro__):
        kind = "s3"
    known = {"filesystem": FileSystemStorage, "s3": type(storage)}.get(kind)
    is_plain = known is not None and not any(
        getattr(type(storage), name, None) is not getattr(known, name, None) for name in _PLACING
    )
    return {
        "kind": kind,
        "class_name": named(type(storage)),
        "location": text(getattr(storage, "location", "")),
        "base_url": text(getattr(storage, "base_url", "")),
        "bucket": text(getattr(storage, "bucket_name", "")),
        "endpoint_url": text(getattr(storage, "endpoint_url", "")),
        "custom_domain": text(getattr(storage, "custom_domain", "")),
        "aliases": [],
        "file_overwrite": bool(getattr(storage, "file_overwrite", False)),
        "is_plain": is_plain,
    }

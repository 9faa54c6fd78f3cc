# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The storages that a project's fields use."""

import sys
from typing import Any, Dict, Iterable, Iterator, List

from .values import is_scalar, named, text

# What decides where a storage keeps its files: methods of a folder's, and of a bucket's; and of the latter
# values that a class may well set, but not by code.
_PLACING = ("path", "location", "base_location", "generate_filename")
_PLACING_IN_BUCKET = ("_normalize_name", "generate_filename", "bucket", "connection", "_create_session")
_VALUES_OF_BUCKET = ("location", "bucket_name", "endpoint_url")
# What decides that no name is used again while there is an object of that name.
_NAMING = ("get_available_name", "exists")
_MODULES_OF_BUCKETS = ("storages.backends.s3", "storages.backends.s3boto3")
# How django-storages reaches the service.
_SERVICE = ("region_name", "access_key", "secret_key", "security_token", "session_profile")
# What of the configuration of a client follows from its other settings.
_USUAL_CONFIGURATION = {"s3", "signature_version", "proxies"}


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
    of_bucket = _class_of_bucket(storage)
    file_overwrite = bool(getattr(storage, "file_overwrite", False))
    is_plain = False
    if isinstance(storage, FileSystemStorage):
        kind = "filesystem"
        is_plain = _has_all_of(storage, FileSystemStorage, _PLACING)
    elif of_bucket:
        kind = "s3"
        values = [getattr(type(storage), name, None) for name in _VALUES_OF_BUCKET]
        is_plain = _has_all_of(storage, of_bucket, _PLACING_IN_BUCKET) and all(map(is_scalar, values))
        file_overwrite = file_overwrite or not _has_all_of(storage, of_bucket, _NAMING)
    return {
        "kind": kind,
        "class_name": named(type(storage)),
        "location": text(getattr(storage, "location", "")),
        "base_url": text(getattr(storage, "base_url", "")),
        "bucket": text(getattr(storage, "bucket_name", "")),
        "endpoint_url": text(getattr(storage, "endpoint_url", "")),
        "aliases": [],
        "file_overwrite": file_overwrite,
        "is_plain": is_plain,
        "service": _service(storage if of_bucket else None),
    }


def _class_of_bucket(storage: Any) -> Any:
    """The class of django-storages that a storage in a bucket is, or is derived from."""
    classes = (each for each in type(storage).__mro__ if each.__module__ in _MODULES_OF_BUCKETS)
    return next(classes, None)


def _has_all_of(storage: Any, known: Any, names: Iterable[str]) -> bool:
    """Whether nothing of these names is another one than that of a class that is known."""
    return all(getattr(type(storage), name, None) is getattr(known, name, None) for name in names)


def _service(storage: Any) -> Dict[str, Any]:
    config = getattr(storage, "client_config", None) or getattr(storage, "config", None)
    # A configuration goes before what the storage says itself.
    style = (getattr(config, "s3", None) or {}).get("addressing_style")
    return {
        **{name: text(getattr(storage, name, "")) for name in _SERVICE},
        "addressing_style": text(style or getattr(storage, "addressing_style", "")),
        "not_used": list(_not_used(storage, config)),
    }


def _not_used(storage: Any, config: Any) -> Iterator[str]:
    """The settings of a client for which the engine has no option."""
    if getattr(storage, "verify", None) not in (None, True):
        yield "verify"
    if getattr(storage, "proxies", None) or getattr(config, "proxies", None):
        yield "proxies"
    if getattr(storage, "use_ssl", True) is False and not getattr(storage, "endpoint_url", None):
        yield "use_ssl"
    signature = getattr(config, "signature_version", None) or getattr(storage, "signature_version", None)
    if signature not in (None, "", "s3v4"):
        yield "signature_version"
    if set(getattr(config, "_user_provided_options", ())) - _USUAL_CONFIGURATION:
        yield "client_config"

# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Where the database and the media store of a Django project are, as options say it."""

from __future__ import annotations

import os
import posixpath
import re
from typing import Mapping, NamedTuple
from urllib.parse import quote, urlencode

from ...errors import SiteError
from ..django.facts import DatabaseFacts, Facts, FieldFacts, Scalar, StorageFacts
from ..jobs import MEDIA_URL

DEFAULT = "default"

# What names a kind of database in the dotted name of an engine, also in those of other packages.
_SCHEMES = {
    "postgresql": "postgresql",
    "postgresql_psycopg2": "postgresql",
    "postgis": "postgresql",
    "psqlextra": "postgresql",
    "sqlite3": "sqlite",
    "spatialite": "sqlite",
    "mysql": "mysql",
    "mariadb": "mysql",
}
# Those that keep the tables of each tenant in a schema of its own.
_TENANTS = ("django_tenants", "tenant_schemas")
_PLAIN_HOST = re.compile(r"[A-Za-z0-9._-]+")
# What Django passes on to PostgreSQL's library, and not what it reads itself.
_LIBPQ = re.compile(
    r"passfile|service|options|connect_timeout|channel_binding|application_name|tcp_user_timeout|require_auth"
    r"|target_session_attrs|load_balance_hosts|(?:ssl|gss|krb|keepalives)[a-z_]*|hostaddr"
)
# What Django passes on to MySQL's library and a connection needs.
_MYSQL = ("unix_socket", "read_default_file", "read_default_group", "connect_timeout", "ssl_mode")
_MYSQL_SSL = ("ca", "cert", "key")
# An access point of AWS is another name of a bucket: by its ARN, or by an alias that looks like a bucket.
_NAME_OF_ACCESS = re.compile(r"^arn:|-s3alias$|--op-s3$")


class Place(NamedTuple):
    """The database and the storage of a project that make a site."""

    database_alias: str
    database: DatabaseFacts
    store: StorageFacts

    def prefix_of(self, storage: StorageFacts) -> str | None:
        """The folder of a storage in the media store: empty for the store itself; None if it is elsewhere."""
        if storage == self.store:
            return ""
        if storage.kind != self.store.kind or not _is_known(storage):
            return None
        if storage.kind == "s3":
            same = _bucket_of(storage) == _bucket_of(self.store)
            return _below(_slashed(storage.location), _slashed(self.store.location)) if same else None
        return _folder_in(storage.location, self.store.location)

    def is_unknown(self, storage: StorageFacts) -> bool:
        """Whether nobody can say if a storage is that of the store."""
        if storage == self.store:
            return False
        return not _is_known(storage) or _may_be_same_bucket(storage, self.store)

    def uses_names_once(self, facts: Facts) -> bool:
        """Whether nothing of the project writes to a key in the store at which an object is."""
        return self.store.kind == "s3" and not any(map(self._may_overwrite, facts.storages))

    def _may_overwrite(self, storage: StorageFacts) -> bool:
        if storage.kind != "s3":
            return storage.kind == "other"
        may_write = self.prefix_of(storage) is not None or self.is_unknown(storage) or self.lies_in(storage)
        return may_write and storage.file_overwrite

    def lies_in(self, storage: StorageFacts) -> bool:
        """Whether the store is a folder of a storage, whose values lead into it by another beginning."""
        return Place(self.database_alias, self.database, storage).prefix_of(self.store) not in (None, "")

    def is_same_database(self, facts: Facts, alias: str | None) -> bool:
        """Whether an alias is that of the site's database, or of a replica of it.

        Where the settings do not say that one is a replica, it has the same name on another server.
        """
        if alias is None or alias == self.database_alias:
            return alias is not None
        other = facts.databases[alias]
        names = [(one.engine, one.name) for one in (other, self.database)]
        return self.database_alias == other.mirror or alias == self.database.mirror or len(set(names)) == 1

    def prefix_of_field(self, facts: Facts, field: FieldFacts) -> str | None:
        """Where in the store all files of a field are; None if they are not, or nobody knows it."""
        if field.storage is None or field.storage_by_row:
            return None
        return self.prefix_of(facts.storages[field.storage])


def place_of(facts: Facts, database: str | None, storage: str | None) -> Place:
    """The database and the storage of these aliases. Raises SiteError where the project has none such."""
    alias, wanted = database or DEFAULT, storage or DEFAULT
    if alias not in facts.databases:
        raise SiteError(
            f"django: DATABASES of the project has no {alias!r}; it has "
            f"{', '.join(sorted(facts.databases)) or 'none'}. Correct database of django."
        )
    found = [one for one in facts.storages if wanted in one.aliases]
    if not found:
        known = sorted({name for one in facts.storages for name in one.aliases})
        raise SiteError(
            f"django: STORAGES of the project has no {wanted!r}; it has {', '.join(known) or 'none'}. "
            "Correct storage of django."
        )
    return Place(alias, facts.databases[alias], found[0])


def place_options(facts: Facts, place: Place) -> dict[str, str]:
    """``media_root`` and ``media_url``. Raises SiteError for a storage that is no folder and no bucket."""
    store = place.store
    if store.kind == "filesystem" and not facts.media_root and _is_same(store.location, facts.directory):
        raise SiteError(
            "django: the project has no MEDIA_ROOT, so its files are where its server was started. Set "
            "media_root and media_url as well."
        )
    if not _is_known(store):
        raise SiteError(
            f"django: the storage is a {store.class_name}, and where that keeps its files is known to its "
            "own code alone. Choose another storage of django; or set media_root and media_url, if what "
            "columns hold are paths below that folder."
        )
    return {"media_root": store.where, "media_url": store.base_url or facts.media_url or MEDIA_URL}


def service_options(place: Place) -> dict[str, str]:
    """The ``storage_options`` of a store in a bucket, with its secrets; nothing for a folder.

    A profile goes before keys, as in django-storages. Without a key, a token means nothing.
    """
    store, service = place.store, place.store.service
    if store.kind != "s3":
        return {}
    found = {
        "endpoint_url": store.endpoint_url,
        "region_name": service.region_name,
        "addressing_style": service.addressing_style,
    }
    if service.session_profile:
        found["session_profile"] = service.session_profile
    elif service.access_key:
        found.update(
            {name: getattr(service, name) for name in ("access_key", "secret_key", "security_token")}
        )
    return {name: value for name, value in found.items() if value}


def _bucket_of(storage: StorageFacts) -> tuple[str, str]:
    return storage.bucket, storage.endpoint_url.rstrip("/")


def _may_be_same_bucket(one: StorageFacts, other: StorageFacts) -> bool:
    """Whether two storages may have one bucket under two names, or by two addresses of its service."""
    if not one.kind == other.kind == "s3" or _bucket_of(one) == _bucket_of(other):
        return False
    return one.bucket == other.bucket or any(_NAME_OF_ACCESS.search(each.bucket) for each in (one, other))


def _is_known(storage: StorageFacts) -> bool:
    """Whether its place says where its files are, and no code of its own does."""
    return storage.kind != "other" and storage.is_plain


def is_of_tenants(database: DatabaseFacts) -> bool:
    """Whether each tenant has tables of its own, in a schema that no fact names."""
    return database.engine.partition(".")[0] in _TENANTS


def database_url(database: DatabaseFacts, directory: str) -> str:
    """The URL of a database, with its secrets; ``directory`` is where a relative name begins.

    Raises SiteError for an engine that is not supported.
    """
    scheme = next((_SCHEMES[part] for part in database.engine.split(".") if part in _SCHEMES), None)
    if is_of_tenants(database):
        scheme = "postgresql"
    if scheme == "sqlite":
        return _sqlite_url(database, directory)
    if scheme == "postgresql":
        return _server_url(scheme, database, "host", _postgresql_parameters(database.options))
    if scheme == "mysql":
        return _server_url(scheme, database, "unix_socket", _mysql_parameters(database.options))
    raise SiteError(
        f"django: the database engine {database.engine!r} of the project is not known. "
        "If it is one of PostgreSQL, MySQL or SQLite, set database_url as well."
    )


def _sqlite_url(database: DatabaseFacts, directory: str) -> str:
    if not database.name or database.name == ":memory:" or database.name.startswith("file:"):
        raise SiteError(
            f"django: the SQLite database {database.name!r} of the project is no file by its plain name. "
            "Set database_url as well."
        )
    path = posixpath.join(directory, database.name)
    return f"sqlite:///{quote(os.fsencode(posixpath.normpath(path)))}"


def _postgresql_parameters(options: Mapping[str, object]) -> dict[str, object]:
    found = {name: value for name, value in options.items() if _LIBPQ.fullmatch(name)}
    role = options.get("assume_role")
    if isinstance(role, str) and role:
        escaped = re.sub(r"([\\ ])", r"\\\1", role)
        found["options"] = f"{found.get('options', '')} -c role={escaped}".strip()
    return found


def _mysql_parameters(options: Mapping[str, object]) -> dict[str, object]:
    found = {name: options[name] for name in _MYSQL if name in options}
    ssl = options.get("ssl")
    if isinstance(ssl, Mapping):
        found.update({f"ssl_{name}": ssl[name] for name in _MYSQL_SSL if ssl.get(name)})
    return found


def _server_url(scheme: str, database: DatabaseFacts, socket: str, parameters: Mapping[str, object]) -> str:
    """The URL of a server's database; a host that is a path, and lists of hosts, are parameters."""
    given = {name: _written(value) for name, value in parameters.items() if _is_scalar(value)}
    address = ""
    is_one = ":" in database.host and "," not in database.host and "/" not in database.host
    if is_one or _PLAIN_HOST.fullmatch(database.host):
        host = f"[{database.host}]" if is_one else database.host
        address = host + (f":{database.port}" if database.port else "")
    else:
        if database.host:
            given[socket if database.host.startswith("/") else "host"] = database.host
        if database.port and scheme != "mysql":
            given["port"] = database.port
    login = quote(database.user, safe="")
    if database.password:
        login += f":{quote(database.password, safe='')}"
    query = f"?{urlencode(given, quote_via=quote)}" if given else ""
    at = f"{login}@" if login else ""
    return f"{scheme}://{at}{address}/{quote(database.name, safe='')}{query}"


def _is_scalar(value: object) -> bool:
    return isinstance(value, (str, int, float))


def _written(value: object) -> Scalar:
    return ("1" if value else "0") if isinstance(value, bool) else str(value)


def _folder_in(inner: str, outer: str) -> str | None:
    """The path of a folder in another one, by their names and by what they are on disk, as over a mount."""
    real, root = os.path.realpath(inner), os.path.realpath(outer)
    prefix = _below(_slashed(real), _slashed(root))
    above = real
    while prefix is None and above != "/":
        if _is_same(above, root):
            return real[len(above) :].strip("/")
        above = posixpath.dirname(above)
    return prefix


def _is_same(one: str, other: str) -> bool:
    try:
        return os.path.samefile(one, other)
    except OSError:
        return one == other


def _slashed(folder: str) -> str:
    return folder.rstrip("/") + "/"


def _below(inner: str, outer: str) -> str | None:
    """The path of a folder in another one, both with a slash at the end; None if it is not in there."""
    inner, outer = inner.lstrip("/"), outer.lstrip("/")
    return inner[len(outer) :].rstrip("/") if inner.startswith(outer) else None

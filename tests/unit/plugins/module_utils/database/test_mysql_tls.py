# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""What the parameters of a URL for TLS do, with each driver, on a MariaDB that has a certificate."""

from __future__ import annotations

import shutil
import subprocess
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Iterator, NamedTuple

import pytest

from engine.database import connect
from engine.database.mysql import connection
from engine.errors import DatabaseError
from helpers.databases import connect_mariadb
from helpers.drivers import only_mysql_driver
from helpers.servers import free_port, running_mariadb

pytestmark = pytest.mark.promise(12)

ADDRESS = "127.0.0.1"


class Certificates(NamedTuple):
    """A folder with NAME.pem and NAME.key of two issuers, and of those to whom the issuer ``ca`` gave one."""

    folder: Path

    def issuer(self, name: str) -> None:
        self._sign(name)

    def issued(self, name: str, host: str) -> None:
        self._sign(name, "-addext", f"subjectAltName={host}", "-CA", "ca.pem", "-CAkey", "ca.key")

    def show(self, name: str) -> None:
        """Make it the one that a server has when it reads its own."""
        for kind in ("pem", "key"):
            shutil.copy(self.folder / f"{name}.{kind}", self.folder / f"shown.{kind}")

    def _sign(self, name: str, *options: str) -> None:
        key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{name}.key")
        command = ["openssl", "req", "-x509", "-days", "2", *key, "-out", f"{name}.pem"]
        command += ["-subj", f"/CN={name}", *options]
        subprocess.run(command, cwd=self.folder, check=True, capture_output=True)


class TLSServer(NamedTuple):
    """A server with a port and a certificate: its URL without parameters, and the one of its socket."""

    url: str
    socket_url: str
    certificates: Certificates

    @contextmanager
    def showing(self, name: str) -> Iterator[None]:
        """For a while, let the server have another certificate."""
        with closing(connect_mariadb(self.socket_url)) as opened:
            self.certificates.show(name)
            opened.cursor().execute("FLUSH SSL")
            try:
                yield
            finally:
                self.certificates.show("server")
                opened.cursor().execute("FLUSH SSL")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    if not shutil.which("openssl"):
        pytest.skip("there is no openssl to make certificates")
    made = Certificates(tmp_path_factory.mktemp("certificates"))
    made.issuer("ca")
    made.issuer("other")
    made.issued("server", f"IP:{ADDRESS}")
    made.show("server")
    made.issued("elsewhere", "DNS:db.internal")
    made.issued("client", "DNS:client")
    return made


@pytest.fixture(scope="module")
def server(mariadb_server: str, certificates: Certificates) -> Iterator[TLSServer]:
    port = free_port(ADDRESS)
    files = {"ssl-ca": "ca.pem", "ssl-cert": "shown.pem", "ssl-key": "shown.key"}
    settings = [f"{name}={certificates.folder / file}" for name, file in files.items()]
    with running_mariadb([*settings, f"port={port}", f"bind-address={ADDRESS}"]) as running:
        with closing(connect_mariadb(running.url)) as opened:
            opened.cursor().execute(
                "CREATE DATABASE kit; CREATE USER plain; CREATE USER certified REQUIRE X509; "
                "GRANT ALL ON kit.* TO plain; GRANT ALL ON kit.* TO certified"
            )
        yield TLSServer(f"mysql://plain@{ADDRESS}:{port}/kit", running.url, certificates)


@pytest.fixture(params=["pymysql", "MySQLdb"])
def url(request: pytest.FixtureRequest, server: TLSServer) -> Iterator[str]:
    """The URL of the server, for an engine that has each driver in turn."""
    if request.param == "MySQLdb":
        request.getfixturevalue("mariadb_mysqlclient")  # skips where there is none
    with only_mysql_driver(request.param):
        yield server.url


def cipher(url: str) -> str:
    """What a connection is encrypted with; empty where it is not."""
    with connect(url, read_only=True) as opened:
        return opened._connection.fetch("SHOW SESSION STATUS LIKE 'Ssl_cipher'", [])[0][1]


@pytest.mark.parametrize("mode", ["REQUIRED", "VERIFY_CA", "VERIFY_IDENTITY"])
def test_a_connection_is_encrypted_as_the_url_asks(url: str, certificates: Certificates, mode: str) -> None:
    assert cipher(f"{url}?ssl_mode={mode}&ssl_ca={certificates.folder / 'ca.pem'}")


def test_a_connection_may_be_encrypted_without_a_check(url: str) -> None:
    assert cipher(f"{url}?ssl_mode=REQUIRED")
    assert not cipher(f"{url}?ssl_mode=DISABLED")


@pytest.mark.parametrize("mode", ["", "ssl_mode=VERIFY_CA&", "ssl_mode=VERIFY_IDENTITY&"])
def test_a_certificate_of_another_issuer_is_refused(url: str, certificates: Certificates, mode: str) -> None:
    with pytest.raises(DatabaseError, match=r"(?i)certificate"):
        connect(f"{url}?{mode}ssl_ca={certificates.folder / 'other.pem'}", read_only=True)


def test_a_client_identifies_itself_by_its_certificate(url: str, certificates: Certificates) -> None:
    mine = url.replace("plain", "certified")
    given = f"ssl_mode=VERIFY_CA&ssl_ca={certificates.folder / 'ca.pem'}"
    own = f"ssl_cert={certificates.folder / 'client.pem'}&ssl_key={certificates.folder / 'client.key'}"
    assert cipher(f"{mine}?{given}&{own}")
    with pytest.raises(DatabaseError, match="Access denied"):
        connect(f"{mine}?{given}", read_only=True)


def test_a_certificate_for_another_host_is_refused_where_that_is_asked(
    url: str, server: TLSServer, certificates: Certificates
) -> None:
    issuer = f"ssl_ca={certificates.folder / 'ca.pem'}"
    with server.showing("elsewhere"):
        assert cipher(f"{url}?ssl_mode=REQUIRED&{issuer}")
        if connection.DRIVERS == ["pymysql"]:
            # The library of MariaDB, with which mysqlclient may be built, checks the host's name here, too.
            assert cipher(f"{url}?ssl_mode=VERIFY_CA&{issuer}")
        with pytest.raises(DatabaseError, match=r"(?i)certificate|ssl"):
            connect(f"{url}?ssl_mode=VERIFY_IDENTITY&{issuer}", read_only=True)

# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Throwaway servers of buckets, out of wheels from PyPI: ministack, SeaweedFS and rclone's.

Each is started and stopped by a process of its own (``s3_server_process``), which notices when this one ends,
however it ends: a run that is killed leaves no server behind.
"""

from __future__ import annotations

import itertools
import json
import socket
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Iterator

from helpers.servers import lasting, owned, place, told_by

# Each takes any, and rclone's only this one.
ACCESS_KEY, SECRET_KEY = "testing", "testing-secret"
_CREDENTIALS = {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY}
_READY_LIMIT = 30
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Service:
    """What a service can do, as it was tried here; what tests expect of it differs by nothing else."""

    name: str
    # Whether ``If-Match`` of a deletion, and ``If-None-Match`` of a write, are honoured.
    conditional_delete: bool = True
    conditional_put: bool = True
    # Whether ``CopySourceIfMatch`` is.
    conditional_copy: bool = True
    versions: bool = True
    # Whether it asks who one is; else anybody may read.
    asks_who: bool = True
    # Names, among those that are tried, that it refuses or turns into others.
    cannot_hold: tuple[bytes, ...] = ()
    # What it lacks, as docs/howto/bucket.md says it.
    lacks: tuple[str, ...] = ()


_CONTROL = b"\x01\x7f"
_NAMES_NO_CONTROL = "names no key with control characters in an error"
MINISTACK = Service(
    "ministack",
    asks_who=False,
    cannot_hold=(_CONTROL,),
    lacks=(
        "asks nobody who they are, so that anybody may read",
        _NAMES_NO_CONTROL,
    ),
)
SEAWEEDFS = Service(
    "seaweedfs",
    cannot_hold=(b"\\", _CONTROL),
    lacks=(
        "lists folder by folder, and not in the byte order of whole keys",
        "holds no key with an empty part or a slash at its end",
        "holds no backslash in a key",
        _NAMES_NO_CONTROL,
    ),
)
RCLONE = Service(
    "rclone",
    conditional_delete=False,
    conditional_put=False,
    conditional_copy=False,
    versions=False,
    cannot_hold=(b"line\nbreak", _CONTROL),
    lacks=(
        "ignores every condition: of a deletion, of a write and of a copy",
        "keeps no versions",
        "knows no ACLs, and answers a question for one with an error",
        "holds no key with an empty part, a slash at its end or control characters",
    ),
)
SERVICES = (MINISTACK, SEAWEEDFS, RCLONE)


@dataclass(frozen=True)
class S3Server:
    service: Service
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def options(self) -> dict[str, str]:
        """The storage options of the engine that reach it."""
        return {
            "endpoint_url": self.url,
            "region_name": "us-east-1",
            "access_key": ACCESS_KEY,
            "secret_key": SECRET_KEY,
            "addressing_style": "path",
        }

    def client(self) -> Any:
        """The client of the tests, which shares nothing with the engine's."""
        return _client(self.url)

    def shared_bucket(self, versioned: bool = False) -> str:
        """A bucket for all tests, each of which has a prefix of its own in it."""
        return _shared_bucket(self, versioned)

    def new_bucket(self, versioned: bool = False) -> str:
        """Make an empty bucket of its own for a test."""
        name = f"bucket-{next(_numbers)}-{time.monotonic_ns() % 10**9}"
        client = self.client()
        client.create_bucket(Bucket=name)
        if versioned:
            client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        return name


@lru_cache(maxsize=None)
def _shared_bucket(server: S3Server, versioned: bool) -> str:
    return server.new_bucket(versioned)


@lru_cache(maxsize=None)
def _client(url: str) -> Any:
    return new_client(url)


def new_client(url: str) -> Any:
    """A client with connections of its own."""
    import boto3
    from botocore.config import Config

    return boto3.client(
        "s3",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET_KEY,
        config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}),
    )


@contextmanager
def running_s3(service: Service) -> Iterator[S3Server]:
    """A server of that kind. Raises OSError if it cannot be started."""
    port, *others = _free_ports(7)
    with owned(_command(service, port, others)) as owner:
        yield _started(service, port, owner)


def lasting_s3(service: Service) -> tuple[S3Server, int]:
    """A server that outlives this process, and the process that stops it when it gets SIGTERM."""
    port, *others = _free_ports(7)
    owner = lasting(_command(service, port, others))
    return _started(service, port, owner), owner.pid


def _command(service: Service, port: int, others: list[int]) -> list[str]:
    command, environment = _COMMANDS[service.name](port, others)
    if not service.asks_who:
        environment = {name: value for name, value in environment.items() if name not in _CREDENTIALS}
    program = str(Path(__file__).with_name("s3_server_process.py"))
    return [sys.executable, "-ISB", program, json.dumps([command, environment, port, place()])]


def _started(service: Service, port: int, owner: subprocess.Popen[bytes]) -> S3Server:
    told_by(owner, service.name)
    server = S3Server(service, port)
    _wait(server)
    return server


def _wait(server: S3Server) -> None:
    """Wait until it makes a bucket: one that listens may still wait for its own parts."""
    deadline = time.monotonic() + _READY_LIMIT
    why = _why_not_ready(server)
    while why:
        if time.monotonic() > deadline:
            raise OSError(f"{server.service.name} makes no bucket: {why}")
        time.sleep(0.1)
        why = _why_not_ready(server)


def _why_not_ready(server: S3Server) -> str:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        name = server.new_bucket()
        server.client().put_object(Bucket=name, Key="ready", Body=b"yes")
    except (BotoCoreError, ClientError) as error:
        return str(error)
    return ""


def _free_ports(number: int) -> list[int]:
    """Ports that are free now, those 10,000 above as well, which SeaweedFS takes too."""
    found: list[int] = []
    while len(found) < number:
        with socket.socket() as one, socket.socket() as other, suppress(OSError):
            one.bind(("127.0.0.1", 0))
            port = one.getsockname()[1]
            if port + 10_000 > 65_535:
                one.close()
                port -= 20_000
                one_more = socket.socket()
                with one_more:
                    one_more.bind(("127.0.0.1", port))
            other.bind(("127.0.0.1", port + 10_000))
            if port not in found:
                found.append(port)
    return found


def _ministack(port: int, _others: list[int]) -> tuple[list[str], dict[str, str]]:
    environment = {
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "SERVICES": "s3",
        "LOG_LEVEL": "ERROR",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    return [_program("ministack")], environment


def _seaweedfs(port: int, others: list[int]) -> tuple[list[str], dict[str, str]]:
    master, volume, filer, more, iceberg, lance = others
    command = [
        *(_program("weed"), "-alsologtostderr=false", "server", "-s3", "-dir={folder}", "-ip=127.0.0.1"),
        *("-ip.bind=127.0.0.1", f"-s3.port={port}", f"-master.port={master}", f"-volume.port={volume}"),
        *(f"-filer.port={filer}", f"-volume.port.grpc={more}", f"-s3.port.iceberg={iceberg}"),
        *(
            f"-s3.port.lance={lance}",
            "-master.volumeSizeLimitMB=64",
            "-volume.max=1000",
            "-master.telemetry=false",
        ),
    ]
    # With these it asks who one is, and policies of buckets say what anybody may do.
    return command, dict(_CREDENTIALS)


def _rclone(port: int, _others: list[int]) -> tuple[list[str], dict[str, str]]:
    command = [
        *(_program("rclone"), "serve", "s3", "{folder}", "--addr", f"127.0.0.1:{port}"),
        *("--auth-key", f"{ACCESS_KEY},{SECRET_KEY}", "--config", "{folder}/../rclone.conf"),
        *("--etag-hash", "MD5", "--log-level", "ERROR"),
    ]
    return command, {}


_COMMANDS = {"ministack": _ministack, "seaweedfs": _seaweedfs, "rclone": _rclone}


def _program(name: str) -> str:
    return str(Path(sys.executable).with_name(name))

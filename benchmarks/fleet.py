# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Many hosts in one run of the playbook: what the controller needs, and how much it says.

All hosts are this machine: the time is that of the targets' work, too, the memory is the controller's.
"""

from __future__ import annotations

import json
import re
import sqlite3
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator

from contests import REPOSITORY, Contest, Contestant
from measure import Bench, Measurement

# Of each site; one file of them is an orphan.
FILES = 100
# What the controller may need, in MiB, and say of a host, in bytes, however many hosts there are.
MOST_MEMORY = 200
MOST_OUTPUT = 1000
_BATCHES = 5
# With more hosts than this, nothing is compared.
_COMPARED = 100


def contests(folder: Path, hosts: int) -> Iterator[Contest]:
    inventory = _inventory(folder, hosts)
    ping = ["ansible", "-i", str(inventory), "all", "-m", "ping", "--one-line"]
    playbook = ["ansible-playbook", "-i", str(inventory), str(REPOSITORY / "playbooks" / "cleanup.yml")]
    check = [*playbook, "--check"]
    serial = [*check, "-e", f"media_cleanup_serial={max(1, hosts // _BATCHES)}"]
    cleanup = Contestant("cleanup --check", check, _hosts_with_an_orphan)
    others = [
        Contestant("ansible's ping, which does nothing", ping, _hosts_that_answered),
        cleanup,
        Contestant(f"cleanup --check, {_BATCHES} batches of hosts", serial, _hosts_with_an_orphan),
    ]
    # Of many hosts it is the memory and the output that are of interest, and the run takes long.
    yield _Fleet(f"fleet, {hosts} hosts", others if hosts <= _COMPARED else [cleanup], hosts)


@dataclass(frozen=True)
class _Fleet(Contest):
    """Says how much each wrote, too, and fails where that or the memory grew out of its bounds."""

    def run(self, bench: Bench, rounds: int) -> dict[str, Measurement]:
        measured = super().run(bench, rounds)
        ours = [name for name in measured if name.startswith("cleanup")]
        for name in ours:
            one = measured[name]
            if one.peak > MOST_MEMORY or len(one.output) > MOST_OUTPUT * self.found:
                raise RuntimeError(
                    f"{self.work}: {name} needed {one.peak:.0f} MiB and wrote {len(one.output)} bytes"
                )
        sizes = {name: f"; {len(measured[name].output) // self.found} bytes a host" for name in ours}
        return {f"{name}{sizes.get(name, '')}": one for name, one in measured.items()}


def _hosts_that_answered(output: str) -> int:
    return len(re.findall(r"SUCCESS => .*pong", output))


def _hosts_with_an_orphan(output: str) -> int:
    return len(re.findall(r"1 orphan, ", output))


def _inventory(folder: Path, hosts: int) -> Path:
    """The sites, and an inventory in which each is on a host of its own."""
    described = {}
    for number in range(hosts):
        name = f"host{number:03}"
        described[name] = {"media_cleanup_sites": [_site(folder / "fleet" / name, name)]}
    here = {
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
        "media_cleanup_become": False,
    }
    path = folder / "fleet" / "inventory.yml"
    # JSON is YAML.
    path.write_text(json.dumps({"all": {"vars": here, "hosts": described}}))
    return path


def _site(folder: Path, name: str) -> dict[str, object]:
    photos = folder / "media" / "photos"
    photos.mkdir(parents=True)
    paths = [f"photos/{number:03}.jpg" for number in range(FILES)]
    for path in paths:
        (folder / "media" / path).touch()
    database = folder / "db.sqlite3"
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("CREATE TABLE photo (id integer PRIMARY KEY, image varchar(100) NOT NULL)")
        connection.executemany("INSERT INTO photo (image) VALUES (?)", [(path,) for path in paths[1:]])
        connection.commit()
    return {
        "name": name,
        "database_url": f"sqlite:///{database}",
        "media_root": str(folder / "media"),
        "older_than_hours": 0,
        "orphans": {"directories": ["photos"], "references": [{"table": "photo", "column": "image"}]},
    }

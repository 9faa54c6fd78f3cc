# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Says where the engine's time goes in each work, and writes benchmarks/profiles.md.

A sampling profiler looks from outside, a thousand times a second, at what the main thread is doing.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path, PurePath
from typing import Callable, Iterator, NamedTuple, Sequence

import contests
import removal
from bench import Servers, a_mariadb, machine, say
from sites import build

from helpers.servers import running

RESULTS = Path(__file__).parent / "profiles.md"
SHOWN = 12
# The engine's folder, and the room in it whose waiting is counted as that of who asked.
ENGINE, DATABASE = "_reconcile", "database"


# The jobs and the kinds of databases, by the shape of the tree.
_SCANS = {
    "sharded": [("orphans", "postgresql"), ("orphans", "mariadb"), ("missing", "mariadb")],
    "flat": [("missing", "postgresql")],
    "deep": [("missing", "postgresql")],
}


class Work(NamedTuple):
    """A job of the engine as a command, and what has to be made new for it."""

    name: str
    command: Sequence[str]
    prepare: Callable[[], object] = lambda: None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=200_000, help="files of a tree (%(default)s)")
    parser.add_argument("--folder", default=tempfile.gettempdir(), help="where to build (%(default)s)")
    options = parser.parse_args()
    parts = []
    with tempfile.TemporaryDirectory(prefix="media-cleanup-bench-", dir=options.folder) as folder, running(
        settings=()
    ) as server, a_mariadb() as mariadb:
        servers = (server.url, mariadb.url if mariadb else "")
        for work in _works(Path(folder), servers, options.size):
            work.prepare()
            parts.append(_part(work, Path(folder) / "samples"))
            say(parts[-1])
        facts = "\n".join(f"- {name}: {value}" for name, value in machine(*servers).items())
    RESULTS.write_text(_page(parts, facts, options.size))
    say(f"written to {RESULTS.relative_to(contests.REPOSITORY)}")


def _works(folder: Path, servers: Servers, size: int) -> Iterator[Work]:
    for shape, works in _SCANS.items():
        made = build(shape, size, folder, *servers)
        for job, kind in works:
            if kind in made.urls:
                name = contests.scan_name(job, size, shape, kind)
                yield Work(name, contests.engine(job, contests.job_options(job, made, kind)))
        shutil.rmtree(made.media_root)
    for contest in removal.contests(folder, servers[0], min(size, removal.MOST)):
        yield Work(contest.work, contest.contestants[-1].command, contest.before_each)


def _part(work: Work, samples: Path) -> str:
    spy = [str(Path(sys.executable).with_name("py-spy")), "record", "--rate", "1000", "--idle", "--threads"]
    done = subprocess.run(
        [*spy, "--format", "raw", "--output", str(samples), "--", *work.command],
        env=contests.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{work.name} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    own: Counter[str] = Counter()
    for line in samples.read_text().splitlines():
        stack, _space, count = line.rpartition(" ")
        _thread, *frames = stack.split(";")
        if frames and frames[0].startswith("<module>"):
            own[_at_work(frames)] += int(count)
    lines = [f"| {count / own.total():.0%} | {name} |" for name, count in own.most_common(SHOWN)]
    return "\n".join([f"## {work.name}", "", "| share | at work in |", "|--:|---|", *lines])


def _at_work(frames: Sequence[str]) -> str:
    """The innermost function of the engine, and for a database's answer the one that asked."""
    for frame in reversed(frames):
        # Such as ``LocalStore.remove (…/_reconcile/media/local.py:128)``.
        function, _space, place = frame.partition(" (")
        _before, in_engine, file = place.rpartition(":")[0].rpartition(f"{ENGINE}/")
        module = PurePath(file).with_suffix("")
        if in_engine and DATABASE not in module.parts and "<module>" not in function:
            return f"`{module}: {function.partition('.<locals>')[0]}`"
    return "Python's start, and imports"


def _page(parts: list[str], facts: str, size: int) -> str:
    body = "\n\n".join(parts)
    return f"""\
<!--
SPDX-License-Identifier: GPL-3.0-or-later
Copyright: (c) 2026, Django Media Cleanup contributors
-->

# Where the time goes

Made by `make profiles SIZE={size}`. A sampling profiler looks from outside, a thousand times a
second, at what the main thread is doing. What a function waits for, the disk or the database, counts as
its own time, and so do functions in C that it calls; what the server takes is with who asked. What was
tried to make it less is in [limits.md](limits.md).

{facts}

{body}
"""


if __name__ == "__main__":
    main()

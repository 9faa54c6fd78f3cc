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
_TRIED = """\
## What was tried for files and rows

Measured in processor time, each against what was there before.

Kept: directories on the way to the last one stay open, and are used again if their names still lead to
them (12,000 instead of 33,000 openat calls for the job missing over 1,000 folders). A folder that lost
files is looked into once (a tenth of that job). Rows are divided by their directories without a call for
each row (0.14 instead of 0.28 microseconds a row). SQLite gets keys in one transaction (66 instead of 112
microseconds for each file that is moved to the quarantine). Dependent rows are put into words only where
they are listed (a tenth of planning records with three dependent rows each).

Not kept: a directory whose link count says that it has no subdirectory needs no type of each entry for
them, but it does for symbolic links: what a link leads to is protected by who references the link, so a
name without a type would lose that. Larger buffers for the copy of the references: 0.01 of 0.04 s for
200,000 rows. Many references in one value, by string_agg: 0.03 s less in the engine for 200,000 rows, and a
second sort for the server.

Where the rest goes: of moving a file to the quarantine, the rename and the four looks at the file (in the
plan, for the manifest, before and after the move) are half; each of them is what a
promise needs at that moment. Of any run, 0.2 s are Python's start and imports. The sweep reads
each text of the database once, which the pipeline does not.

## What was tried for the removal and the return of files

Measured on ext4, in processor time, by turns with what was there before. The contest of the quarantine had
gone wrong since there is a sweep: it found the files in the other table of the site and kept them.

Kept: a restore syncs the directories to which files came back some dozens at a time, when their files are
back, and not after each file: 20,000 files took 6 s instead of 37 s on a busy machine, since the journal
writes the first directory and the others with it. It renames first and asks afterwards, where the name was
taken; an open directory is proven once; what is in the quarantine is known from one listing for each folder
of it; of all batches only the first lines are read to find the latest; whether rows were rolled back is
asked only where there are rows. So a file costs one look and one rename instead of seven looks, two
questions for its mount, a missing file of digests, a rename and a sync, and its line is parsed twice
instead of six times, in half the time. On its way out, a file is no longer asked for its mount: the open
directory is, once, and the kernel itself moves nothing that something is mounted on. Its line in the
manifest is put together without an encoder, and its state is compared without building another one.

Not done: to read the references again after a move only if the database proves that nothing was written,
as the sweep does. The reading also notices a referenced file that was replaced by a link meanwhile, as
tools do that look for duplicates."""
_COMPARED = """\
## What was tried for the comparison

Measured with real-time priority, since the machine was busy, on 1,000,000 sharded files without the
sweep. The pipeline takes 0.8 s on PostgreSQL and SQLite then, and 1.0 s on MariaDB.

Kept: a disk is listed by a process of its own. On PostgreSQL that is 1.54 instead of 1.65 s (medians of
seven), and 2.10 instead of 2.31 s of processors: each row of a COPY and each entry of a directory lets go
of Python's lock, so that two threads wait for each other. On SQLite (1.80 and 1.85 s) and MariaDB (2.23
and 2.18 s, medians of two) it changes nothing: there the sort, one long call, was beside the listing
before. Both processes together take 38 MiB at most, shared memory counted once. A walk asks of a regular
file nothing but that it is one (31 instead of 45 us for 1,000 entries, of which the kernel takes 290). A
sample of a column is read from SQLite without a copy (0.1 s, which it took to drop the copy of all
references).

Not kept: names sorted as text instead of bytes (49 instead of 75 us for 1,000 names, but 94 with both
conversions); a temporary journal in memory, which grows with the table; more threads, and a larger cache,
for SQLite's sort, which it made slower.

Where the rest goes, on PostgreSQL: imports and the session until 0.1 s; until 0.75 s both processors are
busy, one with the listing (0.6 s, half of it the kernel's), one with the server's sort and its COPY; then
0.4 s for what is compared and 10,000 candidates that are looked at, which nothing runs beside; then 0.3 s
to ask for these once more and to plan them. The pipeline looks at none of them again. On SQLite asking
once more is 0.3 s alone. The job missing (2.65 s, where the pipeline takes 0.84) reads the references,
then each directory, and for files that were moved the whole store once more."""
_ROWS = """\
## What was tried for rows that go and come back

Measured in processor time beside other work, old and new in turns; the server's time is in it.

Kept: dependent rows are handed on in lists, and those that were read and locked are not counted once more
before they go (12.4 instead of 15.2 s for 99,000 records with three dependent rows each). Where a foreign
key references the primary key, PostgreSQL joins keys with dependent rows and does not look the records up
in between (10,000 keys: 18 instead of 37 ms to read, 23 instead of 48 to lock, 26 instead of 60 to delete;
5.6 instead of 7.8 s of the server for the whole). A missing file has no age and does not go with its
record, which are two looks fewer in a plan, and one fewer when its row goes. Records are not read again
where no column of theirs is shown. A search for moved files holds the paths of five chunks of records, and
not their records any more (68 instead of 93 MiB). Rows of one table are restored together: 30,000 inserted
rows and 10,000 cleared ones took 1.8 instead of 23.4 s, COPY 0.2 s. Archived rows are read in one go
instead of by an open file for each.

Not kept: a larger threshold of the garbage collector (no difference in 5.2 s). Keys as an array with = ANY
instead of a join read 10,000 rows in 9 ms and deleted them in 8, but compare by the type of the foreign key
only, and give back the value of the dependent row in place of the record's key. DELETE ... RETURNING in
place of a locked read and a deletion: 50 instead of 23 + 26 ms. Keys in a temporary table were not tried.

Where the rest goes: the check of foreign keys at the commit and the change of the dependent rows are half
of the server's time, and the same by hand. The digest of each dependent row is a twelfth of the engine's
time. A restore reads each archived row several times, and a third of its time is JSON."""
_ON_MARIADB = """\
## What MariaDB takes, and psycopg 3

The engine's own process takes there what it takes on PostgreSQL: mysqlclient hands a row over in a tenth of
a microsecond. The rest is the server's. It sends 1,000,000 references as they lie in 0.35 s, and sorted by
their bytes in 0.9 s; the pipeline gets them unsorted, and sorts in a process that is made for nothing else.
In its place were tried, and took as long or longer: larger and smaller buffers for the sort, a shorter sort
key, a collation that compares bytes, a sort in the engine's process. Many references in one value, by
GROUP_CONCAT, cost the server more than they spare the driver. What did help: no conversion of columns that
are in UTF-8, which was a sixth of the sort.

Each fresh look at the references reads the whole table (0.4 s of 1,000,000 rows), since the usual indexes
are of a collation in which other names are equal. So 10,000 candidates are asked for at once, by literals:
a table of keys took four times as long, and a comparison of checksums before that of the paths as long. The
sweep reads each text once more, and the pipeline nothing twice. PyMySQL, which is written in Python, takes
two microseconds more for a row.

psycopg 3 takes 0.15 s more than psycopg2 to be imported, whatever the size of the site, and about as much
more for the 600,000 rows that a run over 200,000 files reads."""


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
its own time, and so do functions in C that it calls; what the server takes is with who asked.

{facts}

{body}

{_TRIED}

{_COMPARED}

{_ROWS}

{_ON_MARIADB}
"""


if __name__ == "__main__":
    main()

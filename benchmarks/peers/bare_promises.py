# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""The least that the promises of a quarantine cost: bare_promises.py MEDIA_ROOT TARGET URL.

The same listing, looks at files, questions to the database, lines and syncs as the engine's, in the same
order, and nothing else: no spelling, link, age, folder without a reference, mention or error is judged.
"""

from __future__ import annotations

import io
import json
import os
import sys
from pathlib import Path
from typing import Iterator

import psycopg2
from in_folders import in_their_folders, opened

AT_ONCE = 10_000

media_root, target, url = sys.argv[1:]
connection = psycopg2.connect(url)
connection.autocommit = True
cursor = connection.cursor()


def references() -> list[str]:
    """All of them, sorted by the server."""
    read = io.StringIO()
    cursor.copy_expert('COPY (SELECT image FROM photo ORDER BY image COLLATE "C") TO STDOUT', read)
    return read.getvalue().split("\n")


def require_unreferenced(paths: list[str]) -> None:
    cursor.execute("SELECT count(*) FROM photo WHERE image = ANY(%s)", [paths])
    if cursor.fetchone() != (0,):
        raise SystemExit("a file is referenced by now")


def listed() -> Iterator[str]:
    for folder, _folders, names in os.walk(media_root):
        prefix = os.path.relpath(folder, media_root)
        yield from (f"{prefix}/{name}" for name in names)


def looked_at(paths: list[str]) -> Iterator[tuple[int, str, os.stat_result]]:
    """Each file with the descriptor of its folder, its name in it, and its status."""
    for here, name in in_their_folders(media_root, paths):
        yield here, name, os.stat(name, dir_fd=here, follow_symlinks=False)


def written(file: io.TextIOWrapper, lines: Iterator[str]) -> None:
    file.writelines(lines)
    file.flush()
    os.fsync(file.fileno())


orphans = sorted({*listed()}.difference(references()))
chunks = [orphans[start : start + AT_ONCE] for start in range(0, len(orphans), AT_ONCE)]
planned = []
for some in chunks:
    planned.append([status.st_ctime_ns for _here, _name, status in looked_at(some)])
    require_unreferenced(some)
# The search of all texts reads each of them once.
references()
there = opened(target)
moved = 0
with open(Path(target) / "manifest", "w") as manifest:
    for some, times in zip(chunks, planned):
        marks = zip(some, looked_at(some))
        written(manifest, (json.dumps([path, *status]) + "\n" for path, (_here, _name, status) in marks))
        require_unreferenced(some)
        for (here, name, status), ctime_ns in zip(looked_at(some), times):
            if status.st_ctime_ns != ctime_ns:
                raise SystemExit("a file has changed")
            os.rename(name, f"{moved:09}", src_dir_fd=here, dst_dir_fd=there)
            if os.stat(f"{moved:09}", dir_fd=there, follow_symlinks=False).st_ino != status.st_ino:
                raise SystemExit("another file was moved")
            moved += 1
        os.fsync(there)
        references()
        require_unreferenced(some)
        written(manifest, iter([f"{moved}\n"]))
print(moved)

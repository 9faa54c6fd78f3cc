# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The quarantine: what a run removes is kept in a batch, from which it can be brought back.

A batch is one private folder below the quarantine:

- ``manifest.jsonl``: a first line about the run, then a line for each file. A line is on disk
  before its file moves, so that every file in the batch is accounted for after a crash too. A last
  line says so if the deletion of the rows was rolled back.
- ``files/``: the files, by the numbers that the manifest gives them. Names from the media tree,
  however long or hostile, are only ever data in here.
- ``rows.jsonl``: the removed and changed rows, on disk before the database commits.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import time
from contextlib import contextmanager, suppress
from typing import IO, Any, Iterable, Iterator, NamedTuple, Sequence

from ..config.site import Site
from ..errors import CleanupError, QuarantineError, SiteError
from ..locks import lock
from ..text import escaped
from .format import MANIFEST, ROWS, ArchivedRows, _lines, archived, as_path, as_text, has, manifest

_BATCH = re.compile(r"\d{8}T\d{6}Z-[a-z]+-[0-9a-f]+(-\d+)?")


class BatchInfo(NamedTuple):
    """What is known of a batch without touching it."""

    name: str
    job: str
    site: str
    media_root: str
    moment: float
    files: int
    bytes: int
    rows: int


# Reading, listing, purging.


def batches(quarantine: bytes) -> list[BatchInfo]:
    """All batches, the oldest first. Raises SiteError if the quarantine cannot be read."""
    return survey(quarantine)[0]


def survey(quarantine: bytes) -> tuple[list[BatchInfo], list[str]]:
    """All batches, the oldest first, and what is wrong with those that cannot be read."""
    found, odd = [], []
    for name in _names(quarantine):
        folder = os.path.join(os.fsdecode(quarantine), name)
        if not os.path.exists(os.path.join(folder, MANIFEST)):
            continue
        try:
            found.append(_info(folder))
        except CleanupError as error:
            odd.append(str(error))
    return sorted(found, key=lambda info: (info.moment, info.name)), odd


def _names(quarantine: bytes) -> list[str]:
    try:
        return sorted(name for name in os.listdir(os.fsdecode(quarantine)) if name[0] != ".")
    except FileNotFoundError:
        return []
    except OSError as error:
        raise SiteError(
            f"the quarantine '{escaped(quarantine)}' cannot be listed: {error.strerror}. "
            "Run as the user who owns it."
        ) from None


def _info(folder: str) -> BatchInfo:
    header, kept = manifest(folder)
    files = size = 0
    for file in kept:
        if has(folder, file):
            files += 1
            size += file.size
    return BatchInfo(
        os.path.basename(folder),
        str(header.get("job", "")),
        str(header.get("site", "")),
        escaped(as_path(str(header.get("media_root", "")))),
        float(header.get("moment", 0.0)),
        files,
        size,
        sum(1 for _row in archived(folder)),
    )


def last_file_system(site: Site) -> int:
    """The file system of the media root when the newest batch was taken from it; 0 if none was."""
    if site.quarantine is None:
        return 0
    folder = os.fsdecode(site.quarantine)
    # Their first lines tell it; to survey them would mean to look at every file in quarantine.
    headers = (next(_lines(os.path.join(folder, name, MANIFEST)), {}) for name in _names(site.quarantine))
    ours = [header for header in headers if header.get("media_root") == as_text(site.media_root)]
    newest = max(ours, key=lambda header: float(header.get("moment", 0.0)), default={})
    return int(newest.get("file_system", 0))


def paths_in(quarantine: bytes, name: str) -> Iterator[str]:
    """All paths that a batch holds as a file or that its rows name, as results show them."""
    folder = batch_folder(quarantine, name)
    yield from (escaped(kept.path) for kept in manifest(folder)[1] if has(folder, kept))
    yield from (escaped(as_path(path)) for row in archived(folder) for path in row["files"])


def batch_folder(quarantine: bytes, name: str) -> str:
    """The folder of a batch. Raises SiteError if there is none of that name."""
    folder = os.path.join(os.fsdecode(quarantine), name)
    if "/" in name or name.startswith(".") or not os.path.isfile(os.path.join(folder, MANIFEST)):
        known = ", ".join(info.name for info in batches(quarantine)[-5:]) or "none"
        raise SiteError(
            f"there is no batch {name!r} in the quarantine '{escaped(quarantine)}'. The newest: {known}."
        )
    return folder


def purge(
    quarantine: bytes,
    name: str | None,
    older_than_days: int | None,
    check: bool,
    media_root: bytes | None = None,
) -> list[BatchInfo]:
    """Delete batches for good: one by its name, or all that are older; returns which.

    With ``media_root``, only those that were taken from there. The age counts from the removal. A
    batch that is half deleted is no longer taken for one.
    """
    if name is not None:
        batch_folder(quarantine, name)
    oldest = time.time() - (older_than_days or 0) * 86400
    doomed = [
        info
        for info in batches(quarantine)
        if (name is None or info.name == name)
        and (older_than_days is None or info.moment <= oldest)
        and (media_root is None or info.media_root == escaped(media_root))
    ]
    if not check and (doomed or _remains(quarantine)):
        with locked(quarantine):
            for info in doomed:
                _delete(quarantine, info.name)
            for folder in _remains(quarantine):
                with in_words():
                    shutil.rmtree(folder)
    return doomed


def _remains(quarantine: bytes) -> list[str]:
    """What was left by a purge that was killed, or by a run that was before it took anything."""
    folder = os.fsdecode(quarantine)
    with suppress(FileNotFoundError):
        paths = [os.path.join(folder, name) for name in os.listdir(folder)]
        return [path for path in paths if os.path.basename(path).startswith(".purging-") or _is_stub(path)]
    return []


def _is_stub(folder: str) -> bool:
    """Whether it is a batch without a first line, and without anything that could be lost with it."""
    if not _BATCH.fullmatch(os.path.basename(folder)) or not os.path.isdir(folder):
        return False
    if next(_lines(os.path.join(folder, MANIFEST)), None) is not None:
        return False
    inside = [name for _top, _directories, names in os.walk(folder) for name in names]
    return not [name for name in inside if name != MANIFEST]


@contextmanager
def in_words() -> Iterator[None]:
    """Turn an error of the quarantine's disk into one for people."""
    try:
        yield
    except OSError as error:
        raise QuarantineError(
            f"the quarantine could not be worked on: {error.strerror}. What is in it stays there."
        ) from None


def _delete(quarantine: bytes, name: str) -> None:
    doomed = os.path.join(os.fsdecode(quarantine), f".purging-{name}")
    try:
        os.rename(batch_folder(quarantine, name), doomed)
        shutil.rmtree(doomed)
    except OSError as error:
        raise QuarantineError(f"batch {name} could not be purged whole: {error.strerror}.") from None


def forget(folder: str, rows: ArchivedRows, back: Sequence[int]) -> None:
    """Leave in a batch only the rows that are not back; an empty batch goes."""
    path = os.path.join(folder, ROWS)
    if not all(back):
        with writing():
            with created(f"{path}.new") as file:
                write_lines(file, (row for row, is_back in zip(rows, back) if not is_back))
            os.replace(f"{path}.new", path)
        return
    with suppress(FileNotFoundError):
        os.unlink(path)
    _header, files = manifest(folder)
    if not any(has(folder, kept) for kept in files):
        shutil.rmtree(folder)


# Pieces.


@contextmanager
def locked(quarantine: bytes) -> Iterator[None]:
    """Keep other runs out of the quarantine; raises BusyError if one is in it."""
    prepare(quarantine)
    with in_words():
        handle = os.open(quarantine, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        lock(handle, f"the quarantine '{escaped(quarantine)}'")
        yield
    finally:
        os.close(handle)


def prepare(quarantine: bytes) -> None:
    shown = escaped(quarantine)
    try:
        _make_directory(quarantine, 0o700)
        status = os.lstat(quarantine)
    except OSError as error:
        raise QuarantineError(
            f"the quarantine '{shown}' cannot be made: {error.strerror}. Nothing was removed."
        ) from None
    if not stat.S_ISDIR(status.st_mode):
        raise QuarantineError(f"the quarantine '{shown}' is not a directory. Nothing was removed.")
    if stat.S_IMODE(status.st_mode) & 0o022:
        raise QuarantineError(
            f"the quarantine '{shown}' can be written by others (mode {stat.S_IMODE(status.st_mode):o}). "
            "Make it private (chmod 700). Nothing was removed."
        )


def _make_directory(path: bytes, mode: int = 0o777) -> None:
    """Make a directory that is missing, with those above it, so that it survives a power failure."""
    try:
        os.mkdir(path, mode)
    except FileExistsError:
        return
    except FileNotFoundError:
        _make_directory(os.path.dirname(path))
        os.mkdir(path, mode)
    sync(os.path.dirname(path))


def sync(directory: bytes | str) -> None:
    """Make what was made in a directory survive a power failure."""
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def new_folder(quarantine: bytes, name: str) -> str:
    for number in range(100):
        folder = os.path.join(os.fsdecode(quarantine), f"{name}-{number}" if number else name)
        try:
            os.mkdir(folder, 0o700)
            sync(quarantine)
        except FileExistsError:
            continue
        except OSError as error:
            raise QuarantineError(
                f"the quarantine '{escaped(quarantine)}' takes no batch: {error.strerror}. "
                "Nothing was removed."
            ) from None
        return folder
    raise QuarantineError(f"the quarantine '{escaped(quarantine)}' holds a hundred batches {name} already.")


def created(path: str) -> IO[bytes]:
    return open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600), "wb")


@contextmanager
def writing() -> Iterator[None]:
    """Turn a full or failing disk into words; what is not safely kept is not removed."""
    try:
        yield
    except OSError as error:
        raise QuarantineError(
            f"the quarantine could not be written to: {error.strerror}. What is not safely kept is not "
            "removed."
        ) from None


def write_lines(file: IO[bytes], lines: Iterable[dict[str, Any]]) -> None:
    for line in lines:
        file.write(json.dumps(line).encode() + b"\n")
    file.flush()
    os.fsync(file.fileno())

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

import fcntl
import json
import os
import re
import shutil
import stat
import time
from array import array
from contextlib import contextmanager, suppress
from itertools import islice
from typing import IO, Any, Iterable, Iterator, NamedTuple, Sequence

from ..config.site import Site
from ..errors import BusyError, CleanupError, QuarantineError, SiteError
from ..media.paths import escaped

MANIFEST, FILES, ROWS = "manifest.jsonl", "files", "rows.jsonl"
FORMAT = 1
ROLLED_BACK = {"rows": "rolled back"}
_BATCH = re.compile(r"\d{8}T\d{6}Z-[a-z]+-[0-9a-f]+(-\d+)?")
# Files in one folder of a batch.
_FOLDER = 10_000


class KeptFile(NamedTuple):
    """A line of the manifest: a file as it was in the media tree."""

    number: int
    path: bytes
    size: int
    mtime_ns: int
    atime_ns: int
    uid: int
    gid: int
    mode: int
    reason: str

    def as_json(self) -> dict[str, Any]:
        return {**self._asdict(), "path": as_text(self.path)}

    @property
    def stored(self) -> str:
        return stored_name(self.number)


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


def as_text(path: bytes) -> str:
    """A path as JSON can carry it, every byte of it."""
    return path.decode("utf-8", "surrogateescape")


def as_path(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def stored_name(number: int) -> str:
    return f"{number // _FOLDER:05d}/{number:09d}"


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


def manifest(folder: str) -> tuple[dict[str, Any], Iterator[KeptFile]]:
    """The first line of a batch's manifest, and its files. Raises CleanupError if it has no such line."""
    lines = _lines(os.path.join(folder, MANIFEST))
    header = next(lines, None)
    if header is None:
        raise QuarantineError(
            f"batch {os.path.basename(folder)} was left by a run that was killed at its beginning, before it "
            "took anything. The next purge removes it."
        )
    if header.get("format") != FORMAT:
        raise SiteError(
            f"batch {os.path.basename(folder)} has the format {header.get('format')!r}, this release "
            f"reads {FORMAT}. Use the release that wrote it."
        )
    files = (line for line in lines if line != ROLLED_BACK)
    return header, (KeptFile(**{**line, "path": as_path(line["path"])}) for line in files)


def has_rows(folder: str) -> bool:
    """Whether the rows that are listed in a batch have gone."""
    return ROLLED_BACK not in _lines(os.path.join(folder, MANIFEST))


def archived(folder: str) -> Iterator[dict[str, Any]]:
    """The rows of a batch, one after the other; none if they have not gone."""
    return _lines(os.path.join(folder, ROWS)) if has_rows(folder) else iter(())


class ArchivedRows:
    """The rows of a batch by their numbers: memory holds where each begins, however many they are.

    All are read once at the beginning: raises QuarantineError if a line is broken.
    """

    def __init__(self, folder: str) -> None:
        self._path = os.path.join(folder, ROWS)
        self._starts = array("Q")
        start = 0
        for line in _whole_lines(self._path) if has_rows(folder) else ():
            _read(self._path, line)
            self._starts.append(start)
            start += len(line)

    def __len__(self) -> int:
        return len(self._starts)

    def __getitem__(self, number: int) -> dict[str, Any]:
        with open(self._path, "rb") as file:
            file.seek(self._starts[number])
            return _read(self._path, file.readline())

    def __iter__(self) -> Iterator[dict[str, Any]]:
        # None at all, where those that are listed have not gone.
        return islice(_lines(self._path), len(self))


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


def has(folder: str, kept: KeptFile) -> bool:
    """Whether a file of the manifest is in the batch."""
    return os.path.lexists(os.path.join(folder, FILES, kept.stored))


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


def lock(handle: int, what: str) -> None:
    """Take the lock of a directory without waiting; it is let go when the handle is closed."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise BusyError(f"{what} is in use by another run{_holder(handle)}. Try again later.") from None


def _holder(handle: int) -> str:
    """The process that holds the lock, as far as the kernel tells."""
    status = os.fstat(handle)
    place = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
    with suppress(OSError), open("/proc/locks") as locks:
        for line in locks:
            fields = line.split()
            if "FLOCK" in fields and place in fields:
                return f" (process {fields[fields.index(place) - 1]})"
    return ""


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


def _lines(path: str) -> Iterator[dict[str, Any]]:
    return (_read(path, line) for line in _whole_lines(path))


def _whole_lines(path: str) -> Iterator[bytes]:
    try:
        with open(path, "rb") as file:
            # A crash can cut the last line short; nothing was moved on its account.
            yield from (line for line in file if line.endswith(b"\n"))
    except (FileNotFoundError, NotADirectoryError):
        return


def _read(path: str, line: bytes) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise QuarantineError(
            f"'{escaped(os.fsencode(path))}' holds a line that is no JSON object, as after a damage of the "
            "disk. The files of the batch are beside it, in the folder files."
        )
    return found

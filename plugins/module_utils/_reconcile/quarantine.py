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

import errno
import fcntl
import json
import os
import re
import shutil
import socket
import stat
import time
from contextlib import contextmanager, suppress
from typing import IO, Any, Iterable, Iterator, NamedTuple, Sequence

from .copies import copy, copy_over, is_same_file, require_same, set_marks
from .errors import BusyError, CleanupError, QuarantineError, SiteError
from .outcome import Taker
from .plan import counted
from .site import Site
from .spelling import escaped
from .tree import Changed, FileState, MediaTree, NotFollowed

MANIFEST, FILES, ROWS = "manifest.jsonl", "files", "rows.jsonl"
_FORMAT = 1
_ROLLED_BACK = {"rows": "rolled back"}
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


class Batch(Taker):
    """A batch that is being filled; also the place that takes the files of a run."""

    def __init__(self, site: Site, job: str, plan_id: str, file_system: int) -> None:
        quarantine = site.quarantine or b""
        _prepare(quarantine)
        self.name = f"{plan_id.partition('-')[0]}-{job}-{plan_id.partition('-')[2][:8]}"
        self._folder = _new_folder(quarantine, self.name)
        self.name = os.path.basename(self._folder)
        self._number = 0
        self._announced: dict[bytes, KeptFile] = {}
        self._obstacles: dict[bytes, Exception] = {}
        self._without_attributes = 0
        # Handles of the folders that took files since these were last made to last.
        self._places: dict[int, int] = {}
        self._has_files = False
        self._rows: IO[bytes] | None = None
        header = {
            "format": _FORMAT,
            "batch": self.name,
            "plan_id": plan_id,
            "job": job,
            "site": site.name,
            "media_root": as_text(site.media_root),
            "file_system": file_system,
            "moment": time.time(),
            "host": socket.gethostname(),
        }
        with _writing():
            self._handle = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            self._manifest = _create(os.path.join(self._folder, MANIFEST))
            os.mkdir(FILES, 0o700, dir_fd=self._handle)
            _write_lines(self._manifest, [header])
            os.fsync(self._handle)

    def close(self) -> None:
        """Let the handles go; a batch that kept nothing leaves no trace."""
        self._leave_places()
        os.close(self._handle)
        for file in (self._manifest, self._rows):
            # What a full disk kept from being written was told when it was written.
            with suppress(OSError):
                if file:
                    file.close()
        if not self._has_files and not self._rows:
            shutil.rmtree(self._folder)
            self.name = ""

    def announce(self, tree: MediaTree, files: Iterable[tuple[bytes, str]]) -> None:
        """Write down which files are about to come, and why; returns when that is on disk."""
        self._announced, self._obstacles = {}, {}
        for path, reason in files:
            try:
                handle, name = tree.parent_of(path)
                status = os.stat(name, dir_fd=handle, follow_symlinks=False)
            except FileNotFoundError:
                continue
            except (OSError, NotFollowed) as error:
                self._obstacles[path] = error
                continue
            self._announced[path] = KeptFile(
                self._number,
                path,
                status.st_size,
                status.st_mtime_ns,
                status.st_atime_ns,
                status.st_uid,
                status.st_gid,
                stat.S_IMODE(status.st_mode),
                reason,
            )
            self._number += 1
        with _writing():
            _write_lines(self._manifest, [kept.as_json() for kept in self._announced.values()])

    def take(self, tree: MediaTree, path: bytes, state: FileState) -> None:
        """Move a file in here. Raises Changed if it is not the one that was looked at."""
        if path in self._obstacles:
            raise self._obstacles[path]
        kept = self._announced.get(path)
        if kept is None:
            raise Changed("it was gone already")
        place = self._place(kept.number)
        name = f"{kept.number:09d}"
        handle, source = tree.parent_of(path)
        require_same(handle, source, state)
        try:
            os.rename(source, name, src_dir_fd=handle, dst_dir_fd=place)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            self._without_attributes += not copy_over(handle, source, place, name, state, kept.atime_ns)
            return
        _verify_moved(handle, source, place, name, state)

    def settle(self) -> None:
        """Make what was moved in here survive a power failure."""
        with _writing():
            for handle in self._places.values():
                os.fsync(handle)
        self._leave_places()

    def _leave_places(self) -> None:
        for handle in self._places.values():
            os.close(handle)
        self._places = {}

    def archive(self, rows: Iterable[dict[str, Any]]) -> None:
        """Write rows down; returns when they are on disk."""
        with _writing():
            if self._rows is None:
                self._rows = _create(os.path.join(self._folder, ROWS))
                os.fsync(self._handle)
            _write_lines(self._rows, rows)

    @property
    def notes(self) -> list[str]:
        if not self._without_attributes:
            return []
        return [
            f"of {counted(self._without_attributes, 'file')}, not all extended attributes or ACLs are kept, "
            "because the quarantine's file system does not take them. Choose a place beside the media root."
        ]

    def roll_back(self) -> None:
        """Mark the batch: it lists rows that never went, and no file was touched."""
        if self._rows:
            # Without the mark, a restore finds the rows in their place, and says so.
            with suppress(CleanupError), _writing():
                _write_lines(self._manifest, [_ROLLED_BACK])
            self.name = ""

    def _place(self, number: int) -> int:
        folder = number // _FOLDER
        if folder not in self._places:
            path = os.path.join(self._folder, FILES, f"{folder:05d}")
            # It is there where it could be made and then not be opened.
            with suppress(FileExistsError):
                os.mkdir(path, 0o700)
            _sync(os.path.dirname(path))
            self._has_files = True
            self._places[folder] = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        return self._places[folder]


def _verify_moved(handle: int, source: bytes, place: int, name: str, state: FileState) -> None:
    """Put back what was exchanged between the last look and the move; a move sets the ctime."""
    moved = FileState.of(os.stat(name, dir_fd=place, follow_symlinks=False))
    if moved[:-1] == state[:-1]:
        return
    if moved.kind == "directory":
        # It cannot be linked; a rename of a directory replaces an empty directory at most.
        os.rename(name, source, src_dir_fd=place, dst_dir_fd=handle)
        raise Changed("a directory came into its place at the last moment")
    try:
        os.link(name, source, src_dir_fd=place, dst_dir_fd=handle, follow_symlinks=False)
    except FileExistsError:
        raise Changed("it was exchanged at the last moment; what was moved is in quarantine") from None
    os.unlink(name, dir_fd=place)
    raise Changed("another file came into its place at the last moment")


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
    if header.get("format") != _FORMAT:
        raise SiteError(
            f"batch {os.path.basename(folder)} has the format {header.get('format')!r}, this release "
            f"reads {_FORMAT}. Use the release that wrote it."
        )
    files = (line for line in lines if line != _ROLLED_BACK)
    return header, (KeptFile(**{**line, "path": as_path(line["path"])}) for line in files)


def archived(folder: str) -> Iterator[dict[str, Any]]:
    """The rows of a batch; none if they have not gone."""
    if _ROLLED_BACK in _lines(os.path.join(folder, MANIFEST)):
        return iter(())
    return _lines(os.path.join(folder, ROWS))


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


# Bringing back.


def put_back(folder: str, kept: KeptFile, tree: MediaTree) -> None:
    """Bring one file back to its place, unless a file is there; missing directories are made.

    Raises FileExistsError if another file has come into its place, and OSError or a
    CleanupError if it could not be done; the file is in quarantine then as before.
    """
    place = os.open(os.path.join(folder, FILES), os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    temporary = b".restoring-%s-%d" % (os.path.basename(os.fsencode(folder)), kept.number)
    try:
        handle, name = tree.parent_of(kept.path, create=True)
        try:
            os.link(kept.stored, name, src_dir_fd=place, dst_dir_fd=handle, follow_symlinks=False)
        except FileExistsError:
            if not is_same_file(place, kept.stored, handle, name):
                raise
            with suppress(FileNotFoundError):
                os.unlink(temporary, dir_fd=handle)
        except OSError as error:
            # Another file system, or one without hard links.
            if error.errno not in (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP):
                raise
            _copy_back(place, kept, handle, name, temporary)
        os.fsync(handle)
        os.unlink(kept.stored, dir_fd=place)
    finally:
        os.close(place)


def _copy_back(place: int, kept: KeptFile, handle: int, name: bytes, temporary: bytes) -> None:
    # One restore is at work, as the locks see to: what has this name is left from a killed one.
    with suppress(FileNotFoundError):
        os.unlink(temporary, dir_fd=handle)
    try:
        status = os.stat(kept.stored, dir_fd=place, follow_symlinks=False)
        copy(place, kept.stored, handle, temporary, FileState.of(status))
        # As the stored file is: the manifest alone could make anything of it.
        set_marks(handle, temporary, status)
        os.link(temporary, name, src_dir_fd=handle, dst_dir_fd=handle, follow_symlinks=False)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(temporary, dir_fd=handle)


def has(folder: str, kept: KeptFile) -> bool:
    """Whether a file of the manifest is in the batch."""
    return os.path.lexists(os.path.join(folder, FILES, kept.stored))


def forget(folder: str, left: Sequence[dict[str, Any]]) -> None:
    """Leave in a batch only the rows that are not back; an empty batch goes."""
    path = os.path.join(folder, ROWS)
    if left:
        with _writing():
            with _create(f"{path}.new") as file:
                _write_lines(file, left)
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
    _prepare(quarantine)
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


def _prepare(quarantine: bytes) -> None:
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
    _sync(os.path.dirname(path))


def _sync(directory: bytes | str) -> None:
    """Make what was made in a directory survive a power failure."""
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _new_folder(quarantine: bytes, name: str) -> str:
    for number in range(100):
        folder = os.path.join(os.fsdecode(quarantine), f"{name}-{number}" if number else name)
        try:
            os.mkdir(folder, 0o700)
            _sync(quarantine)
        except FileExistsError:
            continue
        except OSError as error:
            raise QuarantineError(
                f"the quarantine '{escaped(quarantine)}' takes no batch: {error.strerror}. "
                "Nothing was removed."
            ) from None
        return folder
    raise QuarantineError(f"the quarantine '{escaped(quarantine)}' holds a hundred batches {name} already.")


def _create(path: str) -> IO[bytes]:
    return open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600), "wb")


@contextmanager
def _writing() -> Iterator[None]:
    """Turn a full or failing disk into words; what is not safely kept is not removed."""
    try:
        yield
    except OSError as error:
        raise QuarantineError(
            f"the quarantine could not be written to: {error.strerror}. What is not safely kept is not "
            "removed."
        ) from None


def _write_lines(file: IO[bytes], lines: Iterable[dict[str, Any]]) -> None:
    for line in lines:
        file.write(json.dumps(line).encode() + b"\n")
    file.flush()
    os.fsync(file.fileno())


def _lines(path: str) -> Iterator[dict[str, Any]]:
    try:
        with open(path, "rb") as file:
            for line in file:
                # A crash can cut the last line short; nothing was moved on its account.
                if line.endswith(b"\n"):
                    yield _line(path, line)
    except (FileNotFoundError, NotADirectoryError):
        return


def _line(path: str, line: bytes) -> dict[str, Any]:
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

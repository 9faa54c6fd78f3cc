# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The quarantine: lists and opens the batches in which runs keep what they remove."""

from __future__ import annotations

import json
import re
from contextlib import ExitStack, contextmanager, suppress
from typing import Any, Iterable, Iterator, NamedTuple, Sequence

from ..config.site import Site
from ..errors import CleanupError, QuarantineError, SiteError
from ..media.private_folder import NewFile, PrivateFolder
from ..text import escaped, remedy
from .archived_rows import ArchivedRows
from .format import MANIFEST, PINNED, ROWS, Batch, as_path, as_text, stored_in
from .lines import LONGEST_LINE
from .place import Place, make_folder, open_folder, place_of, shown

# What may be said instead of the name of a batch.
LATEST = "latest"

_QUARANTINE = "the quarantine"
# Before the name of a batch: a file that marks it as one that is being purged.
PURGING = ".purging-"
BATCH_NAME = re.compile(r"\d{8}T\d{6}Z-[a-z]+-[0-9a-f]+(-\d+)?")


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
    pinned: bool


# Listing.


def batches(quarantine: Place) -> list[BatchInfo]:
    """All batches, the oldest first. Raises CleanupError if the quarantine cannot be read."""
    return survey(quarantine)[0]


def survey(quarantine: Place) -> tuple[list[BatchInfo], list[str]]:
    """All batches, the oldest first, and what is wrong with those that cannot be read."""
    with opened_if_there(quarantine) as folder:
        return survey_of(folder) if folder else ([], [])


def survey_of(quarantine: PrivateFolder) -> tuple[list[BatchInfo], list[str]]:
    """The same of an open quarantine."""
    found, unreadable = [], []
    for name in _names(quarantine):
        try:
            with in_words():
                batch = _batch_of(quarantine, name)
                if batch is not None:
                    with batch:
                        found.append(_info(batch))
        except CleanupError as error:  # noqa: PERF203
            unreadable.append(str(error))
    return sorted(found, key=lambda info: _order(info.name, info.moment)), unreadable


@contextmanager
def opened_if_there(quarantine: Place) -> Iterator[PrivateFolder | None]:
    """The quarantine for reading; None if there is none yet. Raises SiteError if it cannot be read."""
    with ExitStack() as stack:
        folder = None
        try:
            folder = stack.enter_context(open_folder(quarantine, _QUARANTINE))
        except OSError as error:
            if not isinstance(error, FileNotFoundError):
                raise _unreadable(quarantine, error) from None
        yield folder


def _names(quarantine: PrivateFolder) -> list[str]:
    try:
        names = frozenset(quarantine.names())
    except OSError as error:
        raise _unreadable(quarantine.path, error) from None
    return sorted(name for name in names if name[0] != "." and f"{PURGING}{name}" not in names)


def _unreadable(quarantine: Place, error: OSError) -> SiteError:
    owner = "Run as the user who owns it."
    advice = owner if isinstance(error, PermissionError) else "Set quarantine to another place."
    return SiteError(f"the quarantine '{shown(quarantine)}' cannot be listed: {error.strerror}. {advice}")


def _batch_of(quarantine: PrivateFolder, name: str) -> Batch | None:
    """Open a batch; None if it is none. Raises QuarantineError for what has the name of one and is none."""
    try:
        folder = quarantine.folder(name)
    except FileNotFoundError:
        return None
    except OSError as error:
        if isinstance(error, NotADirectoryError) and not BATCH_NAME.fullmatch(name):
            return None
        raise QuarantineError(f"batch {name} cannot be opened: {error.strerror}. It is kept.") from None
    batch = Batch(quarantine, folder, name)
    with ExitStack() as unless_kept:
        unless_kept.push(batch)
        if folder.has(MANIFEST):
            unless_kept.pop_all()
            return batch
    return None


def _info(batch: Batch) -> BatchInfo:
    header, named = batch.manifest()
    files = size = 0
    for file in batch.present(named):
        files += 1
        size += file.size
    return BatchInfo(
        batch.name,
        str(header.get("job", "")),
        str(header.get("site", "")),
        escaped(as_path(str(header.get("media_root", "")))),
        float(header.get("moment", 0.0)),
        files,
        size,
        sum(1 for _row in batch.rows()),
        batch.folder.has(PINNED),
    )


def latest(quarantine: Place, media_root: bytes) -> str:
    """The newest batch that was taken from a media root. Raises SiteError if there is none."""
    with opened_if_there(quarantine) as folder:
        # Their first lines say it; a survey would look at every file in quarantine.
        found = [
            _order(batch.name, float(header.get("moment", 0.0)))
            for batch, header in (_readable(folder) if folder else ())
            if header.get("media_root") == as_text(media_root)
        ]
    if not found:
        raise SiteError(
            f"the quarantine '{shown(quarantine)}' holds no batch that was taken from "
            f"'{escaped(media_root)}', so there is no latest one."
        )
    return max(found)[-1]


def _order(name: str, moment: float) -> tuple[float, int, str]:
    """By what batches are sorted: of two in one moment, the later has a number at its end, -10 after -2."""
    return moment, len(name), name


def last_file_system(site: Site) -> int:
    """The file system of the media root when the newest batch was made; 0 if there is no batch."""
    if site.quarantine is None:
        return 0
    with opened_if_there(place_of(site)) as folder:
        # Their first lines say it; a survey would check every file in quarantine.
        headers = [header for _batch, header in _readable(folder)] if folder else []
    ours = [header for header in headers if header.get("media_root") == as_text(site.media_root)]
    newest = max(ours, key=lambda header: float(header.get("moment", 0.0)), default={})
    return int(newest.get("file_system", 0))


def batches_of(site: Site) -> Iterator[Batch]:
    """The batches that were taken from a site's media root, each open until the next; not damaged ones."""
    if site.quarantine is None:
        return
    with opened_if_there(place_of(site)) as folder:
        for batch, header in _readable(folder) if folder else ():
            if header.get("media_root") == as_text(site.media_root):
                yield batch


def _readable(quarantine: PrivateFolder) -> Iterator[tuple[Batch, dict[str, Any]]]:
    """All batches with their first lines; a batch that is damaged does not stop the others."""
    for name in _names(quarantine):
        with suppress(QuarantineError), in_words():
            batch = _batch_of(quarantine, name)
            if batch is not None:
                with batch:
                    yield batch, batch.header() or {}


def paths_in(quarantine: Place, name: str) -> Iterator[str]:
    """All paths that a batch holds as a file or that its rows reference, as results show them."""
    with opened(quarantine, name) as batch:
        yield from paths_of(batch)


def paths_of(batch: Batch) -> Iterator[str]:
    """The same of an open batch."""
    yield from (escaped(file.path) for file in batch.present(batch.files()))
    yield from (escaped(as_path(path)) for row in batch.rows() for path in row["files"])


@contextmanager
def opened(quarantine: Place, name: str) -> Iterator[Batch]:
    """A batch by its name. Raises SiteError if there is none of that name."""
    with opened_if_there(quarantine) as folder, known(quarantine, folder, name) as batch:
        yield batch


def known(quarantine: Place, folder: PrivateFolder | None, name: str) -> Batch:
    """A batch of a quarantine, to be entered. Raises SiteError if there is none of that name."""
    batch = _batch_of(folder, name) if folder and name in _names(folder) else None
    if batch is None:
        found = survey_of(folder)[0] if folder else []
        newest = ", ".join(info.name for info in found[-5:]) or "none"
        raise SiteError(
            f"there is no batch {name!r} in the quarantine '{shown(quarantine)}'. The newest: {newest}."
        )
    return batch


# Pins.


def pin(quarantine: Place, name: str, pinned: bool, check: bool) -> bool:
    """Pin a batch, so that no purge deletes it, or unpin it; returns whether that changes something."""
    with writing(), opened_if_there(quarantine) as folder, known(quarantine, folder, name) as batch:
        if batch.folder.has(PINNED) == pinned:
            return False
        if not check:
            batch.quarantine.lock()
            if pinned:
                batch.folder.create(PINNED).close()
            else:
                batch.folder.remove(PINNED)
            batch.folder.sync()
    return True


# What a restore leaves.


def forget(batch: Batch, rows: ArchivedRows, back: Sequence[int]) -> None:
    """Keep in a batch only the rows that were not restored; an empty batch is deleted."""
    folder = batch.folder
    if not all(back):
        with writing():
            with folder.create(f"{ROWS}.new") as file:
                write_lines(file, (row for row, is_back in zip(rows, back) if not is_back))
            folder.rename(f"{ROWS}.new", ROWS)
        return
    with suppress(FileNotFoundError):
        folder.remove(ROWS)
    # Nearly always there is nothing at all; what no line names keeps no batch.
    if next(stored_in(folder), None) is None or next(batch.present(batch.files()), None) is None:
        batch.quarantine.remove_tree(batch.name)


# What the writer shares.


@contextmanager
def locked(quarantine: Place) -> Iterator[None]:
    """Lock the quarantine, which is created if it is missing; raises BusyError if another run has it."""
    with prepared(quarantine) as folder:
        folder.lock()
        yield


def prepared(quarantine: Place) -> PrivateFolder:
    """Open the quarantine, which is created if it is missing."""
    try:
        return make_folder(quarantine, _QUARANTINE)
    except OSError as error:
        raise QuarantineError(
            f"the quarantine '{shown(quarantine)}' cannot be created: {error.strerror}. Nothing was removed. "
            + remedy(error, "Let this user write there.")
        ) from None


@contextmanager
def in_words() -> Iterator[None]:
    """Translate an error of the quarantine's disk into a QuarantineError."""
    try:
        yield
    except OSError as error:
        raise QuarantineError(
            f"the quarantine could not be read or written: {error.strerror}. What is in it is kept."
        ) from None


@contextmanager
def writing() -> Iterator[None]:
    """Translate an error of writing into a QuarantineError; what is not safely kept is not removed."""
    try:
        yield
    except OSError as error:
        raise QuarantineError(
            f"the quarantine could not be written to: {error.strerror}. What is not safely kept is not "
            "removed."
        ) from None


def write_lines(file: NewFile, lines: Iterable[dict[str, Any]]) -> None:
    """Write lines to a file of a batch; returns when they are on disk."""
    write_whole(file, (json.dumps(line).encode() + b"\n" for line in lines))


def write_whole(file: NewFile, lines: Iterable[bytes]) -> None:
    """The same with lines as they are in the file."""
    for written in lines:
        if len(written) > LONGEST_LINE:
            raise QuarantineError(
                f"a row of {len(written):,} bytes is too long for the quarantine (at most {LONGEST_LINE:,}). "
                "What is not safely kept is not removed."
            )
        file.write(written)
    file.sync()

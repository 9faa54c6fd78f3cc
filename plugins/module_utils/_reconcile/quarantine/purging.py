# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Deletes batches for good, or some of their files. Which may go is not decided here."""

from __future__ import annotations

from contextlib import suppress
from typing import Collection, Iterable

from ..errors import QuarantineError
from ..media.private_folder import PrivateFolder
from .format import FILES, MANIFEST, Batch, QuarantinedFile, stored_in
from .lines import lines_of
from .store import BATCH_NAME, PURGING, BatchInfo, in_words, known, survey_of, write_lines, writing


def found(quarantine: PrivateFolder, names: Collection[str] | None) -> list[BatchInfo]:
    """All batches, the oldest first. Raises SiteError if there is none of one of these names."""
    for name in names or ():
        with known(quarantine.path, quarantine, name):
            pass
    return survey_of(quarantine)[0]


def delete(quarantine: PrivateFolder, name: str) -> None:
    """Delete a whole batch. One that is half deleted is not listed any more."""
    try:
        quarantine.create(f"{PURGING}{name}").close()
        quarantine.sync()
        _delete_marked(quarantine, name)
    except OSError as error:
        raise QuarantineError(f"batch {name} could not be purged whole: {error.strerror}.") from None


def _marked(quarantine: PrivateFolder) -> list[str]:
    marks = [name[len(PURGING) :] for name in quarantine.names() if name.startswith(PURGING)]
    # A mark may be called anything, ``..`` too.
    return [name for name in marks if BATCH_NAME.fullmatch(name)]


def _delete_marked(quarantine: PrivateFolder, name: str) -> None:
    with suppress(FileNotFoundError):
        quarantine.remove_tree(name)
    # Not before: without the mark, what is left of the batch would be listed.
    quarantine.sync()
    with suppress(FileNotFoundError):
        quarantine.remove(f"{PURGING}{name}")


def delete_files(batch: Batch, files: Iterable[QuarantinedFile]) -> None:
    """Delete some files of a batch; the manifest still lists them."""
    try:
        held = ((batch.folder_of(file), file.name) for file in files)
        for _removed in batch.folder.each(_remove, held):
            pass
    except OSError as error:
        raise QuarantineError(
            f"files of batch {batch.name} could not be deleted: {error.strerror}. The next purge goes on."
        ) from None


def _remove(held: tuple[PrivateFolder, str]) -> None:
    folder, name = held
    folder.remove(name)


def forget_files(batch: Batch, numbers: Collection[int]) -> None:
    """Leave some files out of the manifest, so that not even their names remain."""
    with writing():
        with batch.folder.create(f"{MANIFEST}.new") as file:
            lines = lines_of(batch.folder, MANIFEST)
            write_lines(file, (line for line in lines if line.get("number") not in numbers))
        batch.folder.rename(f"{MANIFEST}.new", MANIFEST)
        batch.folder.sync()


def tidy(quarantine: PrivateFolder) -> None:
    """Delete what a killed purge has left, or a run that was killed before it took anything."""
    with in_words():
        for name in _marked(quarantine):
            _delete_marked(quarantine, name)
        for name in quarantine.names():
            if _is_stub(quarantine, name):
                quarantine.remove_tree(name)


def _is_stub(quarantine: PrivateFolder, name: str) -> bool:
    """Whether it is a batch without a first line, and without a file or a row."""
    if not BATCH_NAME.fullmatch(name):
        return False
    try:
        with quarantine.folder(name) as folder:
            if next(lines_of(folder, MANIFEST), None) is not None or set(folder.names()) - {MANIFEST, FILES}:
                return False
            return next(stored_in(folder), None) is None
    except (NotADirectoryError, QuarantineError):
        return False

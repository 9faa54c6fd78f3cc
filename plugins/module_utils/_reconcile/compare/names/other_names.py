# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Files that a row references by another name.

Such as over a link inside the media root, by a hard link, over a second mount, or in another case on a file
system that ignores it.

References that no listed file has are followed (without a listing, all of them), and so are links that are
referenced; what they lead to is known by its device and inode. This is only done for files that would go
otherwise.
"""

from __future__ import annotations

from typing import Iterable, NamedTuple, Protocol, Sequence

from ...kept import Doubt
from ...media.paths import Spellings, no_path
from ...media.store import FileState, MediaStore
from ...spool import Spool
from ..folders.unreferenced import Seen
from .references import ReferenceCheck, folders_of, other_name

_BITS = 1 << 22


class File(Protocol):
    """A file that is met, with its state if it would go."""

    @property
    def path(self) -> bytes: ...

    @property
    def state(self) -> FileState | None: ...


def meant_by(value: bytes, spellings: Spellings) -> Iterable[bytes]:
    """The paths that a value may mean, as it is written too."""
    if spellings.has_no_other(value):
        return (value,)
    paths = [] if no_path(value) else [value]
    return dict.fromkeys([*paths, *spellings.meant_by(value)])


class _OtherName(NamedTuple):
    """What a path leads to: a file, or a folder by its own path; and how the database writes that path."""

    device: int
    inode: int
    folder: bytes
    path: bytes
    value: bytes


class _Inodes:
    """Inodes in a memory of fixed size: says of those of all files, and of few others, that they are.

    The files are read when that is first asked: nearly always nothing leads to any file by another name.
    """

    def __init__(self, files: Iterable[File]) -> None:
        self._files = files
        self._bits: bytearray | None = None

    def may_have(self, inode: int) -> bool:
        if self._bits is None:
            self._bits = _bits_of(self._files)
        return bool(self._bits[inode % _BITS >> 3] & 1 << (inode & 7))


def _bits_of(files: Iterable[File]) -> bytearray:
    bits = bytearray(_BITS // 8)
    for file in files:
        if file.state:
            bits[file.state.inode % _BITS >> 3] |= 1 << (file.state.inode & 7)
    return bits


class OtherNames:
    """The other names of candidates by which a row references them. Call ``read`` first."""

    def __init__(self, store: MediaStore, check: ReferenceCheck, spellings: Spellings) -> None:
        self._store = store
        self._check = check
        self._spellings = spellings
        self._found: Spool[_OtherName] = Spool(tuple, _OtherName)

    def read(self, files: Iterable[File], references: Iterable[list[bytes]]) -> None:
        """Follow references to where they may lead: all of them, or those that no listed file has."""
        inodes = _Inodes(files)
        for some in references:
            for value in some:
                for path in meant_by(value, self._spellings):
                    self._follow(path, value, inodes)

    def read_listed(self, files: Iterable[Seen], links: Spool[bytes]) -> None:
        """Follow the listed links that are referenced, and search other names of files that have several."""
        inodes = _Inodes(file for file in files if file.state)
        for some in links.chunks():
            for path in self._check.doubts(some):
                self._follow(path, path, inodes)
        if any(file.state and file.is_hard_linked for file in files):
            self._find_hard_links(_Inodes(file for file in files if file.is_hard_linked))

    def _follow(self, path: bytes, value: bytes, inodes: _Inodes) -> None:
        followed = self._store.followed(path)
        if followed is None:
            return
        real, state = followed
        is_folder = state.kind == "directory"
        # To a folder by its own name, the reference check itself has the answer.
        if (is_folder and real and real != path) or (state.kind == "file" and inodes.may_have(state.inode)):
            folder = real if is_folder else b""
            self._found.append(_OtherName(state.device, state.inode, folder, path, value))

    def _find_hard_links(self, inodes: _Inodes) -> None:
        """Search the whole store for other names of some files; an inode does not tell them."""
        names: Spool[_OtherName] = Spool(tuple, _OtherName)
        for run in self._store.walk(b"", None, in_order=False):
            for name in run.names:
                state = self._store.check_in(run, name).state
                if state and state.kind == "file" and inodes.may_have(state.inode):
                    path = run.prefix + name
                    names.append(_OtherName(state.device, state.inode, b"", path, path))
        for some in names.chunks():
            referenced = self._check.doubts([other.path for other in some])
            self._found.extend(other for other in some if other.path in referenced)

    def doubts(self, files: Sequence[File]) -> dict[bytes, Doubt]:
        """Those of some files that a row references by another name."""
        if not len(self._found):
            return {}
        places: dict[tuple[int, int], list[bytes]] = {}
        for file in files:
            if file.state:
                # Two of them may be names of one file.
                places.setdefault((file.state.device, file.state.inode), []).append(file.path)
        folders: dict[bytes, list[bytes]] = {}
        for file in files:
            for folder in folders_of(file.path):
                folders.setdefault(folder, []).append(file.path)
        doubts: dict[bytes, Doubt] = {}
        for other in self._found:
            for path in self._reached(other, places, folders):
                # By its own name, the reference check has counted it.
                if path != other.path:
                    doubts[path] = other_name(other.value)
        return doubts

    @staticmethod
    def _reached(
        other: _OtherName, places: dict[tuple[int, int], list[bytes]], folders: dict[bytes, list[bytes]]
    ) -> Sequence[bytes]:
        if other.folder:
            return folders.get(other.folder, ())
        return places.get((other.device, other.inode), ())

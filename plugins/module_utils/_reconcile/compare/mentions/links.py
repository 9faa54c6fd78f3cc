# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Links by whose names a text may mention files: it names the link, and the file behind it is needed."""

from __future__ import annotations

from typing import Iterable, Iterator, NamedTuple

from ...media.store import MediaStore
from ...spool import Spool
from ..folders.unreferenced import Seen


class _Link(NamedTuple):
    """A link, and the file that it leads to."""

    path: bytes
    device: int
    inode: int


class FileLinks:
    """The links of a media store that lead to files."""

    def __init__(self) -> None:
        self._found: Spool[_Link] = Spool(tuple, _Link)

    def follow(self, store: MediaStore, links: Iterable[bytes]) -> None:
        for path in links:
            followed = store.followed(path)
            if followed and followed[1].kind == "file":
                self._found.append(_Link(path, followed[1].device, followed[1].inode))

    @property
    def paths(self) -> Iterator[bytes]:
        return (link.path for link in self._found)

    def to(self, files: Iterable[Seen]) -> dict[bytes, bytes]:
        """Those that lead to some files that are candidates, each with its file."""
        if not len(self._found):
            return {}
        places = {(file.state.device, file.state.inode): file.path for file in files if file.state}
        found = ((link.path, places.get((link.device, link.inode))) for link in self._found)
        return {link: path for link, path in found if path is not None}

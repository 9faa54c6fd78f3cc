# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What is known of a site between runs, in one file.

That is ``.state/SITE.json`` in the quarantine; without a quarantine it is in the state directory. It is a
JSON object with the format, the site, and a JSON object for each part, which belongs to the code that
asks for it. It is only ever replaced as a whole.
"""

from __future__ import annotations

import json
import os
from contextlib import ExitStack, contextmanager, suppress
from typing import IO, Any, Iterator, Mapping

from ...config.site import Site
from ...errors import QuarantineError, StateError
from ...media.disk.folder import DiskFolder
from ...media.private_folder import NewFile, PrivateFolder
from ...text import escaped, remedy
from ..place import Place, inside, make_folder, open_folder, path_of, place_of, shown

# The parts: which database and media store belong to the site; what earlier runs found; which fields the
# project had; what was announced that a purge would delete; whether the service of a bucket deletes an object
# only while it is unchanged.
IDENTITY = "identity"
EARLIER_FINDS = "earlier_finds"
KNOWN_FIELDS = "known_fields"
ANNOUNCED_PURGE = "announced_purge"
CONDITIONAL_DELETE = "conditional_delete"
PARTS = (IDENTITY, EARLIER_FINDS, KNOWN_FIELDS, ANNOUNCED_PURGE, CONDITIONAL_DELETE)

FORMAT = 1
# Bytes of the file. It is read as a whole.
LARGEST = 16 << 20

_FOLDER = ".state"
_WHAT = "the state"
_MADE_BY_ROLE = b"/var/lib/media-cleanup"


class State:
    """The facts of a site, as they were when this was made. Raises StateError where they cannot be known.

    Nothing is known where there is no file. A file that cannot be read, or is not what was written, is
    an error: what it said may be the reason not to remove anything.

    Facts are only recorded by a run that holds the locks of the site: ``writes`` is false in check mode,
    and nothing is written then.
    """

    def __init__(self, site: Site, writes: bool) -> None:
        self._site = site
        self._writes = writes
        self._name = f"{site.file_name}.json"
        self._folder = _folder_of(site)
        self._parts = self._read()

    @property
    def path(self) -> bytes:
        """Where the file is, for messages."""
        return self._path_of(self._name)

    def _path_of(self, name: str) -> bytes:
        return os.path.join(path_of(self._folder), os.fsencode(name))

    def part(self, name: str) -> Mapping[str, Any]:
        """The facts of a part; empty if none were recorded. Who reads them checks them (see ``damaged``)."""
        return self._parts[name]

    def record(self, name: str, facts: Mapping[str, Any]) -> None:
        """Replace the facts of a part; returns when they are on disk."""
        if name not in PARTS:
            raise KeyError(name)
        if self._writes:
            # Only a run that holds the lock writes; another part may still have been recorded since.
            self._write({**self._read(), name: dict(facts)})

    def damaged(self, why: str, name: str | None = None) -> StateError:
        """The error for a file that holds what it cannot hold: that of the site, or of this name."""
        return StateError(
            f"the state '{escaped(self._path_of(name or self._name))}' is damaged: {why}. It says what "
            "earlier runs know of a site, so nothing is done without it. Restore it from a backup; or check "
            "that database_url and media_root are right, delete it, and the next run begins anew."
        )

    # Files beside it, for what is too large.

    def opened(self, suffix: str) -> IO[bytes] | None:
        """Open the file of this suffix for reading; None where there is none."""
        name = self.beside(suffix)
        with self._in_words("read", name), suppress(FileNotFoundError), self._opened() as folder:
            return folder.read_here(name)
        return None

    @contextmanager
    def replaced(self, suffix: str) -> Iterator[NewFile]:
        """Write the file of this suffix anew; at the end it is on disk, as a whole."""
        if not self._writes:
            raise RuntimeError("a run that holds no locks may not write the state")
        name = self.beside(suffix)
        with self._in_words("written", name), self._made() as folder:
            yield from self._replacing(folder, name)

    @staticmethod
    def _replacing(folder: PrivateFolder, name: str) -> Iterator[NewFile]:
        new = f"{name}.new"
        with folder.create(new) as file:
            yield file
            file.sync()
        folder.rename(new, name)
        folder.sync()

    def beside(self, suffix: str) -> str:
        """What the file of this suffix is called."""
        return f"{self._site.file_name}.{suffix}"

    # Reading.

    def others(self) -> Iterator[dict[str, Mapping[str, Any]]]:
        """The facts of the other sites that are kept in the same folder."""
        names: list[str] = []
        with self._in_words("read"), suppress(FileNotFoundError), self._opened() as folder:
            names = [name for name in folder.names() if name.endswith(".json") and name != self._name]
        for name in names:
            yield self._parts_of(self._content(name), name)

    def _read(self) -> dict[str, Mapping[str, Any]]:
        content = self._content(self._name)
        if content and content.get("site") != self._site.name:
            raise self.damaged(f"it belongs to the site {content.get('site')!r}")
        return self._parts_of(content, self._name)

    def _content(self, name: str) -> dict[str, Any]:
        """What a file holds, which has our format; nothing if it is not there."""
        with self._in_words("read", name):
            written = self._bytes(name)
        if written is None:
            return {}
        if len(written) > LARGEST:
            raise self.damaged(f"it has more than {LARGEST:,} bytes", name)
        try:
            content = json.loads(written)
        except (ValueError, RecursionError):
            raise self.damaged("it is not valid JSON", name) from None
        if not isinstance(content, dict) or "format" not in content:
            raise self.damaged("it is not a state file", name)
        if content["format"] != FORMAT:
            raise StateError(
                f"the state '{escaped(self._path_of(name))}' has the format {content['format']!r}, and this "
                f"release knows {FORMAT}. Use the release that wrote it, or a later one."
            )
        return content

    def _bytes(self, name: str) -> bytes | None:
        """A file, or a little more of it than it may have; None where there is none."""
        try:
            with self._opened() as folder, folder.read(name) as file:
                # A read takes as much memory as it asks for, however small the file is.
                size = file.seek(0, os.SEEK_END)
                file.seek(0)
                return file.read(min(LARGEST, size) + 1)
        except FileNotFoundError:
            return None

    def _opened(self) -> PrivateFolder:
        return open_folder(self._folder, _WHAT)

    def _parts_of(self, content: Mapping[str, Any], name: str) -> dict[str, Mapping[str, Any]]:
        parts = {part: content.get(part, {}) for part in PARTS}
        wrong = [part for part, facts in parts.items() if not isinstance(facts, dict)]
        if wrong or set(content) - {"format", "site", *PARTS}:
            raise self.damaged("it holds what no state file holds", name)
        return parts

    # Writing.

    def _write(self, parts: dict[str, Mapping[str, Any]]) -> None:
        written = json.dumps({"format": FORMAT, "site": self._site.name, **parts}, sort_keys=True).encode()
        if len(written) > LARGEST:
            raise StateError(
                f"the state of site '{self._site.name}' would have {len(written):,} bytes, and may have "
                f"{LARGEST:,}. Nothing of it was written."
            )
        with self._in_words("written"), self._made() as folder:
            for file in self._replacing(folder, self._name):
                file.write(written)
        self._parts = parts

    def _made(self) -> PrivateFolder:
        if self._site.quarantine is None:
            return make_folder(self._folder, _WHAT)
        # The quarantine first: a folder that is only made on the way to another one is not private.
        make_folder(place_of(self._site), "the quarantine").close()
        return make_folder(self._folder, _WHAT)

    @contextmanager
    def _in_words(self, done: str, name: str | None = None) -> Iterator[None]:
        try:
            yield
        except (OSError, QuarantineError) as error:
            option = "state_directory" if self._site.quarantine is None else "quarantine"
            what_to_do = f"Let this user write to its folder, or set {option} to another one."
            why = f"{error}"
            if isinstance(error, OSError):
                why, what_to_do = f"{error.strerror}.", remedy(error, what_to_do)
            raise StateError(
                f"the state '{escaped(self._path_of(name or self._name))}' could not be {done}: {why} It "
                f"says what earlier runs know of a site, so nothing was removed. {what_to_do}"
            ) from None


@contextmanager
def locked_beside(site: Site) -> Iterator[None]:
    """Lock a site without a quarantine, by a private file beside its state. Raises BusyError."""
    with ExitStack() as stack:
        try:
            folder = stack.enter_context(DiskFolder.make(path_of(_folder_of(site)), _WHAT))
            stack.enter_context(folder.locked_file(f"{site.file_name}.lock", f"the site {site.name!r}"))
        except OSError as error:
            raise StateError(
                f"the lock of the site cannot be made in '{shown(_folder_of(site))}': {error.strerror}. "
                "Nothing was removed. "
                + remedy(error, "Let this user write there, or set state_directory to another folder.")
            ) from None
        yield


def _folder_of(site: Site) -> Place:
    if site.quarantine is not None:
        return inside(place_of(site), _FOLDER)
    if site.state_directory is not None:
        return site.state_directory
    name = os.fsencode(site.file_name)
    made_by_role = os.path.join(_MADE_BY_ROLE, name)
    try:
        os.lstat(made_by_role)
    except FileNotFoundError:
        return _folder_in_home()
    except OSError:
        # To read the file in there says what is wrong.
        pass
    return made_by_role


def _folder_in_home() -> bytes:
    home = os.environb.get(b"XDG_STATE_HOME", b"")
    if not home.startswith(b"/"):
        home = os.path.join(os.path.expanduser(b"~"), b".local/state")
    return os.path.join(home, b"media-cleanup")

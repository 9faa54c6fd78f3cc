# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""One site, opened and, for a run that changes something, locked; it serves one or several of its jobs."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import Callable, Iterator, NamedTuple, Sequence

from .compare.mentions.sweep import Sweep
from .config.site import Column, Site
from .database.base import Database
from .database.drivers import connect
from .media.local import LocalStore
from .media.paths import Spellings
from .media.s3.place import bucket_place, is_in_bucket
from .media.store import MediaStore
from .quarantine import conditional_delete, leftovers
from .quarantine.default_place import obstacle
from .quarantine.place import place_of
from .quarantine.state.identity import Identity, earlier
from .quarantine.state.site_state import State, locked_beside
from .quarantine.store import locked
from .spool import Spool

# Called with the number of files or rows that were examined so far.
Progress = Callable[[int], None]


class Comparison(NamedTuple):
    """What one pass over files and references leaves for the jobs that come after."""

    columns: tuple[Column, ...]
    # References in byte order that no listed file has; it proves nothing of them.
    without_file: Spool[bytes]


class Session:
    """The open media store and database of a site.

    Where it serves several jobs, the first one that lists the files and reads the references leaves
    what it found in ``comparison``.
    """

    def __init__(
        self, site: Site, media: MediaStore, database: Database, serves_several: bool = False
    ) -> None:
        self.site = site
        self.media = media
        self.database = database
        self.serves_several = serves_several
        self.comparison: Comparison | None = None
        # The one search for the files of all jobs.
        self.sweep = Sweep(database, Spellings(site.media_root, site.media_url))
        self.progress: Progress | None = None
        # What a person should know of what happened before any job was planned.
        self.notes: list[str] = []
        self._state: State | None = None
        # Whether what is planned is then removed, unless it is refused.
        self.applies = False
        self._deletes_conditionally: bool | None = None

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other runs off the site, on this host and, by the database, on others.

        Raises BusyError if another run is at work.
        """
        with ExitStack() as stack:
            self.database.lock()
            # A lock of the media root itself could be taken by anybody who may read it.
            if self.site.quarantine is None:
                stack.enter_context(locked_beside(self.site))
            # Without a place for it, every plan is refused.
            elif not obstacle(self.site, self.media):
                stack.enter_context(locked(place_of(self.site)))
            stack.callback(self.media.drop_folder_of_held)
            # Only now: the run that held the locks before may have recorded something.
            self._state = State(self.site, writes=True)
            stack.callback(setattr, self, "_state", None)
            self.applies = True
            stack.callback(setattr, self, "applies", False)
            yield

    @property
    def identity(self) -> Identity:
        """Which database and media store these are."""
        return Identity(self.database.identity(), self.media.identity())

    @property
    def state(self) -> State:
        """What is known of the site between runs. Only a session that is locked writes it."""
        if self._state is None:
            self._state = State(self.site, writes=False)
        return self._state

    def deletes_conditionally(self) -> bool | None:
        """Whether nothing that a site uploads meanwhile is lost by a removal; None where nobody knows.

        A session that applies tries it, once.
        """
        if not conditional_delete.needs_it(self.site):
            return True
        if self.applies and self._deletes_conditionally is None:
            self._deletes_conditionally = conditional_delete.tried(self.site, self.media, self.state)
        if self.applies:
            return self._deletes_conditionally
        return conditional_delete.known(self.site, self.media, self.state)

    def put_back_leftovers(self, check: bool) -> None:
        """Put back what a run that was killed had moved and not confirmed; only noted in check mode.

        What is put back below the mount point of a disk that is not mounted is hidden once it is mounted.
        """
        if not self._has_its_media():
            return
        self.notes += (leftovers.announced if check else leftovers.put_back)(self.media, self.site)

    def _has_its_media(self) -> bool:
        """Whether these are the media of the site, as far as earlier runs and the marker can say."""
        now = self.identity
        before = earlier(self.state, now)
        is_known = before is None or before.media == now.media or "other_media" in self.site.accept
        return is_known and (self.site.marker is None or self.media.check(self.site.marker).is_file)

    def without_file(self, column: Column) -> Iterator[list[bytes]] | None:
        """References of a column, maybe with others, that no listed file has; None if that is not known."""
        if self.comparison is None or column not in self.comparison.columns:
            return None
        return self.comparison.without_file.chunks()


@contextmanager
def open_session(site: Site, read_only: bool, serves_several: bool = False) -> Iterator[Session]:
    """Open the media store and the database of a site.

    Raises SiteError where one of them is not usable, DatabaseError where the database refused.
    """
    with open_store(site) as media, connect(site.database_url, read_only) as database:
        session = Session(site, media, database, serves_several)
        session.notes += [*media.notes, *database.notes]
        yield session


def open_store(site: Site, max_listed: int | None = None) -> MediaStore:
    """The media store of a site, to be entered; its quarantine is never listed."""
    most = site.max_listed if max_listed is None else max_listed
    if is_in_bucket(site.media_root):
        # Only where it is used: a module of Ansible compiles all that it imports at each start.
        from .media.s3.store import S3Store

        store = S3Store(bucket_place("media_root", site.media_root), site.storage_options, most)
        store.accepts_unconditional_delete = site.accepts_unconditional_delete
        if site.quarantine is not None and is_in_bucket(site.quarantine):
            store.kept_in = bucket_place("quarantine", site.quarantine)
        return store
    never: Sequence[bytes] = [site.quarantine_in_root] if site.quarantine_in_root else []
    return LocalStore(site.media_root, most, never)

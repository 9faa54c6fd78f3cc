# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Whether the service of a bucket deletes an object only while it is the one that was checked.

Nothing but a try shows it, which writes; so a run that changes nothing goes by what the last one that
applied has found out. Each of these tries again: another service may answer at the same address by now.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import Iterator

from ..config.site import Site
from ..errors import QuarantineError
from ..media.s3.place import bucket_place, is_in_bucket
from ..media.store import MediaStore
from ..text import escaped
from .place import open_folder, place_of
from .state.site_state import CONDITIONAL_DELETE, State

_PLACE, _HONOURED = "place", "honoured"


def needs_it(site: Site) -> bool:
    """Whether a removal of the site relies on it."""
    return is_in_bucket(site.media_root) and not site.accepts_unconditional_delete


def tried(site: Site, media: MediaStore, state: State) -> bool:
    """Try it, and keep what came of it. Raises QuarantineError where it could not be tried."""
    found = (site.quarantine is None or _honours_in_quarantine(site, site.quarantine)) and (
        not _is_about_media(site) or _honours_in_media(site, media)
    )
    facts = {_PLACE: _place(site, media), _HONOURED: found}
    if facts != state.part(CONDITIONAL_DELETE):
        state.record(CONDITIONAL_DELETE, facts)
    return found


def _is_about_media(site: Site) -> bool:
    """Whether what is found out in quarantine says nothing of the bucket of the media.

    One address may be that of several services, as behind a gateway, and each bucket of its own kind.
    """
    if site.quarantine is None or not is_in_bucket(site.quarantine):
        return True
    media = bucket_place("media_root", site.media_root)
    return media.bucket != bucket_place("quarantine", site.quarantine).bucket


def _honours_in_quarantine(site: Site, quarantine: bytes) -> bool:
    with _trying(quarantine), open_folder(place_of(site), "the quarantine") as folder:
        return folder.moves_safely()


def _honours_in_media(site: Site, media: MediaStore) -> bool:
    with _trying(site.media_root):
        media.make_folder_for_held()
        folder = media.folder_of_held()
        if folder is None:
            raise QuarantineError(f"no file can wait in {escaped(site.media_root)} to be deleted. Run again.")
        with folder:
            found = folder.moves_safely()
        if site.quarantine is not None:
            media.drop_folder_of_held()
        return found


@contextmanager
def _trying(place: bytes) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise QuarantineError(
            f"whether the service of {escaped(place)} deletes an object only while it is unchanged could not "
            f"be tried: {error.strerror}. Let the credentials of this run write, read and delete there. "
            "Nothing was removed."
        ) from None


def known(site: Site, media: MediaStore, state: State) -> bool | None:
    """What was found out of this bucket and its service; None where nobody has tried."""
    facts = state.part(CONDITIONAL_DELETE)
    if not facts:
        return None
    place, found = facts.get(_PLACE), facts.get(_HONOURED)
    if set(facts) != {_PLACE, _HONOURED} or not isinstance(place, str) or not isinstance(found, bool):
        raise state.damaged("what it says of the service of the bucket is not complete")
    return found if place == _place(site, media) else None


def shown(site: Site) -> str:
    """The places at which it is tried."""
    places = [site.quarantine, *([site.media_root] if _is_about_media(site) else [])]
    return " and ".join(escaped(place) for place in places if place is not None)


def _place(site: Site, media: MediaStore) -> str:
    return f"{media.identity()}, quarantine {shown(site)}"

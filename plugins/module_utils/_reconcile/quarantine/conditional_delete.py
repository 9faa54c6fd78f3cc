# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Whether the service of a bucket deletes an object only while it is the one that was checked.

Nothing but a try shows it, which writes; so a run that changes nothing goes by what the last one that
applied has found out. Each of these tries again: another service may answer at the same address by now.
"""

from __future__ import annotations

from ..config.site import Site
from ..errors import QuarantineError
from ..media.private_folder import PrivateFolder
from ..media.s3.place import is_in_bucket
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
    try:
        with _folder(site, media) as folder:
            found = folder.moves_safely()
    except OSError as error:
        raise QuarantineError(
            f"whether the service of {shown(site)} deletes an object only while it is unchanged could not be "
            f"tried: {error.strerror}. Let the credentials of this run write, read and delete there. Nothing "
            "was removed."
        ) from None
    facts = {_PLACE: _place(site, media), _HONOURED: found}
    if facts != state.part(CONDITIONAL_DELETE):
        state.record(CONDITIONAL_DELETE, facts)
    return found


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
    """The place at which it is tried."""
    return escaped(site.media_root if site.quarantine is None else site.quarantine)


def _place(site: Site, media: MediaStore) -> str:
    return f"{media.identity()}, quarantine {shown(site)}"


def _folder(site: Site, media: MediaStore) -> PrivateFolder:
    if site.quarantine is not None:
        return open_folder(place_of(site), "the quarantine")
    media.make_folder_for_held()
    folder = media.folder_of_held()
    if folder is None:
        raise QuarantineError(f"no file can wait in {shown(site)} to be deleted. Run again.")
    return folder

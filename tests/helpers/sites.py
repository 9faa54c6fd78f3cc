# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Sites of one table of photos, for modules, playbooks and the command to clean."""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path
from typing import Any

from helpers.modules import Task, orphans, records
from helpers.options import or_for_good

# What the site of these tests, which has one table, wants of the jobs.
ORPHANS_OPTIONS = {
    "directories": ["photos", "avif"],
    "references": [
        {"table": "collection_photo", "column": "image"},
        {"table": "collection_photo", "column": "image_avif"},
    ],
}
RECORDS_OPTIONS = {
    "table": "collection_photo",
    "file_column": "image",
    "companion_columns": ["image_avif"],
}
JOBS = ("orphans", "incomplete", "missing")


def snapshot(folder: Path) -> dict[bytes, tuple[Any, ...]]:
    """Everything below a folder: what it is, what it holds, and whether it was touched."""
    found = {}
    for parent, _directories, _files in os.walk(os.fsencode(folder)):
        with os.scandir(parent) as entries:
            for entry in entries:
                status = entry.stat(follow_symlinks=False)
                found[entry.path] = (
                    stat.filemode(status.st_mode),
                    status.st_ino,
                    status.st_mtime_ns,
                    status.st_ctime_ns,
                    _content(entry, status),
                )
    return found


def _content(entry: os.DirEntry[bytes], status: os.stat_result) -> bytes | None:
    if stat.S_ISLNK(status.st_mode):
        return os.readlink(entry.path)
    return Path(os.fsdecode(entry.path)).read_bytes() if stat.S_ISREG(status.st_mode) else None


class Site:
    """A site with one table of photos, in the shape of FootyCollect's."""

    def __init__(self, folder: Path, database: Any, name: str = "kit") -> None:
        self.name = name
        self.folder = folder
        self.database = database
        self.media = folder / f"{name}-media"
        for directory in ("photos", "avif"):
            (self.media / directory).mkdir(parents=True)
        # As Django has it: MariaDB keeps no zone with a time.
        moment = "datetime(6)" if database.kind == "mariadb" else "timestamp with time zone"
        database.run(
            "CREATE TABLE collection_photo ("
            " id integer PRIMARY KEY, image varchar(300) NOT NULL, image_avif varchar(300),"
            f" content_type_id integer, uploaded_at {moment} NOT NULL)"
        )

    def write(self, *paths: str | bytes, hours: float = 48, content: bytes = b"picture") -> None:
        """Write files that were last modified so many hours ago."""
        for path in paths:
            file = os.path.join(os.fsencode(self.media), os.fsencode(path))
            os.makedirs(os.path.dirname(file), exist_ok=True)
            Path(os.fsdecode(file)).write_bytes(content)
            past = time.time() - hours * 3600
            os.utime(file, (past, past))

    def insert(self, *images: str, attached: bool = True, **more: Any) -> None:
        """Insert a row for each image, uploaded two days ago."""
        [(last,)] = self.database.rows("SELECT coalesce(max(id), 0) FROM collection_photo")
        zone = "" if self.database.kind == "mariadb" else "+00:00"
        two_days_ago = time.strftime(f"%Y-%m-%d %H:%M:%S{zone}", time.gmtime(time.time() - 172800))
        rows = [
            {
                "id": number,
                "image": image,
                "content_type_id": 7 if attached else None,
                "uploaded_at": two_days_ago,
                **more,
            }
            for number, image in enumerate(images, start=last + 1)
        ]
        self.database.insert("collection_photo", rows)

    def keep(self, *images: str, **more: Any) -> None:
        """Add photos that are as they should be: a file and a row that names it."""
        self.write(*images)
        self.insert(*images, **more)

    @property
    def images(self) -> list[str]:
        return [image for (image,) in self.database.rows("SELECT image FROM collection_photo ORDER BY id")]

    @property
    def files(self) -> list[str]:
        """The files on disk, as paths below the media root."""
        found = (path for path in self.media.rglob("*") if not path.is_dir())
        return sorted(str(path.relative_to(self.media)) for path in found)

    def state(self) -> tuple[Any, Any]:
        """All that a dry run must not change."""
        return snapshot(self.folder), self.database.dump()

    @property
    def both(self) -> dict[str, Any]:
        return {"database_url": self.database.url, "media_root": str(self.media)}

    def orphans(self, **options: Any) -> Task:
        """The task that looks for orphans; a test cannot age a ctime, so mtime tells the age."""
        return orphans(**{**self.both, **ORPHANS_OPTIONS, "age_stamp": "mtime", **or_for_good(options)})

    def records(self, **options: Any) -> Task:
        return records(**{**self.both, **RECORDS_OPTIONS, "age_stamp": "mtime", **or_for_good(options)})

    def described(self, **more: Any) -> dict[str, Any]:
        """The site as the playbook wants it, with all three jobs."""
        return {
            "name": self.name,
            **self.both,
            "age_stamp": "mtime",
            "orphans": ORPHANS_OPTIONS,
            "incomplete": [RECORDS_OPTIONS],
            "missing": [RECORDS_OPTIONS],
            **or_for_good(more),
        }


def drifted(site: Site) -> Site:
    """Give a site one thing for each job: an orphan, a missing and an incomplete record."""
    site.keep(*(f"photos/{number}.jpg" for number in range(9)))
    site.write("photos/orphan.jpg")
    site.insert("photos/missing.jpg")
    site.keep("photos/incomplete.jpg", attached=False)
    return site


def only(site: Site, job: str, **more: Any) -> dict[str, Any]:
    """The description of a site with one job alone."""
    return {key: value for key, value in site.described(**more).items() if key == job or key not in JOBS}


def quarantined(site: Site, job: str, **more: Any) -> dict[str, Any]:
    """The description of a site with one job alone and a quarantine."""
    return only(site, job, quarantine=str(site.folder / f"{site.name}-kept"), **more)

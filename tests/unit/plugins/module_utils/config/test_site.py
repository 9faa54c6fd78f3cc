# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

from __future__ import annotations

from typing import Any

import pytest

from engine.config.jobs import orphans_job, records_job
from engine.config.site import Column, OrphansJob, RecordsJob
from engine.errors import SiteError

SECRET = "hunter2-correct-horse"
BASICS = {"database_url": f"postgresql://kit:{SECRET}@db/kit", "media_root": "/srv/media"}
PHOTO = {"table": "photo", "column": "image"}
CAPTION = {"table": "caption", "column": "photo_id", "action": "delete"}


def orphans(**options: Any) -> OrphansJob:
    return orphans_job({**BASICS, "directories": ["photos"], "references": [PHOTO], **options})


def records(**options: Any) -> RecordsJob:
    return records_job({**BASICS, "table": "photo", "file_column": "image", **options})


def test_what_is_not_said_has_a_cautious_default() -> None:
    job = orphans()
    assert (job.age_limit.older_than_hours, job.age_limit.age_stamp) == (24, "newest")
    assert job.age_limit.seconds == 24 * 3600
    assert (job.site.max_removal_percent, job.site.max_listed) == (50, 100)
    assert (job.site.quarantine, job.site.marker, job.derived) == (b"/srv/media-quarantine", None, ())
    assert job.exclude == (".*", "lost+found", ".nfs*", "@eaDir")
    assert job.site.media_url == b"/media/"
    assert (job.name, job.site.name) == ("orphans", "/srv/media")


def test_records_have_defaults_in_the_names_of_django() -> None:
    job = records()
    assert (job.select, job.name) == ("missing", "missing")
    assert (job.unattached_column, job.uploaded_at_column) == ("content_type_id", None)
    assert (job.companion_columns, job.references, job.dependents) == ((), (), ())
    assert (job.label, job.time_zone, job.max_dependents) == (None, None, 100)
    assert records(select="incomplete").name == "incomplete"


@pytest.mark.parametrize(
    ("written", "meant"),
    [("false", False), ("No", False), ("off", False), (0, False), ("true", True), (" YES ", True), (1, True)],
)
def test_a_boolean_may_be_written_as_ansible_reads_it(written: Any, meant: bool) -> None:
    assert orphans(low_priority=written).site.enabled("low_priority") is meant


def test_only_boolean_options_can_be_asked_for_as_such() -> None:
    site = orphans(include_likely_moves=True).site
    assert (site.enabled("include_likely_moves"), site.enabled("low_priority")) == (True, False)
    for name in ("follow_mount", "max_listed"):
        with pytest.raises(KeyError):
            site.enabled(name)


def test_none_is_the_same_as_nothing_said() -> None:
    empty = dict.fromkeys(["marker", "quarantine", "label", "age_stamp", "select", "max_listed", "derived"])
    assert orphans(**empty) == orphans()
    assert records(**empty) == records()


def test_zero_is_not_taken_for_nothing_said() -> None:
    job = records(older_than_hours=0, max_removal_percent=0, max_listed=0, max_dependents=0)
    limits = (job.site.max_removal_percent, job.site.max_listed, job.max_dependents)
    assert (*limits, job.age_limit.older_than_hours) == (0, 0, 0, 0)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (["photos"], (b"photos",)),
        (["./photos//2024/"], (b"photos/2024",)),
        (["."], (b"",)),
        (["b", "a"], (b"a", b"b")),
        (["a/b", "a-b", "a.b"], (b"a-b", b"a.b", b"a/b")),
        # In the order of the paths below them: "a-/x" comes before "a/x".
        (["a", "a-"], (b"a-", b"a")),
        (["photos", "photos2"], (b"photos", b"photos2")),
        (["\udcff"], (b"\xff",)),
    ],
)
def test_directories_are_normalized_and_in_the_order_of_their_contents(
    written: list[str], expected: tuple[bytes, ...]
) -> None:
    assert orphans(directories=written).directories == expected


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"directories": []}, "directories is empty"),
        ({"directories": None}, "directories is empty"),
        ({"directories": ["/srv/media/photos"]}, "is absolute"),
        ({"directories": ["../etc"]}, r"holds '\.\.'"),
        ({"directories": ["photos/../.."]}, r"holds '\.\.'"),
        ({"directories": ["photos\0"]}, "NUL byte"),
        ({"directories": ["photos", "photos/"]}, "one directory twice"),
        ({"directories": ["photos", "photos/2024"]}, "overlap: photos/2024 is in photos"),
        ({"directories": [".", "photos"]}, r"overlap: photos is in \."),
        ({"references": []}, "every file would be an orphan"),
        ({"references": None}, "every file would be an orphan"),
        ({"references": [{"table": "photo"}]}, r"references\[0\]\.column is missing; it must be a text"),
        ({"references": [{"table": "", "column": "image"}]}, r"references\[0\]\.table is missing"),
        (
            {"references": ["photo.image"]},
            r"references\[0\] is 'photo\.image'; it must be a mapping with table",
        ),
        ({"references": [{**PHOTO, "size": "n"}]}, r"references\[0\] has unknown keys: size"),
        ({"references": [{**PHOTO, "size_colum": "n"}]}, r"size_colum \(did you mean size_column\?\)"),
        (
            {"references": PHOTO},
            "references is a mapping; it must be a list of mappings with table and column",
        ),
        ({"age_stamp": "atime"}, "age_stamp is 'atime'; it must be one of newest, mtime, ctime"),
        ({"older_than_hours": -1}, "older_than_hours is -1"),
        ({"older_than_hours": 1.5}, "whole number"),
        ({"older_than_hours": True}, "whole number"),
        ({"older_than_hours": "24"}, "whole number"),
        ({"max_removal_percent": 101}, "from 0 to 100"),
        ({"max_removal_percent": -1}, "from 0 to 100"),
        ({"max_listed": -1}, "max_listed is -1"),
        ({"exclude": "*.tmp"}, r"exclude is '\*\.tmp'; it must be a list of texts"),
        ({"exclude": [""]}, "not empty"),
        ({"exclude": ["/exports"]}, "exclude: the entry '/exports' is absolute"),
        ({"exclude": ["../exports"]}, r"exclude: the entry '\.\./exports' holds '\.\.'"),
        ({"derived": "{dir}/{name}"}, "it must be a list of texts"),
        ({"derived": [7]}, r"derived\[0\] is 7; it must be a text that is not empty"),
        ({"accept": ["all"]}, r"accept\[0\] is 'all'; it must be one of no_references, "),
        ({"low_priority": "perhaps"}, "low_priority is 'perhaps'; it must be true or false"),
        ({"low_priority": 2}, "low_priority is 2; it must be true or false"),
        ({"media_url": f"s3://kit:{SECRET}@x\0"}, "media_url holds a NUL byte"),
        ({"exclude": f"postgresql://kit:{SECRET}@db/kit"}, "exclude is a text; it must be a list"),
        ({"database_url": [SECRET]}, "database_url is a list; it must be a text"),
        ({"database_url": 5}, "database_url is no text; it must be a text"),
        ({"media_root": "media"}, "not an absolute path"),
        ({"media_root": ""}, "media_root is missing"),
        ({"media_root": None}, "media_root is missing"),
        ({"media_root": "/srv\0"}, "NUL byte"),
        ({"database_url": None}, "database_url is missing"),
        ({"quarantine": "kept"}, "not an absolute path"),
        ({"quarantine": "/kept", "permanent": True}, "quarantine and permanent are both set"),
        ({"marker": "/srv/media/.mounted"}, "is absolute"),
        ({"marker": "../.mounted"}, r"holds '\.\.'"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_words(options: dict[str, Any], words: str) -> None:
    with pytest.raises(SiteError, match=words) as refusal:
        orphans(**options)
    assert SECRET not in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"table": ""}, "table is missing"),
        ({"table": "a\0b"}, "NUL byte"),
        ({"file_column": None}, "file_column is missing"),
        ({"select": "orphans"}, "must be one of missing, incomplete"),
        ({"companion_columns": "thumbnail"}, "must be a list"),
        ({"max_dependents": -1}, "max_dependents is -1"),
        (
            {"dependents": [{**CAPTION, "action": "cascade"}]},
            "must be one of delete, set_null, set_default, restrict",
        ),
        (
            {"dependents": [{"table": "caption", "column": "photo_id"}]},
            r"dependents\[0\]\.action is missing; it must be one of delete",
        ),
        ({"dependents": [{"table": "caption", "action": "delete"}]}, r"dependents\[0\]\.column is missing"),
        ({"dependents": [CAPTION, CAPTION]}, "two rules for one column"),
        ({"dependents": [{**CAPTION, "content_type": "photo"}]}, "must be APP.MODEL"),
        ({"dependents": [{**CAPTION, "content_type": "a.b.c"}]}, "must be APP.MODEL"),
        ({"dependents": [{**CAPTION, "holds": "name"}]}, "must be one of key, path"),
    ],
)
def test_what_cannot_be_meant_of_records_is_refused_in_words(options: dict[str, Any], words: str) -> None:
    with pytest.raises(SiteError, match=words) as refusal:
        records(**options)
    assert SECRET not in str(refusal.value)


@pytest.mark.parametrize("written", ["abc", [""], [7], [None]])
def test_directories_must_be_texts_that_are_not_empty(written: object) -> None:
    with pytest.raises(SiteError, match="directories"):
        orphans(directories=written)


def test_a_column_that_is_listed_twice_is_one() -> None:
    assert orphans(references=[PHOTO, PHOTO]).references == (Column("photo", "image"),)


def test_the_media_root_is_normalized() -> None:
    assert orphans(media_root="/srv//x/../media/").site.media_root == b"/srv/media"


def test_a_marker_may_lie_deep_and_be_written_loosely() -> None:
    assert orphans(marker="./photos//.mounted").site.marker == b"photos/.mounted"


def test_rules_for_dependents_are_read() -> None:
    generic = {"table": "note", "column": "object_id", "action": "delete", "content_type": "album.photo"}
    cover = {"table": "album", "column": "cover", "action": "set_null", "holds": "path"}
    key, note, path = records(dependents=[CAPTION, generic, cover]).dependents
    assert (str(key.column), key.action, key.content_type, key.holds_path) == (
        "caption.photo_id",
        "delete",
        None,
        False,
    )
    assert (note.content_type, note.content_type_column) == (("album", "photo"), "content_type_id")
    assert path.holds_path


def test_own_columns_are_the_file_and_its_companions() -> None:
    job = records(companion_columns=["thumbnail", "avif"])
    assert list(map(str, job.own_columns)) == ["photo.image", "photo.thumbnail", "photo.avif"]


@pytest.mark.parametrize(
    ("media_root", "quarantine", "expected"),
    [
        ("/srv/media", None, None),
        ("/srv/media", "/srv/kept", None),
        ("/srv/media", "/srv/media-kept", None),
        ("/srv/media", "/var/x/photos", None),
        ("/srv/media", "/srv/media/kept", b"kept"),
        ("/srv/media", "/srv/media/a/../b/kept", b"b/kept"),
        ("/", "/kept", b"kept"),
    ],
)
def test_a_quarantine_in_the_media_root_is_known_as_such(
    media_root: str, quarantine: str | None, expected: bytes | None
) -> None:
    job = orphans(media_root=media_root, quarantine=quarantine, quarantine_in_media_root=True)
    assert job.site.quarantine_in_root == expected

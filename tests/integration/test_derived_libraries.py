# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Derived files live exactly as long as their source: on files that the libraries themselves wrote."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, NamedTuple

import pytest
from django_site import making
from django_site.album.models import Photo
from django_site.project import Project
from easy_thumbnails.files import get_thumbnailer
from imagekit import ImageSpec
from imagekit.cachefiles import ImageCacheFile
from imagekit.processors import ResizeToFill
from PIL import Image
from sorl.thumbnail import default as sorl
from sorl.thumbnail import get_thumbnail

from engine.errors import SiteError
from helpers.builders import rules

pytest_plugins = ["django_site.fixtures"]

MISSING = {"table": "album_photo", "file_column": "image", "companion_columns": ["thumbnail"]}
ORPHANS = {
    "directories": ["."],
    "references": [
        {"table": "album_photo", "column": "image"},
        {"table": "album_photo", "column": "thumbnail"},
    ],
}


class Small(ImageSpec):
    processors = (ResizeToFill(20, 20),)
    format = "JPEG"


class Tiny(Small):
    processors = (ResizeToFill(5, 5),)


def by_imagekit(photo: Photo) -> None:
    for spec in (Small, Tiny):
        ImageCacheFile(spec(source=photo.image)).generate()


def by_easy_thumbnails(photo: Photo) -> None:
    for options in ({"size": (20, 20), "crop": True}, {"size": (5, 0), "quality": 60, "bw": True}):
        get_thumbnailer(photo.image).get_thumbnail(options)


def by_avif_twin(photo: Photo) -> None:
    source = Path(photo.image.path)
    twin = source.parent.with_name(f"{source.parent.name}_avif") / f"{source.stem}.avif"
    twin.parent.mkdir(parents=True, exist_ok=True)
    Image.open(source).save(twin)


def by_sorl(photo: Photo) -> str:
    return str(get_thumbnail(photo.image, "20x20").name)


class Library(NamedTuple):
    pattern: str
    derive: Callable[[Photo], None]


LIBRARIES = {
    "imagekit": Library("CACHE/images/{dir}/{stem}/*", by_imagekit),
    "easy-thumbnails": Library("{dir}/{name}.*_q*.*", by_easy_thumbnails),
    "avif twin": Library("{dir}_avif/{stem}.avif", by_avif_twin),
}
each_library = pytest.mark.parametrize("library", LIBRARIES.values(), ids=LIBRARIES)


def photo(project: Project, name: str, **fields: Any) -> Photo:
    """A photo with its file, which is a real picture."""
    photo = making.photo(f"slug-{Photo.objects.count()}", **{"image": f"photos/{name}", **fields})
    path = project.media / photo.image.name
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (64, 48)).save(path)
    return photo


def derived_from(project: Project, photo: Photo, library: Library) -> set[str]:
    """The files that a library writes for a photo."""
    before = project.files
    library.derive(photo)
    made = project.files - before
    assert made
    return made


# Names that a pattern could confuse with another, or take for more than letters.
NAMES = [
    "evan.jpg",
    "evan.v2.jpg",
    "evan.jpg.jpg",
    "2026/11/evan.jpg",
    "2026.11/evan.jpg",
    "a[1]+(b)*?{dir}.jpg",
    "20x20_q85.jpg",
    "Größe\u0308 \U0001f600.jpg",
    "-.jpg",
]


@each_library
@pytest.mark.parametrize("name", NAMES)
def test_derived_files_go_with_a_missing_record(sqlite_project: Project, library: Library, name: str) -> None:
    lost, kept = photo(sqlite_project, name), photo(sqlite_project, f"2026/{name}x.jpg")
    gone, stays = (derived_from(sqlite_project, each, library) for each in (lost, kept))
    (sqlite_project.media / lost.image.name).unlink()

    predicted = sqlite_project.records(check=True, **MISSING, derived=[library.pattern])
    run = sqlite_project.records(**MISSING, derived=[library.pattern])

    assert predicted["found"] == run["removed"]
    assert (run["removed"]["records"], run["removed"]["files"]) == (1, len(gone))
    assert sqlite_project.files == {kept.image.name, *stays}


@each_library
@pytest.mark.parametrize("name", NAMES)
def test_orphans_keeps_them_as_long_as_a_reference_is_their_source(
    sqlite_project: Project, library: Library, name: str
) -> None:
    source, kept = photo(sqlite_project, name), photo(sqlite_project, f"2026/{name}x.jpg")
    gone, stays = (derived_from(sqlite_project, each, library) for each in (source, kept))
    options = {**ORPHANS, "derived": [library.pattern]}

    # The reference counts, even while its file is missing.
    picture = sqlite_project.media / source.image.name
    content = picture.read_bytes()
    picture.unlink()
    run = sqlite_project.orphans(**options)
    assert run["examined"]["derived"] == len(gone | stays)
    assert run["removed"]["files"] == 0
    picture.write_bytes(content)

    Photo.objects.filter(id=source.id).delete()
    predicted = sqlite_project.orphans(check=True, **options)
    run = sqlite_project.orphans(**options)

    assert predicted["found"] == run["removed"]
    assert run["removed"]["files"] == 1 + len(gone)
    assert sqlite_project.files == {kept.image.name, *stays}


@each_library
def test_both_databases_know_what_is_derived(project: Project, library: Library) -> None:
    lost, kept = photo(project, "lost.JPG"), photo(project, "2026/kept.of.all.jpg")
    gone, stays = (derived_from(project, each, library) for each in (lost, kept))
    Photo.objects.filter(id=lost.id).update(image="photos/other.jpg")
    options = {**ORPHANS, "derived": [library.pattern]}

    assert project.orphans(**options)["removed"]["files"] == 1 + len(gone)

    assert project.files == {kept.image.name, *stays}


@pytest.mark.parametrize("library", [LIBRARIES["imagekit"], LIBRARIES["avif twin"]], ids=["imagekit", "avif"])
def test_derived_file_of_two_sources_outlives_the_first(project: Project, library: Library) -> None:
    first, second = photo(project, "evan.jpg"), photo(project, "evan.png")
    derived = derived_from(project, first, library)
    (project.media / first.image.name).unlink()

    run = project.records(**MISSING, derived=[library.pattern])
    assert run["removed"]["records"] == 1
    assert project.files == {second.image.name, *derived}

    (project.media / second.image.name).unlink()
    assert project.records(**MISSING, derived=[library.pattern])["removed"]["files"] == len(derived)


@each_library
def test_without_a_pattern_no_other_file_goes_with_a_record(project: Project, library: Library) -> None:
    lost = photo(project, "lost.jpg")
    derived = derived_from(project, lost, library)
    (project.media / lost.image.name).unlink()

    assert project.records(**MISSING)["removed"] == {"records": 1, "files": 0, "bytes": 0}

    assert project.files == derived


def test_rows_of_easy_thumbnails_go_by_the_path_that_they_hold(project: Project) -> None:
    lost, kept = photo(project, "lost.jpg"), photo(project, "kept.jpg")
    for each in (lost, kept):
        by_easy_thumbnails(each)
    (project.media / lost.image.name).unlink()
    by_path = {"table": "easy_thumbnails_source", "column": "name", "action": "delete", "holds": "path"}
    dependents = [by_path, *rules("easy_thumbnails_thumbnail.source_id delete")]

    run = project.records(**MISSING, derived=[LIBRARIES["easy-thumbnails"].pattern], dependents=dependents)

    assert run["removed"] == {"records": 1, "files": 2, "bytes": run["found"]["bytes"]}
    assert run["dependents"] == {
        "easy_thumbnails_source": {"deleted": 1, "updated": 0},
        "easy_thumbnails_thumbnail": {"deleted": 2, "updated": 0},
    }
    assert project.database.rows("SELECT name FROM easy_thumbnails_source") == [(kept.image.name,)]


# sorl-thumbnail calls its files by hashes, and keeps in a table of its own what they were made from. So
# no pattern leads from one to the other: its cache is left to its own command.


@pytest.mark.parametrize("pattern", ["cache/*/*/*", "cache/??/??/{stem}.jpg", "cache/*/*/{name}"])
def test_no_pattern_can_name_the_files_of_sorl(sqlite_project: Project, pattern: str) -> None:
    with pytest.raises(SiteError, match="must give its source"):
        sqlite_project.records(check=True, **MISSING, derived=[pattern])


def test_files_of_sorl_are_left_to_its_own_command(project: Project) -> None:
    lost, kept = photo(project, "lost.jpg"), photo(project, "kept.jpg")
    of_lost, of_kept = by_sorl(lost), by_sorl(kept)
    (project.media / lost.image.name).unlink()

    everything = [library.pattern for library in LIBRARIES.values()]
    assert project.records(**MISSING, derived=everything)["removed"]["files"] == 0
    project.orphans(**{**ORPHANS, "directories": ["photos"]}, derived=everything)
    project.orphans(**ORPHANS, derived=everything, exclude=["cache"])
    assert project.files == {kept.image.name, of_lost, of_kept}

    # manage.py thumbnail cleanup
    sorl.kvstore.cleanup()
    assert project.files == {kept.image.name, of_kept}


def test_files_of_sorl_are_orphans_where_its_cache_is_listed(project: Project) -> None:
    kept = photo(project, "kept.jpg")
    of_kept = by_sorl(kept)

    run = project.orphans(check=True, **{**ORPHANS, "directories": ["cache", "photos"]})

    assert [orphan["path"] for orphan in run["orphans"]] == [of_kept]

# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""The job orphans with a list of candidates: each is proven as if a listing had found it."""

from __future__ import annotations

import os
import random
import tempfile
from pathlib import Path
from typing import Any, Iterable
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import SiteError
from engine.plan import candidates as planner
from engine.run import run_all
from helpers.builders import TREES, Media, Site, found, guards, planned, run
from helpers.clock import let_clock_tick
from helpers.databases import new_sqlite
from helpers.users import as_nobody


def write_list(folder: Path, paths: Iterable[str | bytes]) -> str:
    file = folder / "candidates"
    file.write_bytes(b"".join(os.fsencode(path) + b"\0" for path in paths))
    return str(file)


def codes(plan: Any) -> dict[bytes, str]:
    return {kept.name: kept.code.value for kept in plan.kept.items}


def filled(site: Site, orphans: int = 2) -> list[str]:
    """A site with a hundred referenced files; the orphans beside them."""
    names = [f"p/{number:03}.jpg" for number in range(100)]
    lost = [f"p/lost{number}.jpg" for number in range(orphans)]
    site.media.write(*names, *lost)
    rows = (f"({1000 + number}, '{name}')" for number, name in enumerate(names))
    site.database.run(f"INSERT INTO photo (id, image) VALUES {', '.join(rows)}")
    return lost


def test_only_listed_orphans_go(site: Site, tmp_path: Path) -> None:
    lost = filled(site, 3)
    candidates = write_list(tmp_path, [lost[1], "p/007.jpg", lost[0], lost[1]])
    plan, outcome = run(site.orphans(directories=["p"], candidates=candidates))
    assert found(plan) == [b"p/lost0.jpg", b"p/lost1.jpg"]
    assert outcome.removed.files == 2
    assert plan.examined == {"files": 3, "referenced": 1, "references": 100, "derived": 0}
    assert b"p/lost2.jpg" in site.media.files


@pytest.mark.promise(2)
@pytest.mark.promise(6)
@settings(max_examples=15)
@given(tree=TREES, data=st.data())
def test_a_list_of_all_files_finds_what_a_listing_finds(tree: list[bytes], data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        site = Site(new_sqlite(Path(folder)), Media(Path(folder) / "media"))
        site.media.write(*tree, "p/there.jpg")
        texts = [path.decode() for path in tree if path.isascii()]
        site.insert(*data.draw(st.lists(st.sampled_from([*texts, "gone", "p"]), max_size=5)))
        listing, _outcome = run(site.orphans(), check=True)
        mixed = [*tree, b"p/there.jpg"]
        random.Random(1).shuffle(mixed)
        plan, outcome = run(site.orphans(candidates=write_list(Path(folder), mixed)))
        assert found(plan) == found(listing)
        assert outcome.removed.files == len(found(listing))


@pytest.mark.promise(5)
def test_what_is_no_candidate_is_reported_and_never_acted_on(
    sqlite_site: Site, tmp_path: Path, outside: Path
) -> None:
    site = sqlite_site
    filled(site)
    site.media.write("a/lost.jpg", "q/lost.jpg", ".hidden/lost.jpg", "p/@eaDir/lost.jpg", "p/folder/1.jpg")
    site.media.link("p/link.jpg", "lost0.jpg")
    site.media.link("p/linked", outside)
    named = [
        "p/lost0.jpg",
        "p/gone.jpg",
        "a/lost.jpg",
        "q/lost.jpg",
        "p/@eaDir/lost.jpg",
        "p/link.jpg",
        "p/folder",
    ]
    hostile = ["p/linked/precious.jpg", "../outside/precious.jpg", str(outside / "precious.jpg"), "p//x"]
    before = site.media.files
    plan, _outcome = run(site.orphans(directories=["p"], candidates=write_list(tmp_path, [*named, *hostile])))
    assert found(plan) == [b"p/lost0.jpg"]
    assert codes(plan) == {
        b"p/gone.jpg": "absent",
        b"a/lost.jpg": "other_directory",
        b"q/lost.jpg": "other_directory",
        b"p/link.jpg": "not_a_file",
        b"p/folder": "not_a_file",
        b"p/linked/precious.jpg": "blocked",
        b"../outside/precious.jpg": "outside",
        os.fsencode(outside / "precious.jpg"): "outside",
        b"p//x": "outside",
    }
    assert any("1 candidate of the list are in folders" in warning for warning in plan.warnings)
    assert site.media.files == before - {b"p/lost0.jpg"}


@pytest.mark.promise(5)
def test_the_quarantine_in_the_media_root_is_never_judged(sqlite_site: Site, tmp_path: Path) -> None:
    filled(sqlite_site)
    sqlite_site.media.write("q/kept/batch/lost.jpg")
    where = os.fsdecode(sqlite_site.media.path("q/kept"))
    options = {"quarantine": where, "quarantine_in_media_root": True, "exclude": []}
    listed = write_list(tmp_path, ["q/kept/batch/lost.jpg", ".media-cleanup-held/lost.jpg"])
    plan, _outcome = run(sqlite_site.orphans(candidates=listed, **options), check=True)
    assert found(plan) == []
    assert codes(plan) == dict.fromkeys(
        [b"q/kept/batch/lost.jpg", b".media-cleanup-held/lost.jpg"], "blocked"
    )


@pytest.mark.promise(9)
@pytest.mark.parametrize(
    "value",
    ["p/link.jpg", "q/link.jpg", "other/lost0.jpg", "p/hard.jpg", "/media/p/lost0.jpg?v=1"],
)
@pytest.mark.parametrize("lists_name", [False, True])
def test_a_candidate_that_is_referenced_by_another_name_is_kept(
    sqlite_site: Site, tmp_path: Path, value: str, lists_name: bool
) -> None:
    site = sqlite_site
    lost = filled(site)
    site.media.link("p/link.jpg", "lost0.jpg")
    # In a folder that is not judged, so that nobody walks through it.
    site.media.link("q/link.jpg", "../p/lost0.jpg")
    site.media.link("other", "p")
    os.link(site.media.path("p/lost0.jpg"), site.media.path("p/hard.jpg"))
    site.insert(value)
    # With the name of its reference in the list too, that one has a candidate of its own.
    listed = write_list(tmp_path, [*lost, *([value] if lists_name and not value.startswith("/") else [])])
    plan, _outcome = run(site.orphans(directories=["p"], candidates=listed))
    assert found(plan) == [b"p/lost1.jpg"]
    assert site.media.files >= {b"p/lost0.jpg"}


@pytest.mark.promise(14)
def test_a_candidate_that_a_text_mentions_by_its_name_or_a_link_is_kept(site: Site, tmp_path: Path) -> None:
    lost = filled(site, 3)
    site.media.link("p/link.jpg", "lost0.jpg")
    site.database.run("CREATE TABLE page (id integer PRIMARY KEY, body text)")
    site.database.insert("page", [{"id": 1, "body": '<img src="/media/p/link.jpg"> and /media/p/lost1.jpg'}])
    plan, _outcome = run(site.orphans(candidates=write_list(tmp_path, lost)))
    assert found(plan) == [b"p/lost2.jpg"]


@pytest.mark.promise(3)
def test_young_derived_and_kept_candidates_stay(sqlite_site: Site, tmp_path: Path) -> None:
    site = sqlite_site
    filled(site)
    site.media.write("p/young.jpg", hours=1)
    site.media.write("CACHE/p/001/x.jpg", "CACHE/p/gone/x.jpg", "p/wanted.jpg", "p/not.tmp")
    listed = ["p/young.jpg", "CACHE/p/001/x.jpg", "CACHE/p/gone/x.jpg", "p/wanted.jpg", "p/not.tmp"]
    plan, _outcome = run(
        site.orphans(
            candidates=write_list(tmp_path, listed),
            derived=["CACHE/{dir}/{stem}/*"],
            keep=["p/wanted.jpg"],
            exclude=["*.tmp"],
        )
    )
    assert found(plan) == [b"CACHE/p/gone/x.jpg"]
    assert (plan.young, plan.examined["derived"], codes(plan)) == (1, 1, {b"p/wanted.jpg": "keep"})


@pytest.mark.promise(1)
def test_a_candidate_that_cannot_be_read_makes_the_run_partial(public_site: Site) -> None:
    lost = filled(public_site)
    folder = Path(os.fsdecode(os.path.dirname(public_site.media.root)))
    listed = write_list(folder, [*lost, "closed/lost.jpg"])
    public_site.media.write("closed/lost.jpg")
    os.chmod(public_site.media.path("closed"), 0o000)

    def partial() -> None:
        plan, outcome = run(public_site.orphans(candidates=listed))
        assert plan.is_partial
        assert outcome is None

    def unusable() -> None:
        with pytest.raises(SiteError, match="Let the user who does the work read it"):
            run(public_site.orphans(candidates=listed))

    as_nobody(partial)
    os.chmod(listed, 0o600)
    as_nobody(unusable)


# The guards, where nobody has counted the files.


@pytest.mark.promise("guards")
def test_the_share_is_one_of_the_files_that_list_and_references_show(site: Site, tmp_path: Path) -> None:
    lost = filled(site, 20)
    listed = write_list(tmp_path, lost)
    plan, _outcome = run(site.orphans(candidates=listed, max_removal_percent=16, accept=[]), check=True)
    assert guards(plan) == ["max_removal_percent"]
    assert "20 of 120 files, as many as the list and the references show, would" in plan.refusals[0].message
    plan, _outcome = run(site.orphans(candidates=listed, max_removal_percent=17, accept=[]), check=True)
    assert guards(plan) == []


@pytest.mark.promise(2)
@pytest.mark.parametrize(
    "text",
    [
        "{0}\r\n",
        '"site","{0}","7"\n',
        "'{0}'\n",
        "{1}\n",
        "https://cdn.example/media/{0}?v=1\n",
        "/media/{0}\n",
        "s3://site/{0}\n",
        "old/{0}\n",
        "{0}\0",
        "{0}\n",
    ],
)
@pytest.mark.parametrize("header", ["", "key\n", '"Bucket","Key"\r\n'])
def test_a_list_of_all_files_in_any_form_costs_nothing_that_is_wanted(
    sqlite_site: Site, tmp_path: Path, header: str, text: str
) -> None:
    """As of another tool, in lines of Windows, as URLs, below another prefix, or of all there is."""
    odd = ["p/100% a+b.jpg", "p/a b.jpg", "p/caf\N{LATIN SMALL LETTER E WITH ACUTE}.jpg", "p/x%20y.jpg"]
    lost = filled(sqlite_site)
    sqlite_site.media.write(*odd)
    sqlite_site.insert(*odd)
    before = sqlite_site.media.files
    paths = [*lost, *(os.fsdecode(path) for path in before)]
    file = tmp_path / "list"
    file.write_text(header + "".join(text.format(path, quote(path)) for path in paths))
    run(sqlite_site.orphans(candidates=str(file)))
    gone = set(before) - set(sqlite_site.media.files)
    assert gone <= {os.fsencode(path) for path in lost}
    assert gone or (header, text) != ("", "{0}\n"), "a list as it should be finds them"


@pytest.mark.promise("guards")
def test_a_database_of_another_site_does_not_make_the_share_small(sqlite_site: Site, tmp_path: Path) -> None:
    """Its many references lead to no file of this media root."""
    lost = [f"p/lost{number}.jpg" for number in range(20)]
    sqlite_site.media.write(*lost)
    sqlite_site.insert(*(f"p/other{number}.jpg" for number in range(100)))
    job = sqlite_site.orphans(candidates=write_list(tmp_path, lost), max_removal_percent=50, accept=[])
    plan, outcome = run(job)
    assert guards(plan)[:1] == ["max_removal_percent"]
    assert outcome is None


@pytest.mark.promise("guards")
def test_a_folder_in_which_nothing_is_referenced_is_kept(sqlite_site: Site, tmp_path: Path) -> None:
    lost = filled(sqlite_site)
    banners = [f"p/banners/{number:02}.jpg" for number in range(10)]
    sqlite_site.media.write(*banners)
    plan, _outcome = run(sqlite_site.orphans(candidates=write_list(tmp_path, [*banners, *lost])), check=True)
    assert found(plan) == [b"p/lost0.jpg", b"p/lost1.jpg"]
    assert codes(plan) == {b"p/banners": "unreferenced_folder"}
    for reference in ("p/banners/zz.jpg", "p/banners/00.jp"):
        sqlite_site.insert(reference)
        plan, _outcome = run(sqlite_site.orphans(candidates=write_list(tmp_path, banners)), check=True)
        assert len(found(plan)) == 10, f"{reference} shows that a listed column knows the folder"
        sqlite_site.database.run("DELETE FROM photo WHERE image LIKE 'p/banners/%'")


@pytest.mark.promise("guards")
def test_a_few_candidates_of_a_folder_are_judged_by_all_that_is_in_it(
    sqlite_site: Site, tmp_path: Path
) -> None:
    filled(sqlite_site)
    banners = [f"p/banners/{number:02}.jpg" for number in range(12)]
    thumbnails = [f"p/small/thumbs/{number:02}.jpg" for number in range(12)]
    few = ["p/few/1.jpg", "p/few/2.jpg"]
    sqlite_site.media.write(*banners, *thumbnails, "p/small/1.jpg", *few)
    options = {"derived": ["{dir}/thumbs/{stem}.jpg"]}
    listed = write_list(tmp_path, [*banners[3:5], "p/small/1.jpg", few[0]])
    job = sqlite_site.orphans(candidates=listed, **options)
    plan, _outcome = run(job, check=True)
    assert found(plan) == [b"p/few/1.jpg", b"p/small/1.jpg"]
    [kept] = plan.kept.items
    assert (kept.name, kept.code.value) == (b"p/banners", "unreferenced_folder")
    assert "holds 10 files or more" in kept.reason
    accepting = sqlite_site.orphans(candidates=listed, accept=["unreferenced_folder:p/banners"], **options)
    assert len(found(run(accepting, check=True)[0])) == 4
    # In another spelling than a listing has it, it is not next to the candidates.
    sqlite_site.insert("/media/p/banners/00.jpg")
    assert len(found(run(job, check=True)[0])) == 4


@pytest.mark.promise("guards")
def test_where_the_first_files_of_a_folder_do_not_count_the_others_may(
    sqlite_site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planner, "LOOKED_AT", 3)
    filled(sqlite_site)
    sqlite_site.media.write("p/small/1.jpg", *(f"p/small/thumbs/{number}.jpg" for number in range(5)))
    listed = write_list(tmp_path, ["p/small/1.jpg"])
    plan, _outcome = run(
        sqlite_site.orphans(candidates=listed, derived=["{dir}/thumbs/{stem}.jpg"]), check=True
    )
    assert codes(plan) == {b"p/small": "unreferenced_folder"}


@pytest.mark.promise(7)
def test_an_approved_plan_is_the_most_that_goes(sqlite_site: Site, tmp_path: Path) -> None:
    lost = filled(sqlite_site, 5)
    job = sqlite_site.orphans(candidates=write_list(tmp_path, [*lost[:3], lost[4]]))
    with planned(job) as made:
        token = made.plan.token
    write_list(tmp_path, lost[1:])
    sqlite_site.insert(lost[1])
    os.unlink(sqlite_site.media.path(lost[4]))
    plan, _outcome = run(job, approved=token)
    assert found(plan) == [b"p/lost2.jpg"]
    expected = {b"p/lost1.jpg": "changed", b"p/lost3.jpg": "not_approved", b"p/lost4.jpg": "absent"}
    assert codes(plan) == expected
    with pytest.raises(SiteError, match="other options"):
        run(sqlite_site.orphans(), approved=token)


def test_a_job_beside_it_still_asks_for_all_its_files(sqlite_site: Site, tmp_path: Path) -> None:
    """A stale list may hold what a record is missing: that is no proof that it is there."""
    lost = filled(sqlite_site)
    sqlite_site.insert("p/gone.jpg")
    listed = write_list(tmp_path, [*lost, "p/gone.jpg"])
    jobs = [sqlite_site.orphans(candidates=listed), sqlite_site.missing()]
    # Else the files may be of the very moment of the plan, and too young.
    let_clock_tick()

    class Watched:
        def __enter__(self) -> None: ...

        def __exit__(self, *_error: object) -> None: ...

    orphans, missing = run_all(jobs, True, [], lambda _job: Watched())
    assert orphans.plan is not None
    assert found(orphans.plan) == [b"p/lost0.jpg", b"p/lost1.jpg"]
    assert missing.plan is not None
    assert [item.row.file for item in missing.plan.items] == [b"p/gone.jpg"]

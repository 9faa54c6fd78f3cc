# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""What may not be read or removed, and paths that lead elsewhere, are told, and nothing is touched."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator, Mapping

import pytest

from helpers.ansible_runs import Ansible
from helpers.cases import Cases, fill, misjudged, of
from helpers.modules import names, run_module
from helpers.sites import Site


@contextmanager
def forbidden(path: Path, mode: int = 0) -> Iterator[None]:
    before = path.stat().st_mode
    path.chmod(mode)
    try:
        yield
    finally:
        path.chmod(before)


@pytest.mark.promise(1)
def test_what_may_not_be_read_is_told_with_the_remedy(
    sqlite_site: Site, ansible: Ansible, tmp_path_factory: pytest.TempPathFactory
):
    site = sqlite_site
    fill(site)
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    closed, half, database = (elsewhere / name for name in ("closed", "half", "closed.sqlite3"))
    closed.mkdir(mode=0)
    (half / "avif").mkdir(parents=True)
    (half / "photos").mkdir(mode=0)
    database.touch(mode=0)
    before = site.state()
    advice = ["cannot be read: Permission denied", "in the description of the site (user)"]
    cases: Cases = {
        "root": (site.orphans(media_root=str(closed)), [f"media_root '{closed}'", *advice]),
        "root for records": (site.records(media_root=str(closed)), [f"media_root '{closed}'", *advice]),
        "directory": (site.orphans(media_root=str(half)), ["directory 'photos'", *advice]),
        "database": (site.orphans(database_url=f"sqlite:///{database}"), [str(database), "unable to open"]),
    }
    assert misjudged(cases, ansible.results(*of(cases), powerless=True)) == {}
    assert site.state() == before


@pytest.mark.promise(1)
def test_a_subdirectory_that_may_not_be_read_stops_the_whole_run(sqlite_site: Site, ansible: Ansible):
    site = sqlite_site
    site.keep(*(f"photos/{number}.jpg" for number in range(6)), "photos/secret/there.jpg")
    site.write("photos/orphan.jpg", "photos/secret/orphan.jpg")
    site.insert("photos/missing.jpg", "photos/secret/missing.jpg")
    files, rows = site.files, site.database.dump()
    tasks = [site.orphans(), site.records()]
    dry = [{**task, "check_mode": True} for task in tasks]
    with forbidden(site.media / "photos" / "secret"):
        results = ansible.results(*dry, *tasks, powerless=True)
    assert site.files == files
    assert site.database.dump() == rows
    for result in results:
        [refusal] = result["refused"]
        assert refusal["guard"] == "partial"
        assert "photos/secret" in refusal["message"]
        assert "Permission denied" in refusal["message"]
        assert "A partial run removes nothing" in refusal["message"]
        assert not result["changed"]
    assert [result["failed"] for result in results] == [False, False, True, True]
    assert results[0]["refused"][0]["message"] in results[0]["warnings"]
    assert results[2]["refused"][0]["message"] in results[2]["msg"]


def test_a_file_that_may_not_be_removed_fails_the_task_and_names_it(sqlite_site: Site, ansible: Ansible):
    site = sqlite_site
    site.keep(*(f"photos/{number}.jpg" for number in range(9)))
    site.write("photos/orphan.jpg", "photos/kept/orphan.jpg")
    with forbidden(site.media / "photos" / "kept", 0o555):
        [result] = ansible.results(site.orphans(), powerless=True)
    assert result["failed"]
    assert result["changed"]
    assert names(result["not_removed"]) == {"photos/kept/orphan.jpg"}
    assert "could not be removed" in result["msg"]
    assert "photos/kept/orphan.jpg" in result["msg"]
    assert result["removed"]["files"] == 1
    assert "photos/kept/orphan.jpg" in site.files
    assert "photos/orphan.jpg" not in site.files


@pytest.mark.promise(5)
@pytest.mark.promise(9)
def test_paths_in_the_database_that_lead_elsewhere_are_told_and_not_acted_on(site: Site):
    # The first of them comes before "photos/.." in byte order, the others behind it.
    site.keep("photos/-.jpg", *(f"photos/{number}.jpg" for number in range(9)))
    (site.folder / "outside.jpg").write_text("not ours")
    odd = {
        "/etc/passwd": "is absolute",
        "../outside.jpg": "holds '..'",
        "photos/../../outside.jpg": "holds '..'",
        "photos/..": "holds '..'",
        f"{site.folder}/outside.jpg": "is absolute",
        "https://cdn.example.com/photos/cdn.jpg": "is a URL",
    }
    # What such a value may mean is left alone too.
    site.write("photos/cdn.jpg")
    check_odd_paths(site, odd)
    assert (site.folder / "outside.jpg").exists()
    assert os.path.exists("/etc/passwd")


@pytest.mark.promise(5)
def test_paths_in_the_database_that_hold_nul_are_told_and_not_acted_on(sqlite_site: Site):
    """Only SQLite can keep them."""
    sqlite_site.keep(*(f"photos/{number}.jpg" for number in range(9)))
    nul = "holds a NUL byte"
    check_odd_paths(sqlite_site, {"photos/nul\0.jpg": nul, "\0": nul, "photos/1.jpg\0": nul})


def check_odd_paths(site: Site, odd: Mapping[str, str]) -> None:
    site.insert(*odd)
    site.insert("photos/really_missing.jpg")
    site.insert(*odd, attached=False)
    site.write("photos/orphan.jpg")
    files = site.files

    tasks = [site.orphans(), site.records(), site.records(select="incomplete", max_removal_percent=100)]
    orphans, missing, incomplete = map(run_module, tasks)

    untold = {}
    for job, result in (("orphans", orphans), ("missing", missing), ("incomplete", incomplete)):
        reasons = {entry["name"]: entry["reason"] for entry in result["left_alone"]}
        shown = {path.replace("\0", "\\x00"): why for path, why in odd.items()}
        untold[job] = [path for path, why in shown.items() if why not in reasons.get(path, "")]
    assert untold == {"orphans": [], "missing": [], "incomplete": []}
    assert names(orphans["orphans"], "path") == {"photos/orphan.jpg"}
    assert names(missing["records"], "path") == {"photos/really_missing.jpg"}
    # These rows are incomplete by their columns alone, and go; no file goes with them.
    assert incomplete["removed"] == {"records": len(odd), "files": 0, "bytes": 0}
    assert site.files == sorted(set(files) - {"photos/orphan.jpg"})

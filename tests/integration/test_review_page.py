# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""The page to review in a real browser: read, filtered, unticked, exported, and applied by the playbook."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from engine.config.keep import keep_of
from engine.config.review import reviews
from engine.report.page.document import Limits, emit_document
from engine.report.page.page import Page, Part, as_html, page, read_documents
from engine.run import run
from helpers.ansible_runs import CLEANUP, Ansible
from helpers.browser import CHOSEN, NAMES_ON_PAGE, Browse, Step
from helpers.builders import Site as EngineSite
from helpers.checkout import REPOSITORY
from helpers.clock import let_clock_tick
from helpers.pages import data_of, exported
from helpers.sites import Site

HOSTILE = [
    b"p/<img src=x onerror=hacked=1>.jpg",
    b"p/\"'`${hacked=1} $script.jpg",
    b"p/\x1b[31mred\x07\n.jpg",
    b"p/caf\xe9.jpg",
    b"p/[1]*%41.jpg",
    "p/\u202egpj.exe".encode(),
]


def written(folder: Path, *parts: Part) -> Path:
    file = folder / "page.html"
    file.write_text(page(parts))
    return file


def planned(site: EngineSite) -> Any:
    """The document of the plan of a site's orphans."""
    let_clock_tick()
    plan, _outcome = run(site.orphans(), check=True)
    texts: list[Any] = []
    emit_document(site.orphans(), plan, Limits(8 << 20, 1000), texts.append)
    [document] = read_documents("".join(texts))
    return document


@pytest.mark.promise(7)
def test_what_is_unticked_on_the_page_of_the_demo_is_exactly_what_the_playbook_keeps(
    tmp_path: Path, ansible: Ansible, browse: Browse
) -> None:
    demo, html, keep = tmp_path / "demo", tmp_path / "review.html", tmp_path / "keep.yml"
    command = [sys.executable, REPOSITORY / "demo" / "build_sites.py", demo]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    playbook = ("ansible-playbook", "-i", demo / "inventory.yml", CLEANUP)
    checked = ansible.run(*playbook, "--check", "-e", f"media_cleanup_report={html}")
    assert checked.status == 0, checked.output
    assert str(html) in checked.words
    assert html.stat().st_mode & 0o777 == 0o600
    assert "changed=0" in checked.words or checked.recap["album"]["changed"] == 1

    found = browse(
        html,
        ["axe"],
        # The first picture by a click, and the second by the keyboard alone.
        ["click", "#list [aria-posinset='2']"],
        ["press", "ArrowRight", " "],
        # What is left of a group, and of its bytes.
        ["eval", "document.querySelector('#list .sum').textContent"],
        ["eval", "document.activeElement.id + ' ' + document.getElementById('detail').textContent"],
        ["eval", CHOSEN],
        ["click", "#theme"],
        ["axe"],
        ["click", "#tabs button:nth-child(2)"],
        ["axe"],
        ["click", "#tabs button:nth-child(3)"],
        ["axe"],
        # The rows of the album: a whole group.
        ["click", "#jobs li:nth-child(3) button"],
        ["eval", NAMES_ON_PAGE],
        ["click", "#list .group"],
        ["axe"],
        ["click", "#how"],
        ["axe"],
        ["eval", "document.getElementById('lasting').value"],
        ["click", "#close"],
        ["viewport", 390, 844],
        ["axe"],
        ["eval", "document.documentElement.scrollWidth"],
        ["click", "#export"],
        ["wait", 500],
    )
    values = found["values"]
    assert [value for step, value in enumerate(values) if step in (0, 7, 9, 11, 15, 17, 21)] == [[]] * 7
    assert values[3] == "4 of 6 removed · 1.1 MB"
    assert values[4].startswith("list item_photos/deleted_item_qrs.jpg · 120,480 bytes")
    assert values[5] == "29 of 31 items to be removed, 2 kept by you"
    assert values[13][0] == "Evan Photos"
    assert '  - "item_photos/deleted_item_klm.jpg"\n' in values[18]
    assert '  - "row:album_photo:309"\n' in values[18]
    assert values[22] == 390

    applying = ("-e", f"media_cleanup_keep={keep}", "-e", "media_cleanup_force=true", "-v")
    applied = ansible.run(*playbook, *applying)
    assert applied.status == 0, applied.output
    assert "item_photos/deleted_item_klm.jpg: a reviewer unticked it" in applied.words
    left = {file.name for file in (demo / "footycollect/media/item_photos").iterdir()}
    assert {"deleted_item_klm.jpg", "deleted_item_qrs.jpg"} <= left
    assert not {"deleted_item_xyz.jpg", "temp_abc123.jpg"} & left
    with closing(sqlite3.connect(demo / "album" / "db.sqlite3")) as database:
        [(photos,)] = database.execute("SELECT count(*) FROM album_photo")
    # Of ten photos without a file, eight are in the group.
    assert photos == 414 - 2


@pytest.mark.promise(6)
@pytest.mark.promise(7)
def test_the_playbook_leaves_nothing_of_a_page_behind_and_refuses_a_list_that_was_changed(
    sqlite_site: Site, ansible: Ansible, tmp_path_factory: pytest.TempPathFactory
) -> None:
    beside = tmp_path_factory.mktemp("beside")
    sqlite_site.keep(*(f"photos/{number}.jpg" for number in range(9)))
    sqlite_site.write("photos/a.jpg", "photos/b.jpg")
    html, keep, places = beside / "review.html", beside / "keep.yml", beside / "temporary"
    places.mkdir()
    ansible.environment["TMPDIR"] = str(places)
    before = sqlite_site.state()
    playbook = ("ansible-playbook", "-i", ansible.sites({"web": [sqlite_site.described()]}), CLEANUP)

    checked = ansible.run(*playbook, "--check", "-e", f"media_cleanup_report={html}")
    assert checked.status == 0, checked.output
    assert {part["host"] for part in data_of(html)["parts"]} == {"web"}
    assert list(places.glob("media-cleanup-*")) == []
    assert sqlite_site.state() == before

    changed = exported(html, "photos/b.jpg")
    changed["media_cleanup_keep"]["jobs"][0]["keep"].append("photos/a.jpg")
    keep.write_text(json.dumps(changed))
    refused = ansible.run(*playbook, "-e", f"@{keep}", "-e", "media_cleanup_force=true")
    assert refused.status != 0
    assert "the keep list was changed or cut off" in refused.words
    assert sqlite_site.state() == before


def test_a_page_of_fifty_thousand_rows_is_quick(
    engine_site: EngineSite, tmp_path: Path, browse: Browse
) -> None:
    engine_site.media.write("p/1.jpg")
    document = planned(engine_site)
    document["folders"] = [f"photos/{number}" for number in range(100)]
    document["items"] = [
        [
            at // 500,
            f"IMG_{at:05}.jpg",
            at,
            1_700_000_000 + at,
            "",
            f"row {at}",
            "Ann",
            ["2 rows of album deleted"],
        ]
        for at in range(50_000)
    ]
    document["items_total"] = 50_000
    html = written(tmp_path, Part("web", "kit · orphans", document))
    steps: list[Step] = [
        ["click", "#filter"],
        ["type", "IMG_4999"],
        ["eval", NAMES_ON_PAGE],
        ["type", "9999"],
        ["eval", "document.getElementById('list').dataset.empty"],
        ["axe"],
        ["press", *["Backspace"] * 8],
        ["wait", 300],
        ["click", "#list .row"],
        ["press", "End"],
        ["eval", "document.getElementById('detail').textContent"],
        ["press", " "],
        ["press", "Home", " "],
        ["eval", CHOSEN],
        ["eval", "document.querySelectorAll('[role=option]').length"],
        ["eval", "document.getElementById('group').focus()"],
        ["press", "s"],
        ["eval", NAMES_ON_PAGE + "[0]"],
        ["press", "ArrowUp"],
        ["eval", NAMES_ON_PAGE + "[0]"],
        ["axe"],
    ]
    found = browse(html, *steps)
    values = found["values"]
    assert values[2] == ["photos/99", *(f"photos/99/IMG_4999{number}.jpg" for number in range(10))]
    assert (values[4], values[5]) == ("Nothing here matches the filter.", [])
    assert values[10].startswith("photos/99/IMG_49999.jpg · row 49999 · Ann · 2 rows of album deleted")
    # The first row, the last one, and then the whole first group.
    assert values[13] == "49,499 of 50,000 items to be removed, 501 kept by you"
    assert values[14] < 100
    assert values[17] == "up to 100 kB"
    assert values[19] == "older than a year"
    assert values[20] == []
    assert found["opened"] < 5_000
    quick = [result for result, (step, *_more) in zip(found["results"], steps) if step != "axe"]
    assert max(result["milliseconds"] for result in quick[1:]) < 3_000


def test_each_view_of_a_refused_plan_says_why_and_a_page_that_is_too_old_exports_nothing(
    engine_site: EngineSite, tmp_path: Path, browse: Browse
) -> None:
    engine_site.media.write("p/gone.jpg", "p/news.jpg", "q/moved.jpg", "p/kept.jpg")
    engine_site.insert("p/moved.jpg", "p/kept.jpg", "q/gone.jpg")
    engine_site.database.run("CREATE TABLE news (id integer PRIMARY KEY, body text)")
    engine_site.database.insert("news", [{"id": 1, "body": "p/news.jpg"}])
    let_clock_tick()
    job = engine_site.orphans(include_likely_moves=False, max_removal_percent=1, accept=["path_mismatch"])
    engine_site.media.write("q/gone.jpg")
    plan, _outcome = run(job, check=True)
    texts: list[Any] = []
    emit_document(job, plan, Limits(8 << 20, 1000), texts.append)
    [document] = read_documents("".join(texts))
    document["made"] = time.time() - 7 * 86400 - 1
    html = written(tmp_path, Part("web", document["heading"], document))
    found = browse(
        html,
        ["eval", "document.getElementById('age').textContent"],
        ["eval", "document.getElementById('export').disabled"],
        ["eval", "document.getElementById('refused').textContent"],
        ["click", "#list .row"],
        ["eval", "document.getElementById('detail').textContent"],
        ["axe"],
        ["click", "#tabs button:nth-child(2)"],
        ["eval", "[...document.querySelectorAll('#codes button')].map((each) => each.textContent)"],
        ["eval", "[...document.querySelectorAll('.kept .text')].map((each) => each.textContent)"],
        ["click", "#codes button:nth-child(1)"],
        ["eval", NAMES_ON_PAGE + ".length"],
        ["axe"],
        ["click", "#theme"],
        ["axe"],
        ["click", "#tabs button:nth-child(3)"],
        ["eval", "document.getElementById('about').textContent"],
        ["axe"],
    )
    values = found["values"]
    assert values[:2] == ["This page is too old to act on. Make it again; its list would be refused.", True]
    assert values[2].startswith("Refused (max_removal_percent): 1 of 5 files would be removed")
    assert values[2].endswith("Lifted by: max_removal_percent.")
    assert values[4].startswith("p/gone.jpg · most like it: q/gone.jpg (another folder) · 7 bytes")
    assert "nothing references it · no picture: it cannot be read: it is none of JPEG" in values[4]
    assert values[7] == ["unlisted 1", "likely_move 1"]
    assert [words[:10] for words in values[8]] == ["unlistedp/", "likely_mov"]
    assert "q/moved.jpg ⇄ p/moved.jpg" in values[8][1]
    assert values[10] == 1
    assert "add {table: news, column: body} to references" in values[15]
    assert [value for step, value in enumerate(values) if step in (5, 11, 13, 16)] == [[]] * 4


@pytest.mark.promise(8)
def test_hostile_names_are_text_on_the_page_and_bytes_in_its_export(
    engine_site: EngineSite, tmp_path: Path, browse: Browse
) -> None:
    names = sorted(HOSTILE)
    engine_site.media.write(*names)
    document = planned(engine_site)
    parts = [
        Part("web</script><script>hacked=1</script>", document["heading"], document),
        Part("web", "<b>none</b>", None, "<script>hacked=1</script>"),
    ]
    html = tmp_path / "page.html"
    html.write_text(as_html(Page("", parts, ["<script>hacked=1</script>"])))
    found = browse(
        html,
        ["eval", NAMES_ON_PAGE],
        ["eval", "typeof hacked"],
        # By the keyboard alone: the whole group, and the export.
        ["tab", "#list"],
        ["press", " "],
        ["tab", "#export"],
        ["press", "Enter"],
        ["wait", 500],
        ["tab", "#jobs li:nth-child(2) button"],
        ["press", "Enter"],
        ["eval", "document.getElementById('refused').textContent"],
        ["axe"],
        ["eval", "typeof hacked"],
        ["eval", "document.getElementById('absent').textContent"],
    )
    values = found["values"]
    assert "nothing of 1 host on this page: <script>hacked=1</script>." in values[12]
    assert len(values[0]) == 1 + len(names)
    assert "p/<img src=x onerror=hacked=1>.jpg" in values[0]
    assert r"p/\x1b[31mred\x07\n.jpg" in values[0]
    assert (values[1], values[11]) == ("undefined", "undefined")
    assert values[9] == "<script>hacked=1</script>"
    assert values[10] == []
    exported = json.loads((tmp_path / "keep.yml").read_text())
    [review] = reviews(exported, "web</script><script>hacked=1</script>", [document["heading"]])
    assert review.plan_id == document["plan_id"]
    kept = keep_of(review.keep)
    assert sorted([*kept.paths, *kept.files]) == names

# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""The page that a playbook makes, with each ansible-core: what files are called, and hosts in batches."""

from __future__ import annotations

import json
from typing import Any

import pytest

from engine.report.page.page import Page, Part, as_html
from helpers.ansible_runs import CLEANUP, Ansible
from helpers.pages import data_of, exported, paths_of
from helpers.sites import Site

HOSTILE = [
    b"photos/<img src=x onerror=hacked=1>.jpg",
    b"photos/\"'`${hacked=1} $script.jpg",
    b"photos/\x1b[31mred\x07\n.jpg",
    b"photos/caf\xe9.jpg",
    b"photos/[1]*%41.jpg",
    "photos/\u202egpj.exe".encode(),
    b"photos/{{ lookup('pipe', 'touch hacked') }}.jpg",
    b"photos/{% raw %}.jpg",
    b"photos/!unsafe 'a'.jpg",
    b"photos/row:photo:1.jpg",
]


@pytest.mark.promise(7)
@pytest.mark.promise(8)
def test_hostile_names_of_all_hosts_are_shown_and_exactly_what_is_unticked_is_kept(
    sqlite_site: Site, ansible: Ansible, tmp_path_factory: pytest.TempPathFactory
) -> None:
    beside = tmp_path_factory.mktemp("beside")
    html, keep = beside / "review.html", beside / "keep.yml"
    sqlite_site.keep(*(f"photos/{number}.jpg" for number in range(20)))
    sqlite_site.write("photos/gone.jpg", *HOSTILE)
    described = {"media_cleanup_sites": [sqlite_site.described()], "media_cleanup_jobs": "orphans"}
    hosts: dict[str, Any] = {"one": described, "two": {**described, "media_cleanup_sitess": []}}
    hosts["three"] = described
    playbook = ("ansible-playbook", "-i", ansible.inventory(hosts), CLEANUP)
    # Of another run.
    html.write_text(as_html(Page("abc", [Part("four", "kit · orphans", None, "gone")])))

    report = ("-e", "media_cleanup_serial=2", "-e", f"media_cleanup_report={html}")
    checked = ansible.run(*playbook, "--check", "--diff", *report)

    assert "it has nothing yet of two, three" in checked.words
    found = data_of(html)
    assert [part["host"] for part in found["parts"]] == ["one", "three"]
    assert found["absent"] == ["two"]
    shown = paths_of(found["parts"][0])
    assert len(shown) == len(HOSTILE) + 1
    assert r"photos/\x1b[31mred\x07\n.jpg" in shown
    assert r"photos/caf\xe9.jpg" in shown

    keep.write_text(json.dumps(exported(html, *(set(shown) - {"photos/gone.jpg"}))))
    applying = ("-e", f"media_cleanup_keep={keep}", "-e", "media_cleanup_force=true")
    applied = ansible.run(*playbook, "--limit", "one,three", *applying)

    assert applied.status == 0, applied.output
    left = {path.name for path in sqlite_site.media.joinpath("photos").iterdir()}
    assert "gone.jpg" not in left
    assert len(left) == 20 + len(HOSTILE)
    assert list(ansible.folder.rglob("hacked")) == []

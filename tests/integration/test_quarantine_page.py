# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""The page of a quarantine in a real browser: the commands that it gives restore what is ticked."""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path
from typing import Any

import pytest

from engine.quarantine.store import batches
from engine.report.page.batches import emit_batch
from engine.report.page.document import Limits
from engine.report.page.dry_runs import DryRuns
from engine.report.page.page import Page, Part, as_html, page, read_documents
from engine.run import run
from helpers.browser import CHOSEN, Browse
from helpers.builders import Site as EngineSite
from helpers.clock import let_clock_tick


@pytest.mark.promise(10)
def test_the_page_of_a_quarantine_gives_the_commands_that_restore_what_is_ticked(
    tmp_path: Path, engine_site: EngineSite, browse: Browse
) -> None:
    engine_site.media.write("--force", "p/a b's.jpg", "p/b.jpg")
    let_clock_tick()
    kept_in = os.fsencode(tmp_path / "kept")
    job = engine_site.orphans(quarantine=os.fsdecode(kept_in), directories=["."])
    for _run in range(2):
        run(job, check=False)
        engine_site.media.write("p/d.jpg")
        let_clock_tick()
    texts: list[Any] = []
    for info in batches(kept_in):
        emit_batch(job.site, info, DryRuns(["would be restored"], []), Limits(1 << 20, 10), texts.append)
    first, second = read_documents("".join(texts), "batch")
    html = tmp_path / "page.html"
    parts = [Part("web", each["heading"], each) for each in (first, second)]
    html.write_text(page(parts, "batch"))
    commands = "document.getElementById('lasting').value"
    found = browse(
        html,
        ["axe"],
        ["eval", "document.getElementById('title').textContent"],
        ["click", "#list [aria-posinset='2']"],
        ["click", "#list [aria-posinset='4']"],
        ["eval", CHOSEN],
        ["click", "#export"],
        ["eval", commands],
        ["axe"],
        ["click", "#close"],
        ["click", "#jobs li:nth-child(2) button"],
        ["click", "#list .group"],
        ["click", "#export"],
        ["eval", commands],
    )
    values = found["values"]
    assert (values[0], values[7]) == ([], [])
    assert values[1] == "What is kept in quarantine"
    assert values[4] == "2 of 4 items to come back"
    only = f"media-cleanup restore kit {first['heading']} -- --force 'p/a b'\\''s.jpg'"
    assert values[6] == only
    assert values[12] == f"{only}\nmedia-cleanup restore kit {second['heading']}"


def test_the_page_of_a_playbook_gives_its_own_commands_in_which_no_name_is_a_template(
    tmp_path: Path, engine_site: EngineSite, browse: Browse
) -> None:
    engine_site.media.write("p/a b's.jpg", b"p/caf\xe9.jpg", "p/{{ 1 }}.jpg", "q/c.jpg")
    let_clock_tick()
    kept_in = os.fsencode(tmp_path / "kept")
    job = engine_site.orphans(quarantine=os.fsdecode(kept_in), directories=["."])
    run(job, check=False)
    [info] = batches(kept_in)
    texts: list[Any] = []
    emit_batch(job.site, info, DryRuns([], []), Limits(1 << 20, 10), texts.append)
    [document] = read_documents("".join(texts), "batch")
    html = tmp_path / "page.html"
    html.write_text(as_html(Page("abc", [Part("web", document["heading"], document)], kind="batch")))
    commands = "document.getElementById('lasting').value"
    found = browse(
        html,
        ["click", "#list .group"],
        ["click", "#export"],
        ["eval", commands],
        ["axe"],
        ["click", "#close"],
        ["click", "#list [aria-posinset='5']"],
        ["click", "#export"],
        ["eval", commands],
    )
    note, some = found["values"][2].splitlines()
    assert "without 1 path with a brace" in note
    words = shlex.split(some)
    assert words[:-1] == shlex.split("ansible-playbook -i INVENTORY playbooks/restore.yml --limit web -e")
    about = {"media_cleanup_site": "kit", "media_cleanup_batch": info.name}
    assert json.loads(words[-1]) == {**about, "media_cleanup_paths": ["p/a b's.jpg", "p/caf\\xe9.jpg"]}
    # All of a batch needs no name.
    assert json.loads(shlex.split(found["values"][7])[-1]) == about

# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""The playbook cleanup.yml: it plans, shows, asks once, and removes what was shown."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Any

import pytest

from helpers.ansible_runs import CLEANUP, FORCE, REFUSAL, Ansible
from helpers.sites import RECORDS_OPTIONS, Site, only, quarantined


def is_clean(site: Site) -> bool:
    kept = [f"photos/{number}.jpg" for number in range(9)]
    return site.images == kept and site.files == kept


@pytest.mark.promise(6)
def test_a_dry_run_shows_every_plan_and_ends_without_asking(kit: Site, album: Site, ansible: Ansible):
    before = kit.state(), album.state()
    run = ansible.clean({"web": [kit.described(), album.described()]}, "--check", "--diff")
    assert (kit.state(), album.state()) == before
    assert run.status == 0, run.output
    for name in ("kit", "album"):
        for job in ("orphans", "incomplete", "missing"):
            assert f"{name} · {job} (dry run)" in run.output
            assert f"+++ after: {name} {job}" in run.output
    assert "-photos/orphan.jpg 7 bytes" in run.words
    assert "Type yes" not in run.output
    # As ever in check mode, what would change counts as changed: all plans are one task.
    assert run.recap["web"]["changed"] == 1
    assert run.recap["web"]["failed"] == 0


def test_without_a_terminal_it_refuses_and_says_what_to_add(album: Site, ansible: Ansible):
    before = album.state()
    run = ansible.clean({"web": [album.described()]})
    assert album.state() == before
    assert run.status == 2
    assert REFUSAL in run.words
    assert "-e media_cleanup_force=true" in run.words
    assert run.recap["web"]["changed"] == 0
    assert run.recap["web"]["failed"] == 1


@pytest.mark.promise(7)
def test_any_answer_but_yes_removes_nothing(album: Site, ansible: Ansible):
    before = album.state()
    run = ansible.clean_and_answer({"web": [album.described()]}, "no")
    assert album.state() == before
    assert run.status == 2
    assert REFUSAL in run.words
    assert run.recap["web"]["changed"] == 0


@pytest.mark.promise(7)
def test_yes_removes_what_was_shown_and_not_what_came_up_since(kit: Site, album: Site, ansible: Ansible):
    hosts = {"web": [only(kit, "orphans")], "home": [album.described()]}
    run = ansible.clean_and_answer(hosts, "yes", meanwhile=lambda: kit.write("photos/came_later.jpg"))
    assert run.status == 0, run.output
    assert "web: kit · orphans: 1 file, 7 bytes" in run.words
    assert "home: album · missing · collection_photo: 1 row; deleted for good" in run.words
    assert run.output.count("Type yes to continue") == 1
    assert is_clean(album)
    assert "photos/orphan.jpg" not in kit.files
    assert "photos/came_later.jpg" in kit.files
    assert "photos/came_later.jpg: it is not in the approved plan" in run.words
    assert {host: numbers["changed"] for host, numbers in run.recap.items()} == {"web": 1, "home": 2}

    (kit.media / "photos" / "came_later.jpg").unlink()

    again = ansible.clean(hosts)
    assert again.status == 0, again.output
    assert "Type yes" not in again.output
    assert [numbers["changed"] for numbers in again.recap.values()] == [0, 0]


def test_the_question_says_dependent_rows_by_table_and_whether_there_is_a_quarantine(
    kit: Site, album: Site, ansible: Ansible
):
    album.database.run(
        "CREATE TABLE collection_favorite (id integer PRIMARY KEY,"
        " photo_id integer NOT NULL REFERENCES collection_photo (id))"
    )
    missing = album.images.index("photos/missing.jpg") + 1
    album.database.insert("collection_favorite", [{"id": n, "photo_id": missing} for n in (1, 2)])
    before = album.state()
    described = only(album, "missing")
    rule = {"table": "collection_favorite", "column": "photo_id", "action": "delete"}
    described["missing"] = [{**job, "dependents": [rule]} for job in described["missing"]]
    hosts = {"web": [described], "home": [quarantined(kit, "orphans")]}
    run = ansible.clean_and_answer(hosts, "no")
    assert album.state() == before
    assert (
        "web: album · missing · collection_photo: 1 row; "
        "dependent rows: collection_favorite 2 rows deleted; deleted for good" in run.words
    )
    assert "home: kit · orphans: 1 file, 7 bytes; moved into quarantine" in run.words
    assert (
        "in all: 1 row, 1 file, 7 bytes removed; 2 dependent rows deleted or changed, on 2 hosts" in run.words
    )


def test_jobs_and_limit_narrow_it(kit: Site, album: Site, ansible: Ansible):
    before = kit.state()
    rows = album.database.dump()
    hosts = {"web": [kit.described()], "home": [album.described()]}
    run = ansible.clean(hosts, *FORCE, "-e", "media_cleanup_jobs=orphans", "--limit", "home")
    assert run.status == 0, run.output
    assert list(run.recap) == ["home"]
    assert kit.state() == before
    assert album.database.dump() == rows
    assert "photos/orphan.jpg" not in album.files
    assert "photos/incomplete.jpg" in album.files


def test_a_failing_job_does_not_keep_the_others_and_fails_its_host(kit: Site, album: Site, ansible: Ansible):
    down = {**only(kit, "missing"), "name": "down", "database_url": "postgresql://kit@127.0.0.1:1/kit"}
    hosts = {"web": [down, only(kit, "orphans")], "home": [only(album, "orphans")]}

    checked = ansible.clean(hosts, "--check")
    run = ansible.clean(hosts, *FORCE)

    for result in (checked, run):
        assert result.status == 2
        assert "connecting to the database failed" in result.words
        assert "down · missing · collection_photo (failed)" in result.words
        assert {host: numbers["failed"] for host, numbers in result.recap.items()} == {"web": 1, "home": 0}
    for site in (kit, album):
        assert "photos/orphan.jpg" not in site.files


def test_a_job_that_fails_after_the_answer_fails_its_host(kit: Site, album: Site, ansible: Ansible):
    hosts = {"web": [only(kit, "orphans"), only(album, "orphans")]}
    media = album.media.rename(album.media.with_name("elsewhere"))
    media.rename(album.media)
    run = ansible.clean_and_answer(hosts, "yes", meanwhile=lambda: album.media.rename(media))
    assert run.status == 2
    assert f"media_root '{album.media}' does not exist" in run.words
    assert run.recap["web"]["failed"] == 1
    assert "photos/orphan.jpg" not in kit.files


@pytest.mark.promise("guards")
def test_a_total_loss_is_refused_in_words_that_lift_it(kit: Site, album: Site, ansible: Ansible):
    for image in kit.files:
        (kit.media / image).unlink()
    before = kit.state()
    hosts = {"web": [only(kit, "missing"), only(album, "missing")]}

    refused = ansible.clean(hosts, *FORCE)
    assert refused.status == 2
    assert refused.recap["web"]["failed"] == 1
    assert "kit · missing (refused)" in refused.words
    # Shown with the plan, and again as what the host fails for.
    assert refused.words.count("11 of 11 rows of collection_photo would be removed, 100 %") >= 2
    assert "set max_removal_percent to 100" in refused.words
    assert kit.state() == before
    assert "photos/missing.jpg" not in album.images

    lifted = ansible.clean(hosts, *FORCE, "-e", "media_cleanup_max_removal_percent=100")
    assert lifted.status == 0, lifted.output
    assert kit.images == []


def test_a_description_that_cannot_be_meant_is_told_clearly(album: Site, ansible: Ansible):
    before = album.state()
    site = album.described()
    incomplete = {key: value for key, value in RECORDS_OPTIONS.items() if key != "table"}
    without_root = {key: value for key, value in site.items() if key != "media_root"}
    expected = {
        "unknown_key": (
            {**site, "marcer": "x"},
            "site 'album' of media_cleanup_sites has unknown keys: marcer",
        ),
        "no_root": (without_root, "site 'album' of media_cleanup_sites has no media_root"),
        "no_name": ({**site, "name": ""}, "must be a mapping with a name"),
        "no_mapping": ("album", "must be a mapping with a name"),
        "no_table": ({**site, "missing": [incomplete]}, "missing of site 'album' has no table"),
        "job": (
            {**site, "orphans": {**site["orphans"], "director": []}},
            "orphans of site 'album' has unknown options: director",
        ),
    }
    hosts: dict[str, Any] = {host: [described] for host, (described, _words) in expected.items()}
    hosts["twice"] = [site, site]
    hosts["no_list"] = site
    run = ansible.clean(hosts, *FORCE)
    assert album.state() == before
    assert run.status == 2
    assert {host: numbers["failed"] for host, numbers in run.recap.items()} == dict.fromkeys(hosts, 1)
    for _described, words in expected.values():
        assert words in run.words
    assert "media_cleanup_sites has two sites named 'album'" in run.words
    assert "media_cleanup_sites must be a list of sites" in run.words
    assert "Traceback" not in run.output


def test_an_unknown_job_is_told_clearly(album: Site, ansible: Ansible):
    before = album.state()
    run = ansible.clean({"web": [album.described()]}, *FORCE, "-e", "media_cleanup_jobs=orphan")
    assert run.status == 2
    assert "media_cleanup_jobs has 'orphan'; there are orphans, incomplete, missing" in run.words
    assert album.state() == before


def test_a_host_without_sites_is_no_failure(ansible: Ansible):
    run = ansible.clean({"web": []})
    assert run.status == 0, run.output
    assert run.recap["web"]["changed"] == 0


@pytest.mark.parametrize(
    ("playbook", "variables"),
    [
        ("cleanup.yml", ("-e", "media_cleanup_forse=true")),
        ("restore.yml", ("-e", "media_cleanup_forse=true", "-e", "media_cleanup_site=album")),
    ],
)
def test_a_misspelled_variable_is_told_and_not_ignored(
    album: Site, ansible: Ansible, playbook: str, variables: tuple[str, ...]
):
    before = album.state()
    inventory = ansible.sites({"web": [album.described()]})
    run = ansible.run("ansible-playbook", "-i", inventory, CLEANUP.with_name(playbook), *variables)
    assert run.status == 2
    assert "media_cleanup_forse (did you mean media_cleanup_force?)" in run.words
    assert album.state() == before


def test_a_host_whose_sites_are_under_another_name_is_no_empty_run(album: Site, ansible: Ansible):
    inventory = ansible.inventory({"web": {"media_cleanup_site": [album.described()]}, "bare": {}})
    run = ansible.run("ansible-playbook", "-i", inventory, CLEANUP, "--check")
    assert run.status == 2
    assert "media_cleanup_site (did you mean media_cleanup_sites?)" in run.words
    assert {host: numbers["failed"] for host, numbers in run.recap.items()} == {"web": 1, "bare": 0}
    assert "This host has no media_cleanup_sites" in run.words


@pytest.mark.parametrize("result_format", ["json", "yaml"])
def test_the_report_has_one_line_a_line_whatever_the_callback_shows(
    album: Site, ansible: Ansible, result_format: str
):
    ansible.environment["ANSIBLE_CALLBACK_RESULT_FORMAT"] = result_format
    sites = {"web": [only(album, "orphans")]}
    run = ansible.clean(sites, "--check", "-e", "media_cleanup_force=false")
    assert run.status == 0, run.output
    [head] = [line for line in run.output.splitlines() if "album · orphans (dry run)" in line]
    assert len(head) < 60
    [found] = [line for line in run.output.splitlines() if "1 orphan, 7 bytes" in line]
    assert found != head


def test_force_does_not_ask_and_becomes_root_and_nobody_else(
    kit: Site, album: Site, ansible: Ansible, tmp_path: Path
):
    # Played by a script, for not every machine lets a test become somebody.
    sudo, log = tmp_path / "sudo", tmp_path / "sudo.log"
    script = f'echo "$@" >> {log}; while [ "$1" != /bin/sh ]; do shift; done; exec "$@"'
    sudo.write_text(f"#!/bin/sh\n{script}\n")
    sudo.chmod(0o755)
    ansible.environment["ANSIBLE_BECOME_ALLOW_SAME_USER"] = "true"
    me = getpass.getuser()
    sites = [album.described(user=me), only(kit, "orphans")]

    becoming = ("-e", f"ansible_become_exe={sudo}", "-e", "media_cleanup_become=true")
    run = ansible.clean({"web": sites}, *FORCE, *becoming)

    assert run.status == 0, run.output
    assert is_clean(album)
    assert "photos/orphan.jpg" not in kit.files
    assert run.output.count("removed 1 file, 7 bytes") == 2
    assert run.recap["web"]["changed"] == 2
    commands = log.read_text().splitlines()
    # All plans at once, and four jobs that remove.
    assert len(commands) == 5
    assert all("-u root " in command for command in commands)


def test_null_and_false_reach_the_modules_as_such(album: Site, ansible: Ansible):
    """No text None for what is null, and -e name=false is the text false."""
    nothing = dict.fromkeys(["marker", "media_url", "accept", "derived", "time_zone", "exclude"])
    inside = {"quarantine": str(album.media / "kept"), "quarantine_in_media_root": "{{ publish }}"}
    hosts = {
        "web": [only(album, "orphans") | nothing],
        "home": [album.described(**inside, name="inside")],
    }
    run = ansible.clean(hosts, *FORCE, "-e", "publish=false")
    assert "WARNING" not in run.output
    assert "None" not in run.words
    assert {host: numbers["failed"] for host, numbers in run.recap.items()} == {"web": 0, "home": 1}
    assert "kept' is inside media_root" in run.words
    assert "photos/orphan.jpg" not in album.files


def test_module_defaults_of_the_group_set_what_the_modules_share(album: Site, ansible: Ansible):
    play = {
        "module_defaults": {"group/django_media.cleanup.cleanup": {**album.both, "max_removal_percent": 0}}
    }
    orphans = {"django_media.cleanup.media_orphans": {"directories": ["photos"], "age_stamp": "mtime"}}
    orphans["django_media.cleanup.media_orphans"]["references"] = album.described()["orphans"]["references"]
    records = {"django_media.cleanup.photo_records": {**RECORDS_OPTIONS, "age_stamp": "mtime"}}
    run = ansible.tasks(orphans, records, play=play)
    assert len(run.results) == 2
    for result in run.results:
        assert [refusal["guard"] for refusal in result["refused"]] == ["max_removal_percent"], result
        assert "max_removal_percent allows 0 %" in result["msg"]

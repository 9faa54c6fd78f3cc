# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""A password in database_url shows nowhere: not in output, results or errors, nor in a process list."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from ansible.release import __version__
from test_documentation import specification

from helpers.ansible_runs import Ansible
from helpers.modules import orphans, run_module
from helpers.processes import CommandLines
from helpers.sites import Site

pytestmark = pytest.mark.promise(12)

# Special characters, so that a form that is decoded or encoded again is another text.
PASSWORD = "hush/Tr0ub@dor%4"
WRITTEN = "hush%2FTr0ub%40dor%254"
# Whatever shows any part of it has told too much.
TELLING = ("hush", "Tr0ub", "dor%4", "dor%254")
QUARANTINE = "django_media.cleanup.media_quarantine"
LOUD = ("-vvv", "--diff")


def with_password(url: str, password: str = WRITTEN) -> str:
    return urlsplit(url)._replace(netloc=f"postgres:{password}@").geturl()


def shown(text: str) -> list[str]:
    """The lines that tell something of the password."""
    return [line for line in text.splitlines() if any(part in line for part in TELLING)]


@pytest.fixture
def site(tmp_path: Path, postgresql: Any) -> Site:
    """A site on PostgreSQL with something for each job to find."""
    site = Site(tmp_path, postgresql)
    site.keep(*(f"photos/{number}.jpg" for number in range(9)))
    site.write("photos/orphan.jpg")
    site.insert("photos/missing.jpg")
    site.keep("photos/incomplete.jpg", attached=False)
    return site


def test_modules_show_no_password_when_they_succeed_or_fail(site: Site, ansible: Ansible):
    url = with_password(site.database.url)
    no_database = url.replace("/site_", "/no_such_site_")
    tasks = [
        site.orphans(database_url=url, name="succeeds"),
        site.records(database_url=url),
        site.records(database_url=url, select="incomplete"),
        site.orphans(database_url=url, marker="refused"),
        site.orphans(database_url=no_database),
        site.orphans(database_url=url, max_removal_percent="half"),
        site.orphans(database_url=url, references=[{"table": "no_such", "column": "image"}]),
        site.orphans(database_url=url, no_such_option=1),
        orphans(database_url=url),
        site.orphans(database_url=f"mysql://kit:{WRITTEN}@db/kit"),
        site.orphans(database_url=f"postgresql://kit:{WRITTEN}@/kit?host=/no&no_such_option=1"),
        site.orphans(database_url=f"postgresql:///kit?host=/no/such&password={WRITTEN}"),
    ]
    # As files, modules have names in the list of processes.
    ansible.environment["ANSIBLE_PIPELINING"] = "false"
    with CommandLines() as processes:
        run = ansible.tasks(*tasks, arguments=LOUD)
    assert "AnsiballZ_media_orphans.py" in repr(processes.seen)
    assert shown(repr(processes.seen)) == []
    assert shown(run.output) == []
    assert shown(json.dumps(run.results)) == []
    assert [result["failed"] for result in run.results] == [False] * 3 + [True] * 9


def test_no_part_of_a_password_shows_that_was_not_percent_encoded(site: Site):
    """In such a URL, a part of the password may stand where the host or the port belongs."""
    urls = [f"postgresql://kit:hush{special}Tr0ub@127.0.0.1:1/kit" for special in "/@?#:%[ "]
    # Whatever precedes "://" is no scheme if it does not look like one.
    urls += ["postgresql:kit:hush@127.0.0.1://", "{'password': 'hush', 'url': 'postgresql://db/kit'}"]
    results = {url: run_module(site.orphans(database_url=url)) for url in urls}
    assert [url for url, result in results.items() if not result["failed"]] == []
    assert {url: result["msg"] for url, result in results.items() if shown(json.dumps(result))} == {}


def test_options_of_a_wrong_shape_do_not_bring_the_password_up(site: Site, ansible: Ansible):
    """Ansible gives up on such options before it knows which of the others are secret."""
    url = with_password(site.database.url)
    tasks = [
        site.orphans(database_url=url, references=["image"]),
        site.records(database_url=url, dependents=["album_favorite"]),
    ]
    run = ansible.tasks(*tasks, arguments=LOUD)
    assert [result["failed"] for result in run.results] == [True, True]
    assert shown(run.output) == []
    assert shown(json.dumps(run.results)) == []


def test_a_secret_that_stands_in_any_option_shows_nowhere(site: Site, monkeypatch: pytest.MonkeyPatch):
    """As where a URL was pasted into the wrong line: errors, results and the system's log keep it."""
    logged: list[str] = []
    monkeypatch.setattr("ansible.module_utils.basic.has_journal", False)
    monkeypatch.setattr("syslog.syslog", lambda *words: logged.append(str(words)))
    url = with_password(site.database.url) + "&application_name=kit,sync"
    quarantine = {**site.both, "quarantine": str(site.folder / "kept"), "state": "restored", "batch": "x"}
    tasks = [site.orphans(), site.records(), {QUARANTINE: quarantine}]
    telling = []
    for task in tasks:
        ((module, options),) = task.items()
        for option in specification(module.rpartition(".")[2]):
            for value in (url, [url], {"table": url, "column": url}, [{"table": url, "column": url}]):
                odd = {**options, "database_url": url, option: value}
                if shown(json.dumps(run_module({module: odd}, check=True))):
                    telling.append((module, option, value))
    assert telling == []
    assert len(logged) > 100
    assert shown("\n".join(logged)) == []


def test_the_playbook_shows_no_password_when_it_succeeds_or_fails(site: Site, ansible: Ansible):
    good = site.described(database_url=with_password(site.database.url))
    down = {**good, "name": "down", "database_url": f"postgresql://kit:{WRITTEN}@127.0.0.1:1/kit"}
    hosts = {"web": [good, {**down, "orphans": {}, "incomplete": []}]}
    # As files, modules have names in the list of processes.
    ansible.environment["ANSIBLE_PIPELINING"] = "false"
    with CommandLines() as processes:
        run = ansible.clean(hosts, "-e", "media_cleanup_force=true", *LOUD)
    assert "AnsiballZ_photo_records.py" in repr(processes.seen)
    assert shown(repr(processes.seen)) == []
    assert "connecting to the database failed" in run.words
    assert "photos/orphan.jpg" not in site.files
    assert run.status == 2
    assert shown(run.output) == []


def test_a_bad_description_shows_no_password_with_its_error(site: Site, ansible: Ansible):
    """Ansible quotes the lines around the value that it blames."""
    good = site.described(database_url=with_password(site.database.url))
    job = {"table": "collection_photo", "file_column": "image"}
    hosts: dict[str, Any] = {
        "unknown_key": [{**good, "marcer": "x"}],
        "no_name": [{**good, "name": ""}],
        "twice": [good, good],
        "no_list": good,
        "text": [good["database_url"]],
        "url_is_a_list": [{**good, "database_url": [good["database_url"]]}],
        "job_is_text": [{**good, "missing": "collection_photo"}],
        "unknown_option": [{**good, "missing": [{**job, "database_urls": good["database_url"]}]}],
        "wrong_type": [{"name": "kit", "max_removal_percent": "half", **good}],
        "undefined": [{"name": "kit", "marker": "{{ no_such_variable }}", **good}],
    }
    run = ansible.clean(hosts, "-e", "media_cleanup_force=true", *LOUD)
    assert shown(run.output) == []
    failed = dict.fromkeys(hosts, 1)
    if __version__.startswith("2.18."):
        # There, Ansible's default() takes what holds an undefined variable for absent: nothing is done.
        failed["undefined"] = 0
    assert {host: numbers["failed"] for host, numbers in run.recap.items()} == failed

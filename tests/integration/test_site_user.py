# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Root does not work on a site: a process of the site's user does, which can reach nothing of root's."""

from __future__ import annotations

import json
import os
import pwd
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any, Iterator

import pytest
import yaml

from engine import answers, process
from helpers.commands import Command, Terminal
from helpers.databases import new_sqlite
from helpers.modules import plugin, run_module
from helpers.sites import Site
from helpers.users import NOBODY, as_nobody, give, needs_root, open_folder, python_for_everybody

pytestmark = [needs_root, pytest.mark.promise(15)]

USER = pwd.getpwuid(NOBODY).pw_name if os.geteuid() == 0 else ""


@pytest.fixture
def folder() -> Iterator[Path]:
    with open_folder() as found:
        yield found


@pytest.fixture
def theirs(folder: Path) -> Site:
    """A site of another user, with one orphan, in a folder of that user."""
    home = folder / "site"
    home.mkdir()
    site = Site(home, new_sqlite(home))
    site.keep(*(f"photos/kept{number}.jpg" for number in range(6)))
    site.write("photos/orphan.jpg")
    give(home)
    return site


def task(site: Site, **options: Any) -> Any:
    python = python_for_everybody()
    own = {} if python == sys.executable else {"python": python}
    return site.orphans(quarantine=str(site.folder / "quarantine"), **{**own, **options})


def test_the_owner_of_the_media_does_the_work(theirs: Site) -> None:
    result = run_module(task(theirs))
    assert result["removed"]["files"] == 1, result
    made = theirs.folder / "quarantine"
    found = {path.lstat().st_uid for path in [made, *made.rglob("*")]}
    assert found == {NOBODY}
    assert stat.S_IMODE(made.stat().st_mode) == 0o700


def test_a_named_user_does_the_work(theirs: Site) -> None:
    by_name, by_owner = run_module(task(theirs, user=USER), check=True), run_module(task(theirs), check=True)
    same = ("found", "examined", "changed", "orphans", "diff")
    assert [by_name[key] for key in same] == [by_owner[key] for key in same]


def test_a_media_root_that_became_a_link_gives_nothing_of_root_away(theirs: Site, folder: Path) -> None:
    private = folder / "private"
    (private / "photos").mkdir(parents=True)
    (private / "avif").mkdir()
    (private / "photos" / "orphan.jpg").write_text("root's")
    os.utime(private / "photos" / "orphan.jpg", (1e9, 1e9))
    private.chmod(0o700)
    theirs.media.rename(theirs.folder / "aside")
    theirs.media.symlink_to(private)
    result = run_module(task(theirs, user=USER))
    assert result["failed"]
    assert "Permission denied" in result["msg"]
    assert (private / "photos" / "orphan.jpg").read_text() == "root's"
    # And without a user, whose link it is decides nothing.
    result = run_module(task(theirs))
    assert result["failed"]
    assert "is a symbolic link" in result["msg"]
    assert "Set user" in result["msg"]


@pytest.mark.parametrize("mode", [0o777, 0o757])
def test_a_folder_above_that_others_may_write_names_no_user(theirs: Site, mode: int) -> None:
    theirs.folder.chmod(mode)
    result = run_module(task(theirs), check=True)
    assert result["failed"]
    assert f"'{theirs.folder}' can be written by others" in result["msg"]
    assert "Set user" in result["msg"]


def test_root_itself_does_not_work_in_a_folder_of_somebody_else(theirs: Site) -> None:
    os.chown(theirs.media, 0, 0)
    for options in ({"user": "root"}, {}):
        result = run_module(task(theirs, **options), check=True)
        assert result["failed"]
        assert "Set user" in result["msg"] or "Or set user" in result["msg"]
    os.chown(theirs.folder, 0, 0)
    os.chown(theirs.folder / "db.sqlite3", 0, 0)
    result = run_module(task(theirs), check=True)
    assert result["failed"]
    assert f"'avif' belongs to user {USER}" in result["msg"]


def test_nobody_but_root_becomes_another_user(theirs: Site) -> None:
    theirs.folder.chmod(0o755)
    result = as_nobody(lambda: run_module(task(theirs, user="daemon"), check=True))
    assert result["failed"]
    assert f"this is a process of {USER}, which cannot become another user" in result["msg"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"user": "no-such-user"}, "this host has no such user"),
        ({"python": "bin/python"}, "python 'bin/python' is not an absolute path"),
        ({"python": "/no/such/python"}, "cannot be run by"),
        ({"python": "/usr/bin/false"}, "ended without a result (status 1)"),
    ],
)
def test_who_cannot_work_is_told(theirs: Site, options: Any, words: str) -> None:
    result = run_module(task(theirs, **options), check=True)
    assert result["failed"]
    assert words in result["msg"]
    assert "\n" not in result["msg"]


def test_a_result_may_have_what_the_modules_document_and_nothing_else() -> None:
    modules = (
        "media_orphans",
        "photo_records",
        "media_quarantine",
        "media_quarantine_info",
        "django_site_info",
    )
    documented = {key for module in modules for key in yaml.safe_load(plugin(module).RETURN)}
    assert set(answers.RESULT) == documented | {"changed", "diff"}


def test_an_owner_whom_the_host_does_not_know_gets_no_group_of_roots(theirs: Site) -> None:
    give(theirs.folder, 54_321)
    result = run_module(task(theirs), check=True)
    assert result["failed"]
    assert "belongs to the user 54321, whom this host does not know" in result["msg"]
    assert "Set user" in result["msg"]


@pytest.mark.parametrize("what", ["database", "state_directory"])
def test_root_works_with_nothing_in_a_folder_of_somebody_else(folder: Path, what: str) -> None:
    """A link in there could lead to a database of root's."""
    site = Site(folder, new_sqlite(folder))
    site.write("photos/orphan.jpg")
    (folder / "www").mkdir()
    options: dict[str, Any] = {"user": "root", "permanent": True}
    if what == "database":
        (folder / "db.sqlite3").rename(folder / "www" / "db.sqlite3")
        options["database_url"] = f"sqlite:///{folder}/www/db.sqlite3"
    else:
        options["state_directory"] = str(folder / "www" / "state")
    give(folder / "www")
    result = run_module(site.orphans(**options))
    assert result["failed"]
    assert f"{folder}/www belongs to user {USER}" in result["msg"]
    assert site.files == ["photos/orphan.jpg"]


# What the site's user may do with the interpreter that runs as that user.

PROGRAM = """\
#!{python} -I
import json, os, sys
request = json.loads(sys.stdin.readline())
def send(kind, content):
    print(json.dumps([kind, content]), flush=True)
{body}
"""


def hostile(site: Site, body: str) -> dict[str, Any]:
    """The result of a module whose interpreter does what its user wants."""
    program = site.folder / "python"
    program.write_text(PROGRAM.format(python=python_for_everybody(), body=body))
    program.chmod(0o755)
    give(program)
    return run_module(task(site, python=str(program)), check=True)


def test_the_process_is_the_users_alone(theirs: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPASSWORD", "root's")
    result = hostile(
        theirs,
        """
try:
    os.setuid(0)
    regained = True
except PermissionError:
    regained = False
found = {
    "ids": [os.getresuid(), os.getresgid(), os.getgroups()],
    "regained": regained,
    "session": os.getsid(0) == os.getpid(),
    "open": sorted(int(fd) for fd in os.listdir("/proc/self/fd")),
    "environment": sorted(os.environ),
    "home": os.environ["HOME"],
    "archive": os.stat(sys.argv[-1]).st_uid,
    "writable": os.access(sys.argv[-1], os.W_OK),
}
send("error", {"text": json.dumps(found), "status": 3})
""",
    )
    found = json.loads(result["msg"])
    entry = pwd.getpwuid(NOBODY)
    assert found["ids"] == [[NOBODY] * 3, [entry.pw_gid] * 3, os.getgrouplist(USER, entry.pw_gid)]
    assert (found["regained"], found["session"]) == (False, True)
    # Three pipes, the archive, and the directory that is being listed.
    assert len(found["open"]) == 5
    assert found["home"] == entry.pw_dir
    assert (found["archive"], found["writable"]) == (0, False)
    passed_on = {name for name in found["environment"] if not name.startswith(("LC_", "COVERAGE_"))}
    assert passed_on <= {"HOME", "LANG", "LOGNAME", "PATH", "TZ", "USER"}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (
            "send('result', {'result': {'ansible_facts': {}}, 'warnings': [], 'failure': ''})",
            "no part of a result",
        ),
        (
            "send('result', {'result': {'changed': 'no'}, 'warnings': [], 'failure': ''})",
            "no part of a result",
        ),
        ("send('result', {'result': {'diff': {'prepared': '1'}}, 'warnings': [], 'failure': ''})", "no diff"),
        *(
            (f"send('result', {{'result': {part}, 'warnings': [], 'failure': ''}})", "no part of a result")
            for part in (
                {"diff": {"before": 1}},
                {"young": True},
                {"found": {"files": "1"}},
                {"removed": {"bytes": -1}},
                {"examined": {"files": 2**63}},
                {"dependents": {"album": 1}},
                {"dependents": {"album": {"deleted": {}}}},
                {"labels": [1]},
                {"refused": [None]},
            )
        ),
        ("send('result', ['?'])", "no answer"),
        ("send('result', {'result': {}, 'warnings': 'x', 'failure': ''})", "no answer"),
        ("send('ask', 'password?')", "'ask', which is none of its messages"),
        ("print('[' * 100_000)", "what is no message"),
        ("print('nothing of ours')", "what is no message"),
        ("sys.exit('no driver\\x1b[2J here')", "(status 1): no driver\\x1b[2J here"),
        ("1 / 0", "ZeroDivisionError"),
        ("raise ValueError('postgresql://u:secret@h/d')", "ValueError"),
        ("while True: sys.stdout.write('x' * 1_000_000)", "sent more than"),
        ("sys.stdin.close(); os.close(1); os.close(2); import time; time.sleep(60)", "without a result"),
        ("import time; time.sleep(60)", "worked for more than"),
        ("send('error', {'text': 7})", "did not say why"),
    ],
)
def test_what_a_process_sends_is_bounded_and_checked(
    theirs: Site, body: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "MOST_SENT", 1 << 20)
    monkeypatch.setattr(process, "TIME_LIMIT", 1)
    monkeypatch.setattr(process, "GRACE", 0.2)
    result = hostile(theirs, body)
    assert result["failed"]
    assert words in result["msg"]
    assert "secret" not in json.dumps(result)
    assert theirs.files.count("photos/orphan.jpg") == 1


def test_no_text_of_a_process_reaches_a_terminal_as_it_is(theirs: Site) -> None:
    parts = {"summary": "\x1b]0;x\x07", "diff": {"before": "\x1b[2K"}, "labels": {"\x1b": 1}}
    answer = {"result": parts, "warnings": ["\x1b"], "failure": "\x1b[2Kok"}
    result = hostile(theirs, f"send('result', {answer!r})")
    assert result["msg"] == "\\x1b[2Kok"
    assert result["diff"] == {"before": "\\x1b[2K"}
    assert (result["summary"], result["labels"]) == ("\\x1b]0;x\\x07", {"\\x1b": 1})


def test_a_result_that_is_nested_deep_is_refused(theirs: Site) -> None:
    deep = {"result": {"left_alone": [{"name": eval("[" * 90 + "]" * 90)}]}, "warnings": [], "failure": ""}
    assert "nested too deep" in hostile(theirs, f"send('result', {deep!r})")["msg"]


# The command.


@pytest.fixture
def described(theirs: Site, folder: Path) -> Command:
    """The command as root has installed it, with the site's description."""
    (folder / "installed").mkdir()
    command = Command(folder / "installed")
    more = {"quarantine": str(theirs.folder / "quarantine"), "user": USER, "python": python_for_everybody()}
    command.describe(theirs.described(**more))
    return command


def test_the_command_lets_the_sites_user_do_the_work(theirs: Site, described: Command, folder: Path) -> None:
    places = {option: folder / "installed" / f"kit.{option}" for option in ("outcome", "metrics", "log")}
    options = [word for option, place in places.items() for word in (f"--{option}", str(place))]
    done = described.run("orphans", "kit", "--force", *options)
    assert done.returncode == 0, done.stderr
    assert "removed 1 file" in done.stdout
    assert {path.lstat().st_uid for path in (theirs.folder / "quarantine").rglob("*")} == {NOBODY}
    outcome = json.loads(places["outcome"].read_text())
    assert outcome["runs"][0]["removed"]["files"] == 1
    assert 'media_cleanup_removed_files{site="kit",cleanup_job="orphans"} 1' in places["metrics"].read_text()
    assert {place.stat().st_uid for place in places.values()} == {0}
    for subcommand in (("check",), ("batches",), ("restore", "latest", "--force")):
        again = described.run(subcommand[0], "kit", *subcommand[1:])
        assert again.returncode == 0, again.stderr
    assert "photos/orphan.jpg" in theirs.files


def test_a_file_without_a_folder_is_in_the_folder_where_root_is(described: Command, tmp_path: Path) -> None:
    done = described.run("orphans", "kit", "--report", "review.html", "--list", "orphans.list", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = {path.name: path.stat() for path in tmp_path.iterdir()}
    assert found.keys() == {"review.html", "orphans.list"}
    assert {(file.st_uid, stat.S_IMODE(file.st_mode)) for file in found.values()} == {(0, 0o600)}


def test_root_writes_no_file_where_the_sites_user_may(theirs: Site, described: Command) -> None:
    done = described.run("orphans", "kit", "--force", "--outcome", str(theirs.folder / "outcome.json"))
    assert done.returncode == 2
    assert f"{theirs.folder} belongs to user {USER}" in done.stderr
    assert "photos/orphan.jpg" in theirs.files


@pytest.mark.parametrize("option", ["log", "metrics"])
def test_root_opens_nothing_that_somebody_may_have_put_into_a_sticky_folder(
    described: Command, folder: Path, option: str
) -> None:
    """What is replaced as a whole is safe there; a log is added to, and metrics are read first."""
    shared, of_root = folder / "shared", folder / "of_root"
    shared.mkdir()
    shared.chmod(0o1777)
    of_root.write_text("")
    file = shared / "file"
    file.symlink_to(of_root)
    os.chown(file, NOBODY, NOBODY, follow_symlinks=False)
    outcome = ["--outcome", str(shared / "outcome")]
    done = described.run("orphans", "kit", "--force", *outcome, f"--{option}", str(file))
    assert (done.returncode, of_root.read_text()) == (2, ""), done.stderr
    assert f"everybody may put a file into {shared}" in done.stderr
    assert described.run("orphans", "kit", "--force", *outcome).returncode == 0


def test_the_question_goes_through_the_parent(theirs: Site, described: Command) -> None:
    for answer, status in (("no", 6), ("yes", 0)):
        ended, said = Terminal(described.line("orphans", "kit")).answer(answer)
        assert ended == status, said
        assert "Type yes to continue:" in said
        assert ("photos/orphan.jpg" in theirs.files) == (answer == "no")


def says(site: Site, command: Command, body: str) -> None:
    """Let the site's interpreter say this to the command."""
    program = site.folder / "python"
    program.write_text(PROGRAM.format(python=python_for_everybody(), body=body))
    program.chmod(0o755)
    give(program)
    command.describe(site.described(user=USER, python=str(program)))


@pytest.mark.parametrize("options", [["--force"], []])
def test_the_process_reads_nothing_of_roots_standard_input(
    theirs: Site, described: Command, options: list[str]
) -> None:
    says(theirs, described, "send('ask', None); send('error', {'text': sys.stdin.readline(), 'status': 1})")
    line = described.line("orphans", "kit", *options)
    done = subprocess.run(line, input="secret\n", capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "'ask', which is none of its messages now" in done.stderr
    assert "secret" not in done.stderr


@pytest.mark.parametrize("place", ["a folder of the user's", "a FIFO", "a link to root's"])
def test_root_reads_no_plan_that_somebody_else_may_exchange(
    theirs: Site, described: Command, folder: Path, place: str
) -> None:
    (folder / "installed" / "secret").write_text("only for root")
    plan = folder / "installed" / "plan.json"
    if place == "a FIFO":
        os.mkfifo(plan)
    else:
        plan = theirs.folder / "plan.json"
        if place == "a link to root's":
            plan.symlink_to(folder / "installed" / "secret")
        else:
            plan.write_text("{}")
    done = described.run("orphans", "kit", "--approve", str(plan))
    assert done.returncode == 2
    assert "only for root" not in done.stderr
    words = "is no JSON text" if place == "a FIFO" else "somebody else may change it"
    assert words in done.stderr


MOMENTS = {"began": 1, "ended": 1, "seconds": 1}


@pytest.mark.parametrize(
    ("subcommand", "left"),
    [
        ("batches", {"save_plan": {}}),
        ("check", {"outcome": {}}),
        ("orphans", {"outcome": {**MOMENTS, "runs": [{}]}}),
        ("orphans", {"outcome": {**MOMENTS, "ended": 10**400, "runs": []}}),
    ],
)
def test_what_is_left_for_root_to_write_is_checked(
    theirs: Site, described: Command, folder: Path, subcommand: str, left: Any
) -> None:
    says(theirs, described, f"send('result', {{'status': 0, 'left': {left!r}}})")
    log = folder / "installed" / "log"
    options = ["--force", "--log", str(log)] if subcommand == "orphans" else []
    assert described.run(subcommand, "kit", *options).returncode in (0, 1)
    assert not log.exists()


def test_a_reviewed_plan_is_read_and_written_by_root(theirs: Site, described: Command, folder: Path) -> None:
    plan = folder / "installed" / "plan.json"
    assert described.run("orphans", "kit", "--save-plan", str(plan)).returncode == 0
    assert stat.S_IMODE(plan.stat().st_mode) == 0o600
    assert plan.stat().st_uid == 0
    theirs.write("photos/later.jpg")
    give(theirs.media / "photos" / "later.jpg")
    assert described.run("orphans", "kit", "--approve", str(plan)).returncode == 0
    assert "photos/later.jpg" in theirs.files
    assert "photos/orphan.jpg" not in theirs.files

# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Asking a project: whatever its code does, there is an answer or a reason, in time and without secrets."""

from __future__ import annotations

import ast
import os
import time
from pathlib import Path

import pytest

from engine.config.django import asking
from engine.config.django.probe.program import BEGIN
from engine.errors import Exit, SiteError
from helpers.checkout import REPOSITORY
from helpers.clock import until
from helpers.django_projects import MODELS, PYTHON, SETTINGS, asked, needs_django, write_project

pytestmark = needs_django

PROBE = REPOSITORY / "plugins/module_utils/_reconcile/config/django/probe"
SECRET = "hunter2-and-more"
PLAIN = SETTINGS.replace('["gallery"]', "[]")


def failing(folder: Path, settings: str, **django: object) -> str:
    """Why a project with these lines in its settings cannot be asked."""
    write_project(folder, settings=PLAIN + settings)
    with pytest.raises(SiteError) as caught:
        asked(folder, **django)
    assert caught.value.exit_status is Exit.UNUSABLE
    return str(caught.value)


def is_running(file: Path) -> bool:
    """Whether the process is there whose number is in a file; none may have come as far as writing it."""
    if not file.exists():
        return False
    status = Path(f"/proc/{file.read_text()}/stat")
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z"


def wait_for_end(file: Path) -> None:
    until(lambda: not is_running(file))


def test_a_project_says_what_it_has(tmp_path: Path) -> None:
    facts = asked(write_project(tmp_path))
    assert (facts.settings, facts.directory) == ("site_settings", str(tmp_path))
    assert facts.media_root == "/srv/gallery/media"
    assert [model.label for model in facts.models] == ["gallery.Photo"]
    assert not list(tmp_path.rglob("__pycache__"))


def test_what_a_project_prints_does_not_disturb_its_answer(tmp_path: Path) -> None:
    prints = """
import os, subprocess, sys
print("hello from settings")
os.write(1, b'{"facts": {}}\\n')
subprocess.run(["echo", "hello from a process"])
sys.stdout = open(os.devnull, "w")
sys.stdin.read()
"""
    write_project(tmp_path, settings=SETTINGS + prints, models="print('hello from models')\n" + MODELS)
    assert asked(tmp_path).models[0].label == "gallery.Photo"


def test_what_an_interpreter_prints_before_it_begins_does_not_disturb_either(tmp_path: Path) -> None:
    write_project(tmp_path)
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\necho Welcome\nprintf "no end of a line"\nexec {PYTHON} "$@"\n')
    python.chmod(0o755)
    assert asked(tmp_path, python="python").models


def test_a_project_can_know_that_it_is_only_asked(tmp_path: Path) -> None:
    settings = 'import os\nassert os.environ["DJANGO_MEDIA_CLEANUP_PROBE"] == "1"\n'
    write_project(tmp_path, settings=SETTINGS + settings)
    assert asked(tmp_path).models


def test_settings_get_the_environment_that_is_said_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OF_WHO_STARTED_IT", "yes")
    settings = 'import os\nMEDIA_ROOT = os.environ["WHERE"]\nassert "OF_WHO_STARTED_IT" not in os.environ\n'
    write_project(tmp_path, settings=SETTINGS + settings)
    assert asked(tmp_path, environment={"WHERE": "/srv/ä"}).media_root == "/srv/ä"


def test_settings_without_their_variable_say_what_to_do(tmp_path: Path) -> None:
    why = failing(tmp_path, 'import os\nKEY = os.environ["DATABASE_URL"]\n')
    assert "KeyError: 'DATABASE_URL'" in why
    assert f"{tmp_path}/site_settings.py, line" in why
    assert "environment, environment_file or systemd_unit" in why
    assert "Nothing was examined." in why


def test_an_interpreter_without_django_says_what_to_do(tmp_path: Path) -> None:
    write_project(tmp_path)
    python = tmp_path / "python"
    # It knows no installed package.
    python.write_text(f'#!/bin/sh\nexec {PYTHON} -S "$@"\n')
    python.chmod(0o755)
    with pytest.raises(SiteError, match=r"No module named 'django'.*Set python of django"):
        asked(tmp_path, python="python")


def test_an_interpreter_that_is_not_there_is_reported(tmp_path: Path) -> None:
    write_project(tmp_path)
    with pytest.raises(SiteError, match=r"nowhere/python.*could not be started there: No such file"):
        asked(tmp_path, python="nowhere/python")


def test_a_folder_for_the_interpreter_and_a_file_for_the_project_are_reported(tmp_path: Path) -> None:
    write_project(tmp_path)
    (tmp_path / "venv" / "bin").mkdir(parents=True)
    with pytest.raises(SiteError, match=r"venv' is a folder.*such as '.*/venv/bin/python'"):
        asked(tmp_path, python="venv")
    with pytest.raises(SiteError, match=r"manage.py' is no folder"):
        asked(tmp_path / "manage.py", python=PYTHON)


@pytest.mark.promise(12)
@pytest.mark.parametrize(
    "raises",
    [
        'import os; raise RuntimeError("no login with " + os.environ["DB_PASS"])',
        'import os; print("using", os.environ["DB_URL"]); raise RuntimeError("no")',
        f'PASSWORD = "{SECRET}"; raise RuntimeError("no login with " + PASSWORD)',
        f'DATABASES["default"]["PASSWORD"] = "{SECRET}"; raise RuntimeError(DATABASES)',
        f'raise RuntimeError("cannot reach postgres://gallery:{SECRET}@db/gallery")',
        f'print("password={SECRET}"); import os; os._exit(0)',
        f'import sys; API_KEY = "{SECRET}"; print("x" * 20000 + API_KEY); sys.exit(API_KEY)',
    ],
)
def test_no_secret_shows_where_a_project_fails(tmp_path: Path, raises: str) -> None:
    environment = {"DB_PASS": SECRET, "DB_URL": f"postgres://gallery:{SECRET}@db/gallery"}
    why = failing(tmp_path, raises, environment=environment)
    assert SECRET not in why


def test_what_a_failing_project_printed_is_shown(tmp_path: Path) -> None:
    why = failing(tmp_path, 'print("the cache is not there")\nraise RuntimeError("so it ends")\n')
    assert "RuntimeError: so it ends" in why
    assert "It printed:\nthe cache is not there" in why


@pytest.mark.promise(11)
def test_a_project_that_takes_too_long_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "TIME_LIMIT", 1)
    sleeps = 'import os, time\nopen("pid", "w").write(str(os.getpid()))\ntime.sleep(60)\n'
    assert "took more than 1 s" in failing(tmp_path, sleeps)
    wait_for_end(tmp_path / "pid")


@pytest.mark.promise(11)
def test_output_without_end_takes_no_memory_and_ends_in_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "TIME_LIMIT", 0.5)
    # On a busy machine, it may not even come to printing in this time.
    why = failing(tmp_path, 'import os\nwhile True: os.write(2, b"y" * 99 + b"\\n")\n')
    assert "took more than" in why
    assert len(why) < 4000


@pytest.mark.promise(11)
def test_an_answer_that_is_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "LARGEST", 1 << 17)
    assert "its answer has more than" in failing(tmp_path, 'MEDIA_ROOT = "m" * (1 << 18)\n')


def test_a_project_that_ends_by_itself_has_not_answered(tmp_path: Path) -> None:
    assert "ended without an answer (status 0)" in failing(tmp_path, "import os\nos._exit(0)\n")
    assert "SystemExit" in failing(tmp_path, "raise SystemExit\n")


def test_what_a_project_starts_is_not_waited_for_and_ends_with_it(tmp_path: Path) -> None:
    starts = """
import os, subprocess, threading, time
started = subprocess.Popen(["sleep", "60"])
open("pid", "w").write(str(started.pid))
threading.Thread(target=time.sleep, args=(60,)).start()
"""
    write_project(tmp_path, settings=PLAIN + starts)
    began = time.monotonic()
    assert asked(tmp_path).models == ()
    assert time.monotonic() - began < 10
    wait_for_end(tmp_path / "pid")


def test_a_daemon_that_keeps_the_descriptors_is_not_waited_for(tmp_path: Path) -> None:
    daemon = """
import os, time
if os.fork() == 0:
    os.setsid()
    open("pid", "w").write(str(os.getpid()))
    time.sleep(20)
    os._exit(0)
while not os.path.exists("pid"): time.sleep(0.01)
os._exit(0)
"""
    began = time.monotonic()
    assert "ended without an answer" in failing(tmp_path, daemon)
    assert time.monotonic() - began < 10
    os.kill(int((tmp_path / "pid").read_text()), 9)


@pytest.mark.parametrize(
    ("sends", "says"),
    [
        ("no JSON", "no JSON"),
        ("[]", "must be a mapping"),
        ('{"facts": 7}', "must be a mapping"),
        ('{"error": {"type": 7, "places": "x", "secrets": 5}}', "7: None"),
        ("[" * 100_000, "no JSON"),
    ],
)
def test_what_somebody_else_sends_is_no_answer(tmp_path: Path, sends: str, says: str) -> None:
    # The descriptor is no secret of the probe.
    forges = f"""
import os
for descriptor in range(3, 20):
    try: os.write(descriptor, {chr(10) + BEGIN + sends + chr(10)!r}.encode())
    except OSError: pass
os._exit(0)
"""
    assert says in failing(tmp_path, forges)


def test_the_probe_is_written_for_python_3_6() -> None:
    sources = sorted(PROBE.glob("*.py"))
    assert len(sources) == len(asking._MODULES) + 1
    for source in sources:
        text = source.read_text()
        assert "from __future__" not in text
        ast.parse(text, feature_version=(3, 6))

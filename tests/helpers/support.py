# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Runs Ansible's own commands, and makes small sites for them to clean."""

from __future__ import annotations

import base64
import ctypes
import fcntl
import io
import json
import os
import pty
import re
import select
import stat
import subprocess
import sys
import termios
import time
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Callable, Iterable, Iterator, Mapping, Sequence
from unittest import mock

import yaml
from ansible.module_utils import basic

REPOSITORY = Path(__file__).resolve().parents[2]
CLEANUP = REPOSITORY / "playbooks" / "cleanup.yml"
ORPHANS = "django_media.cleanup.media_orphans"
RECORDS = "django_media.cleanup.photo_records"

# What the site of these tests, which has one table, wants of the jobs.
ORPHANS_OPTIONS = {
    "directories": ["photos", "avif"],
    "references": [
        {"table": "collection_photo", "column": "image"},
        {"table": "collection_photo", "column": "image_avif"},
    ],
}
RECORDS_OPTIONS = {
    "table": "collection_photo",
    "file_column": "image",
    "companion_columns": ["image_avif"],
}

# What Ansible itself puts into every result.
ANSIBLES_OWN_KEYS = {"changed", "diff", "exception", "failed", "invocation", "msg", "warnings"}
# Lets a module on its target be measured; see `make coverage`.
COVERAGE = "_ANSIBLE_ANSIBALLZ_COVERAGE_CONFIG"
# A command that runs this long hangs.
PATIENCE = 600

Task = Mapping[str, Any]


def orphans(**options: Any) -> Task:
    return {ORPHANS: options}


def records(**options: Any) -> Task:
    return {RECORDS: options}


@dataclass(frozen=True)
class Run:
    """What a command of Ansible said, and how it ended."""

    status: int
    output: str
    results: list[dict[str, Any]] = field(default_factory=list)

    @property
    def words(self) -> str:
        """The output on one line: Ansible breaks long lines where it likes, and may quote as YAML does."""
        return " ".join(self.output.split()).replace("''", "'")

    @property
    def recap(self) -> dict[str, dict[str, int]]:
        lines = re.findall(r"^(\S+) +: (ok=.*)$", self.output, re.MULTILINE)
        return {
            host: {name: int(number) for name, number in re.findall(r"(\w+)=(\d+)", numbers)}
            for host, numbers in lines
        }


class Ansible:
    """Ansible, run from the top of the checkout, with an environment and a home of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.environment = {
            "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
            "HOME": str(home),
            "LC_ALL": "C.UTF-8",
            "ANSIBLE_CONFIG": str(REPOSITORY / "ansible.cfg"),
            "ANSIBLE_NOCOLOR": "true",
            "ANSIBLE_PIPELINING": "true",
            "ANSIBLE_HOME": str(home / "ansible"),
            "ANSIBLE_LOCAL_TEMP": str(home / "local"),
            "ANSIBLE_REMOTE_TMP": str(home / "remote"),
            **{name: os.environ[name] for name in (COVERAGE,) if name in os.environ},
        }

    def run(
        self,
        command: str,
        *arguments: str | Path,
        variables: Mapping[str, str] | None = None,
        powerless: bool = False,
    ) -> Run:
        """Run a command without a terminal; ``powerless`` obeys permissions even as root."""
        done = subprocess.run(
            [Path(sys.executable).with_name(command), *arguments],
            cwd=REPOSITORY,
            env={**self.environment, **(variables or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE,
            check=False,
            preexec_fn=_give_up_power if powerless else None,
        )
        return Run(done.returncode, done.stdout)

    def tasks(
        self,
        *tasks: Task,
        arguments: Sequence[str] = (),
        play: Mapping[str, Any] | None = None,
        powerless: bool = False,
    ) -> Run:
        """Run tasks one after the other, whether they fail or not, and collect their results."""
        numbered = [
            {"name": f"task {number}", **task, "register": f"result_{number}", "ignore_errors": True}
            for number, task in enumerate(tasks)
        ]
        # As base64, no callback can fold or quote them.
        registered = ", ".join(f"result_{number}" for number in range(len(tasks)))
        told = {"ansible.builtin.debug": {"msg": f"<{{{{ [{registered}] | to_json | b64encode }}}}>"}}
        book = [{"hosts": "localhost", "gather_facts": False, **(play or {}), "tasks": [*numbered, told]}]
        written = self._write("tasks.yml", book)
        inventory = self.inventory({"localhost": {}})
        run = self.run(
            "ansible-playbook",
            "-i",
            inventory,
            written,
            *arguments,
            variables={"ANSIBLE_CALLBACK_RESULT_FORMAT": "json"},
            powerless=powerless,
        )
        found = re.search(r'"msg": "<([A-Za-z0-9+/=]+)>"', run.output)
        assert found, run.output
        output = run.output.replace(found.group(0), "")
        return Run(run.status, output, json.loads(base64.b64decode(found.group(1))))

    def results(self, *tasks: Task, check: bool = False, powerless: bool = False) -> list[dict[str, Any]]:
        """The results of tasks, none of which may have failed in an unforeseen way."""
        run = self.tasks(*tasks, arguments=["--diff", *(["--check"] if check else [])], powerless=powerless)
        assert "Traceback" not in run.output, run.output
        # Ansible puts these words before what it says of an exception that nobody caught.
        crashes = [
            text for result in run.results if (text := result.get("msg", "")).startswith("Task failed")
        ]
        assert crashes == []
        return run.results

    def clean(self, hosts: Mapping[str, Sequence[Mapping[str, Any]]], *arguments: str | Path) -> Run:
        """Run the playbook cleanup.yml on hosts with these sites, without a terminal."""
        return self.run("ansible-playbook", "-i", self.sites(hosts), CLEANUP, *arguments)

    def clean_and_answer(
        self,
        hosts: Mapping[str, Sequence[Mapping[str, Any]]],
        answer: str,
        meanwhile: Callable[[], object] = lambda: None,
    ) -> Run:
        """Run the playbook cleanup.yml in a terminal; what happens ``meanwhile`` precedes the answer."""
        command = [
            str(Path(sys.executable).with_name("ansible-playbook")),
            *("-i", str(self.sites(hosts)), str(CLEANUP)),
        ]
        return _in_terminal(command, self.environment, "Type yes to go on", answer, meanwhile)

    def sites(self, hosts: Mapping[str, Sequence[Mapping[str, Any]]]) -> Path:
        return self.inventory({host: {"media_cleanup_sites": sites} for host, sites in hosts.items()})

    def inventory(self, hosts: Mapping[str, Mapping[str, Any]]) -> Path:
        this_machine = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
        return self._write("inventory.yml", {"all": {"vars": this_machine, "hosts": hosts}})

    def _write(self, name: str, content: Any) -> Path:
        path = self.home / name
        path.write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True))
        return path


def run_module(task: Task, check: bool = False) -> dict[str, Any]:
    """Run a task's module as a target does, but in this process, which costs next to nothing."""
    ((name, options),) = task.items()
    let_clock_tick()
    said = io.StringIO()
    arguments = {**options, "_ansible_check_mode": check, "_ansible_diff": True}
    with module_arguments(arguments), as_on_a_target(), redirect_stdout(said), suppress(SystemExit):
        plugin(name.rpartition(".")[2]).main()
    return {"failed": False, **json.loads(said.getvalue())}


@contextmanager
def module_arguments(arguments: Mapping[str, Any]) -> Iterator[None]:
    """Hand arguments to a module of this process, as ansible-core itself does from 2.19 on."""
    try:
        from ansible.module_utils.testing import patch_module_args
    except ImportError:
        encoded = json.dumps({"ANSIBLE_MODULE_ARGS": arguments}).encode()
        with mock.patch.object(basic, "_ANSIBLE_ARGS", encoded):
            yield
    else:
        with patch_module_args(arguments):
            yield


@contextmanager
def as_on_a_target() -> Iterator[None]:
    """Let warnings go into the result, even when another test brought Ansible's controller in here.

    From 2.19 on, ansible-core shows them at once in a process that holds the controller.
    """
    try:
        from ansible.module_utils import _internal
    except ImportError:
        yield
    else:
        with mock.patch.object(_internal, "is_controller", False, create=True):
            yield


def let_clock_tick() -> None:
    """Let a moment pass: what was written within a tick of the clock before a walk is too new for it."""
    time.sleep(0.02)


def plugin(module: str) -> Any:
    return import_module(f"ansible_collections.django_media.cleanup.plugins.modules.{module}")


def _give_up_power() -> None:
    """Let permissions hold for this process and its children, whoever runs the tests."""
    drop_from_bounding_set, override, read_search = 24, 1, 2
    libc = ctypes.CDLL(None, use_errno=True)
    for capability in (override, read_search) if os.geteuid() == 0 else ():
        if libc.prctl(drop_from_bounding_set, capability, 0, 0, 0):
            raise OSError(ctypes.get_errno(), "prctl")


def _in_terminal(
    command: Sequence[str],
    environment: Mapping[str, str],
    prompt: str,
    answer: str,
    meanwhile: Callable[[], object],
) -> Run:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command,
        cwd=REPOSITORY,
        env=environment,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )
    os.close(theirs)
    try:
        said = _conversation(ours, prompt.encode(), answer.encode(), meanwhile)
    finally:
        # Hangs up, which ends a program that still waits.
        os.close(ours)
        status = process.wait(timeout=PATIENCE)
    return Run(status, re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", said.decode()).replace("\r", ""))


def _conversation(terminal: int, prompt: bytes, answer: bytes, meanwhile: Callable[[], object]) -> bytes:
    """Answer the prompt, and return what was said until the program ended."""
    said, answered = b"", False
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if select.select([terminal], [], [], 0.1)[0]:
            try:
                said += os.read(terminal, 65536)
            except OSError:
                # Linux says so when the other side is closed.
                return said
        elif prompt in said and not termios.tcgetattr(terminal)[3] & termios.ICANON:
            # What is typed too early is dropped, so it is typed until it is taken.
            if not answered:
                meanwhile()
            answered = True
            os.write(terminal, b"\x7f" * len(answer) + answer + b"\r")
    raise TimeoutError(f"it waits for something that nobody types: {said.decode()}")


def snapshot(folder: Path) -> dict[bytes, tuple[Any, ...]]:
    """Everything below a folder: what it is, what it holds, and whether it was touched."""
    found = {}
    for parent, _directories, _files in os.walk(os.fsencode(folder)):
        with os.scandir(parent) as entries:
            for entry in entries:
                status = entry.stat(follow_symlinks=False)
                found[entry.path] = (
                    stat.filemode(status.st_mode),
                    status.st_ino,
                    status.st_mtime_ns,
                    status.st_ctime_ns,
                    _content(entry, status),
                )
    return found


def _content(entry: os.DirEntry[bytes], status: os.stat_result) -> bytes | None:
    if stat.S_ISLNK(status.st_mode):
        return os.readlink(entry.path)
    return Path(os.fsdecode(entry.path)).read_bytes() if stat.S_ISREG(status.st_mode) else None


class Site:
    """A site with one table of photos, in the shape of FootyCollect's."""

    def __init__(self, folder: Path, database: Any, name: str = "kit") -> None:
        self.name = name
        self.folder = folder
        self.database = database
        self.media = folder / f"{name}-media"
        for directory in ("photos", "avif"):
            (self.media / directory).mkdir(parents=True)
        database.run(
            "CREATE TABLE collection_photo ("
            " id integer PRIMARY KEY, image varchar(300) NOT NULL, image_avif varchar(300),"
            " content_type_id integer, uploaded_at timestamp with time zone NOT NULL)"
        )

    def write(self, *paths: str | bytes, hours: float = 48, content: bytes = b"picture") -> None:
        """Write files that were last modified so many hours ago."""
        for path in paths:
            file = os.path.join(os.fsencode(self.media), os.fsencode(path))
            os.makedirs(os.path.dirname(file), exist_ok=True)
            Path(os.fsdecode(file)).write_bytes(content)
            past = time.time() - hours * 3600
            os.utime(file, (past, past))

    def insert(self, *images: str, attached: bool = True, **more: Any) -> None:
        """Insert a row for each image, uploaded two days ago."""
        [(last,)] = self.database.rows("SELECT coalesce(max(id), 0) FROM collection_photo")
        two_days_ago = time.strftime("%Y-%m-%d %H:%M:%S+00:00", time.gmtime(time.time() - 172800))
        rows = [
            {
                "id": number,
                "image": image,
                "content_type_id": 7 if attached else None,
                "uploaded_at": two_days_ago,
                **more,
            }
            for number, image in enumerate(images, start=last + 1)
        ]
        self.database.insert("collection_photo", rows)

    def keep(self, *images: str, **more: Any) -> None:
        """Add photos that are as they should be: a file and a row that names it."""
        self.write(*images)
        self.insert(*images, **more)

    @property
    def images(self) -> list[str]:
        return [image for (image,) in self.database.rows("SELECT image FROM collection_photo ORDER BY id")]

    @property
    def files(self) -> list[str]:
        """The files on disk, as paths below the media root."""
        found = (path for path in self.media.rglob("*") if not path.is_dir())
        return sorted(str(path.relative_to(self.media)) for path in found)

    def state(self) -> tuple[Any, Any]:
        """All that a dry run must not change."""
        return snapshot(self.folder), self.database.dump()

    @property
    def both(self) -> dict[str, Any]:
        return {"database_url": self.database.url, "media_root": str(self.media)}

    def orphans(self, **options: Any) -> Task:
        """The task that looks for orphans; a test cannot age a ctime, so mtime tells the age."""
        return orphans(**{**self.both, **ORPHANS_OPTIONS, "age_stamp": "mtime", **options})

    def records(self, **options: Any) -> Task:
        return records(**{**self.both, **RECORDS_OPTIONS, **options})

    def described(self, **more: Any) -> dict[str, Any]:
        """The site as the playbook wants it, with all three jobs."""
        return {
            "name": self.name,
            **self.both,
            "age_stamp": "mtime",
            "orphans": ORPHANS_OPTIONS,
            "incomplete": [RECORDS_OPTIONS],
            "missing": [RECORDS_OPTIONS],
            **more,
        }


def names(entries: Iterable[Mapping[str, Any]], key: str = "name") -> set[str]:
    return {entry[key] for entry in entries}


def undocumented(result: Mapping[str, Any], module: str) -> set[str]:
    """Keys that a result has and the documentation of its module has not, or the other way round."""
    documented = yaml.safe_load(plugin(module).RETURN)
    differing = set(documented) ^ (set(result) - ANSIBLES_OWN_KEYS)
    for key, description in documented.items():
        value = result.get(key)
        for entry in (value if isinstance(value, list) else [value]) if "contains" in description else ():
            differing |= {f"{key}.{name}" for name in set(entry) ^ set(description["contains"])}
    return differing


def not_told(messages: Mapping[str, str], expected: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Those of the messages that are not one line, or lack a word that they should have."""
    return {
        case: messages[case]
        for case, words in expected.items()
        if "\n" in messages[case] or not all(word in messages[case] for word in words)
    }


def until(happened: Callable[[], bool]) -> None:
    """Wait for something that is on its way."""
    deadline = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.01)

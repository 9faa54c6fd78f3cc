# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Runs Ansible's own commands, with or without a terminal."""

from __future__ import annotations

import base64
import ctypes
import fcntl
import json
import os
import pty
import re
import select
import subprocess
import sys
import termios
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, Mapping, Sequence

import yaml

from helpers.checkout import REPOSITORY
from helpers.clock import TIME_LIMIT
from helpers.modules import Task

CLEANUP = REPOSITORY / "playbooks" / "cleanup.yml"
# Lets the playbook remove without asking, and what it says where it asked and nobody typed yes.
FORCE = ("-e", "media_cleanup_force=true")
REFUSAL = "Nothing was removed, because nobody typed yes"
# Lets a module on its target be measured; see `make coverage`.
COVERAGE = "_ANSIBLE_ANSIBALLZ_COVERAGE_CONFIG"


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

    folder = REPOSITORY

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
            cwd=self.folder,
            env={**self.environment, **(variables or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=TIME_LIMIT,
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
        return self.answered(["-i", self.sites(hosts), CLEANUP], answer, meanwhile)

    def answered(
        self,
        arguments: Sequence[str | Path],
        answer: str,
        meanwhile: Callable[[], object] = lambda: None,
    ) -> Run:
        """Run a playbook that asks whether to go on, in a terminal."""
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            [Path(sys.executable).with_name("ansible-playbook"), *arguments],
            cwd=self.folder,
            env=self.environment,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(theirs)
        try:
            said = _conversation(ours, b"Type yes to continue", answer.encode(), meanwhile)
        finally:
            # Hangs up, which ends a program that still waits.
            os.close(ours)
            status = process.wait(timeout=TIME_LIMIT)
        return Run(status, re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", said.decode()).replace("\r", ""))

    def sites(self, hosts: Mapping[str, Sequence[Mapping[str, Any]]]) -> Path:
        return self.inventory({host: {"media_cleanup_sites": sites} for host, sites in hosts.items()})

    def inventory(self, hosts: Mapping[str, Mapping[str, Any]]) -> Path:
        this_machine = {
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            # Not every machine lets a test become root.
            "media_cleanup_become": False,
        }
        return self._write("inventory.yml", {"all": {"vars": this_machine, "hosts": hosts}})

    def _write(self, name: str, content: Any) -> Path:
        path = self.home / name
        path.write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True))
        return path


def _give_up_power() -> None:
    """Let permissions hold for this process and its children, whoever runs the tests."""
    drop_from_bounding_set, override, read_search = 24, 1, 2
    libc = ctypes.CDLL(None, use_errno=True)
    for capability in (override, read_search) if os.geteuid() == 0 else ():
        if libc.prctl(drop_from_bounding_set, capability, 0, 0, 0):
            raise OSError(ctypes.get_errno(), "prctl")


def _conversation(terminal: int, prompt: bytes, answer: bytes, meanwhile: Callable[[], object]) -> bytes:
    """Answer the prompt, and return what was said until the program ended."""
    said, answered = b"", False
    deadline = time.monotonic() + TIME_LIMIT
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

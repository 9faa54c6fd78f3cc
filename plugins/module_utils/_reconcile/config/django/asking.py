# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Asks a Django project what it knows of itself: lets its own interpreter run the probe.

That runs the project's code, as this process' user; root runs none that somebody else may change (see
``roots_own.py``). Whatever that code does, it cannot keep this process for longer than the
time limit, nor send more than the limits here.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from typing import IO, Any, Mapping, cast

from ...errors import SiteError
from ...system.libc import libc_function
from ..trust.paths import ROOT
from ..trust.roots_own import folders_in, require_own_files, require_own_search_path
from .answer import facts_of
from .facts import Facts
from .failure import Failure
from .probe import models, program, storages, values
from .project import Project

# Seconds that a project has to import its settings and models; large ones take ten.
TIME_LIMIT = 120
# Bytes of an answer; a project of a thousand models sends two million. Hostile JSON takes fifty times as many
# in memory.
LARGEST = 8 << 20
# By which a project can know that it is only asked.
MARK = "DJANGO_MEDIA_CLEANUP_PROBE"

_PACKAGE = "media_cleanup_probe"
# Imported above, and not by their names here: Ansible sends to a target what it sees imported.
_MODULES = (values, storages, models, program)
# Makes modules of the sources on standard input, whose paths are then those of no file.
_BOOTSTRAP = """\
import json, sys
from importlib.machinery import ModuleSpec
from importlib.util import module_from_spec
for name, source in json.loads(sys.stdin.buffer.read().decode()):
    module = sys.modules[name] = module_from_spec(ModuleSpec(name, None, is_package="." not in name))
    exec(compile(source, name, "exec"), module.__dict__)
module.main()
"""
# Where an interpreter has what is its own, and where it searches for modules.
_SEARCH_PATH = """\
import json, sys
sys.stdout.write({begin!r} + json.dumps([[sys.prefix, sys.base_prefix], sys.path]) + "\\n")
sys.stdout.flush()
"""
_BEGIN = f"\n{program.BEGIN}".encode()
_PASSED_ON = ("HOME", "USER", "LOGNAME", "PATH", "LANG", "TZ", "TMPDIR")
_CHUNK = 1 << 16
_PRINTED_KEPT = 1 << 14
# Seconds between two looks at whether the process has ended: what it started may keep its pipes open.
_POLL = 0.1
_PR_SET_PDEATHSIG = 1


def ask(project: Project) -> Facts:
    """What the project says of itself. Raises SiteError where it does not say it."""
    is_root = os.geteuid() == ROOT
    if is_root:
        _require_own(project)
    probe = _Probe(project)
    said = probe.run()
    if isinstance(said, dict) and isinstance(said.get("error"), dict):
        raise probe.failure.raised(said["error"])
    try:
        facts = facts_of(said.get("facts") if isinstance(said, dict) else None)
    except SiteError as error:
        raise probe.failure.error(str(error)) from None
    if is_root:
        require_own_files(facts.imported)
    return facts


def _require_own(project: Project) -> None:
    """Refuse an interpreter that would import what somebody else than root may change."""
    require_own_search_path(folders_in(project), [project.directory])
    try:
        done = subprocess.run(
            [project.python, "-B", "-c", _SEARCH_PATH.format(begin=_BEGIN.decode())],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            cwd=project.directory,
            env=_environment(project),
            timeout=TIME_LIMIT,
            check=True,
        )
        # What is run at each start of it may print.
        prefixes, search_path = json.loads(done.stdout.rpartition(_BEGIN)[2].partition(b"\n")[0])
    except OSError as error:
        raise _not_started(project, error) from None
    except (ValueError, subprocess.SubprocessError) as error:
        raise Failure(project).error(f"its interpreter does not say where modules are: {error}") from None
    require_own_search_path(
        [os.path.join(project.directory, path) for path in search_path], [project.directory, *prefixes]
    )


def _not_started(project: Project, error: OSError | ValueError) -> SiteError:
    if os.path.isdir(project.python):
        inside = os.path.join(project.python, "bin", "python")
        hint = f"Set python of django to an interpreter, such as '{inside}'."
        return Failure(project).error(f"'{project.python}' is a folder", hint)
    if not os.path.isdir(project.directory):
        hint = "Set project of django to the folder that has manage.py."
        return Failure(project).error(f"'{project.directory}' is no folder", hint)
    reason = error.strerror if isinstance(error, OSError) else "a NUL byte is in its environment"
    return Failure(project).error(f"the interpreter could not be started there: {reason}")


class _Probe:
    """One process that runs the probe."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._answer = bytearray()
        self._printed = b""
        self._deadline = time.monotonic() + TIME_LIMIT

    @property
    def failure(self) -> Failure:
        return Failure(self._project, self._printed)

    def run(self) -> Any:
        """Return what it sent; nothing of the process is left then."""
        with tempfile.TemporaryFile() as program:
            program.write(_program())
            program.seek(0)
            process = self._started(program)
        try:
            self._listen(process)
        finally:
            _kill(process)
        line = self._line()
        if line is None:
            raise self.failure.error(f"it ended without an answer (status {process.returncode})")
        try:
            return json.loads(line)
        except (ValueError, RecursionError):
            raise self.failure.error("it sent what is no JSON") from None

    def _started(self, program: IO[bytes]) -> subprocess.Popen[bytes]:
        try:
            return subprocess.Popen(
                # It leaves no compiled files in the project.
                [self._project.python, "-B", "-c", _BOOTSTRAP],
                stdin=program,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                cwd=self._project.directory,
                env=_environment(self._project),
                # To be killed as a group, and without a terminal to type into.
                start_new_session=True,
                preexec_fn=_ends_with_this_process,
            )
        except (OSError, ValueError) as error:
            raise _not_started(self._project, error) from None

    def _listen(self, process: subprocess.Popen[bytes]) -> None:
        """Take what it sends until the answer is whole, or the process has ended."""
        output, errors = cast("IO[bytes]", process.stdout), cast("IO[bytes]", process.stderr)
        with selectors.DefaultSelector() as selector:
            for stream in (output, errors):
                selector.register(stream, selectors.EVENT_READ)
            while selector.get_map():
                has_ended = process.poll() is not None
                ready = selector.select(0 if has_ended else _POLL)
                for key, _events in ready:
                    chunk = os.read(key.fd, _CHUNK)
                    if not chunk:
                        selector.unregister(key.fileobj)
                    self._take(chunk, is_answer=key.fileobj is output)
                if self._line() is not None or (has_ended and not ready):
                    break
                if time.monotonic() > self._deadline:
                    raise self.failure.error(f"it was killed, because it took more than {TIME_LIMIT} s")
        # What was printed before the answer may still be in its pipe.
        os.set_blocking(errors.fileno(), False)
        self._take(errors.read(_CHUNK) or b"", is_answer=False)

    def _line(self) -> bytes | None:
        """The line of the answer, once it is whole."""
        begin = self._answer.find(_BEGIN)
        end = self._answer.find(b"\n", begin + 1)
        return None if begin < 0 or end < 0 else bytes(self._answer[begin + len(_BEGIN) : end])

    def _take(self, chunk: bytes, is_answer: bool) -> None:
        if not is_answer:
            self._printed += chunk
            if len(self._printed) > _PRINTED_KEPT:
                # Half of a line at the beginning may be half of a secret.
                self._printed = self._printed[-_PRINTED_KEPT:].partition(b"\n")[2]
            return
        self._answer += chunk
        if len(self._answer) > LARGEST:
            raise self.failure.error(f"it was killed, because its answer has more than {LARGEST >> 20} MiB")


def _program() -> bytes:
    """The sources of the probe, each after those that it imports."""
    sources = [(_PACKAGE, "")]
    for module in _MODULES:
        source = cast("Any", module.__spec__).loader.get_source(module.__name__)
        sources.append((f"{_PACKAGE}.{module.__name__.rpartition('.')[2]}", source))
    return json.dumps(sources).encode()


def _environment(project: Project) -> Mapping[str, str]:
    passed_on = {name: value for name, value in os.environ.items() if name in _PASSED_ON or name[:3] == "LC_"}
    return {**passed_on, **project.environment, "DJANGO_SETTINGS_MODULE": project.settings, MARK: "1"}


def _ends_with_this_process() -> None:
    prctl = libc_function("prctl")
    if prctl:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _kill(process: subprocess.Popen[bytes]) -> None:
    """See to it that the process, and what it started, is gone."""
    for stream in (process.stdout, process.stderr):
        if stream:
            stream.close()
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()

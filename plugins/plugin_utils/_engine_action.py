# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Lets the engine work on a target without a module of Ansible around it.

Of what a module takes on a target, most is compiling: what Ansible sends around it, and then the engine. So
the engine is compiled here, once for all hosts, and sent with its source beside it, which a Python of another
version compiles as ever. Nothing is kept on the target.
"""

from __future__ import annotations

import io
import json
import marshal
import shlex
import zipfile
from importlib.util import MAGIC_NUMBER, source_hash
from typing import Any, Mapping

from ansible import constants
from ansible.executor.interpreter_discovery import discover_interpreter
from ansible.plugins.action import ActionBase

from ..module_utils._reconcile.archive.packing import PACKAGE, engine_files
from ..module_utils._reconcile.host import MARK
from ..module_utils._reconcile.process import last_words

# No program on a target uses the room of the command.
_ELSEWHERE = "cli/"
# Of compiled files (PEP 552): what is in there goes by a hash, which is not to be compared.
_FLAGS = (1).to_bytes(4, "little")
# As without assertions and documentation: nothing reads them.
_OPTIMIZED = 2
_DISCOVERED = "discovered_interpreter_python"
# The target runs the first line of its standard input: a command line is in the list of processes, and in
# sudo's log, so it is short.
START = "import sys; exec(sys.stdin.buffer.readline())"
# That line. After it come one with the question, and the archive. It runs on any Python 3, to say in words
# that it is too old, and imports nothing from the folder in which a login begins.
_PROGRAM = f"""\
import sys
if sys.version_info < (3, 8):
    sys.exit("it is Python %d.%d, and the engine needs 3.8 or later" % sys.version_info[:2])
sys.path[:] = [place for place in sys.path if place]
import os, tempfile
question = sys.stdin.buffer.readline()
try:
    archive = tempfile.TemporaryFile()
    archive.write(sys.stdin.buffer.read())
    archive.flush()
except OSError as error:
    sys.exit("the engine could not be copied into %s: %s" % (tempfile.gettempdir(), error.strerror))
os.fchmod(archive.fileno(), 0o444)
sys.path.insert(0, "/proc/self/fd/%d" % archive.fileno())
from {PACKAGE}.host import main
main(question)
"""


class NoAnswer(Exception):
    """The engine did not work on the target: why, with what was printed there, which may be secret."""


class EngineAction(ActionBase):  # type: ignore[misc]
    """An action that asks the engine on the target."""

    TRANSFERS_FILES = True
    # Of the target, as a result says it.
    discovered: Mapping[str, Any] = {}

    def ask_engine(self, question: Any, task_vars: Mapping[str, Any]) -> Any:
        """Return the answer of the target. Raises NoAnswer."""
        python = self._python(task_vars)
        command = shlex.join([*shlex.split(python), "-B", "-c", START])
        ended = self._run(command, lines_of(question) + ARCHIVE)
        for line in reversed(ended["stdout"].splitlines()):
            if line.startswith(MARK):
                return json.loads(line[len(MARK) :])
        said = (ended["stderr"].strip() or ended["stdout"]).encode()
        raise NoAnswer(
            f"{python} on the host ended without an answer (status {ended['rc']}): {last_words(said)}. "
            "Nothing was changed. If it is the wrong Python, set ansible_python_interpreter."
        )

    def _run(self, command: str, content: bytes) -> Mapping[str, Any]:
        """Run a command on the target with this as its standard input."""
        environment = self._compute_environment_string()
        ended: Mapping[str, Any]
        if self._is_pipelining_enabled("new"):
            ended = self._low_level_execute_command(f"{environment} {command}".strip(), in_data=content)
            return ended
        shell = self._connection._shell
        folder = shell.tmpdir or self._make_tmp_path()
        path = shell.join_path(folder, "media-cleanup")
        self._transfer_data(path, content)
        self._fixup_perms2([folder, path], execute=False)
        ended = self._low_level_execute_command(f"{environment} {command} < {shlex.quote(path)}".strip())
        return ended

    def _python(self, task_vars: Mapping[str, Any]) -> str:
        """The target's interpreter, as Ansible finds it for a module."""
        host = self._task.delegate_to
        variables = task_vars["ansible_delegated_vars"][host] if host else task_vars
        configured = constants.config.get_config_value("INTERPRETER_PYTHON", variables=variables)
        said = str(self._templar.template(configured) or "auto")
        if not said.startswith("auto"):
            return said
        known = variables.get("ansible_facts", {}).get(_DISCOVERED)
        if known:
            return str(known)
        found = discover_interpreter(self, "python", said, variables)
        if not host:
            self.discovered = {"ansible_facts": {_DISCOVERED: found}}
        return str(found)


def lines_of(question: Any) -> bytes:
    """What comes before the archive."""
    return f"exec({_PROGRAM!r})\n{json.dumps(question)}\n".encode()


def archive_of_engine() -> bytes:
    """The engine, each file as it is and compiled."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, source in sorted(engine_files()):
            if not name.startswith(_ELSEWHERE):
                path = f"{PACKAGE}/{name}"
                archive.writestr(path, source)
                archive.writestr(f"{path}c", _compiled(source, path))
    return made.getvalue()


def _compiled(source: bytes, path: str) -> bytes:
    code = compile(source, path, "exec", dont_inherit=True, optimize=_OPTIMIZED)
    return MAGIC_NUMBER + _FLAGS + source_hash(source) + marshal.dumps(code)


# Ansible imports this before it begins a process for each host.
ARCHIVE = archive_of_engine()

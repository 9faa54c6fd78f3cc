#!/usr/bin/env python
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
"""Run `ansible-test units` and `ansible-test integration`, or one, as Ansible's own people would.

ansible-test runs each test in a process of its own, so the PostgreSQL for all of them is started here.
They need what `ansible-test sanity` needs: a copy that stands where a collection stands, and a
home of its own. The targets run on this machine and touch ansible-test's output folder alone.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys

from run_sanity import BUILD, HOME, copy_checkout, prepare_home, with_our_tools

from helpers.servers import running

# Its own: the sanity tests may be running meanwhile.
COPY = BUILD / "targets" / "ansible_collections" / "django_media" / "cleanup"
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
RUNS = {
    "integration": ("--python", PYTHON),
    "units": ("--venv", "--requirements", "--python", PYTHON),
}


def ansible_test(*arguments: str) -> int:
    environment = {**os.environ, "HOME": str(HOME), "PATH": with_our_tools()}
    environment.pop("ANSIBLE_CONFIG", None)  # names the checkout
    done = subprocess.run(
        [sys.executable, "-m", "ansible", "test", *arguments],
        cwd=COPY,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        print(done.stdout)
    counted = ", ".join(re.findall(r"=+ (\d+ passed.*?) =+", done.stdout))
    outcome = "failed" if done.returncode else "passed"
    print(f"ansible-test {arguments[0]}: {outcome} {counted}".rstrip(), flush=True)
    return done.returncode


def main() -> int:
    copy_checkout(COPY)
    prepare_home()
    with running() as server:
        (COPY / "tests" / "server.url").write_text(server.url)
        return max([ansible_test(kind, *RUNS[kind]) for kind in sys.argv[1:] or RUNS])


if __name__ == "__main__":
    sys.exit(main())

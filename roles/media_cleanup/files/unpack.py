# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Write the files of a release: their texts come as JSON on standard input, by their names.

One task instead of one for each file. A file is replaced in one step, since it may be in use.
"""

from __future__ import annotations

import json
import os
import sys


def make_folder(path: str) -> None:
    """Make a folder that is missing, for everybody to read whatever the umask is."""
    if not os.path.isdir(path):
        make_folder(os.path.dirname(path))
        os.mkdir(path)
        os.chmod(path, 0o755)  # noqa: S103 (every user runs it)


def main() -> None:
    directory = sys.argv[1]
    for name, text in json.load(sys.stdin).items():
        path = os.path.join(directory, name)
        make_folder(os.path.dirname(path))
        with open(f"{path}.new", "w", encoding="utf-8") as file:
            file.write(text)
            os.fchmod(file.fileno(), 0o644)
        os.rename(f"{path}.new", path)


if __name__ == "__main__":
    main()

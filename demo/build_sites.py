# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Build two small Django sites whose files and rows have drifted apart, and an inventory of them.

    python demo/build_sites.py DEST [--total-loss]

The first is a Django project and described in four lines; of the second there are only its tables, which are
described by hand. Whatever is tried out on them, running this again starts over: all in DEST is replaced.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from datetime import datetime, timezone
from pathlib import Path

import album
import footycollect
import yaml
from media_files import require_avif

# Only a directory that holds this file is ever emptied.
MARKER = ".django-media-cleanup-demo"
MARKER_TEXT = "Built by demo/build_sites.py, which replaces everything in this directory.\n"


def main() -> None:
    options = _options()
    destination = options.destination.resolve()
    try:
        require_avif()
        _start_over(destination)
        _build(destination, options.total_loss)
    except (OSError, RuntimeError) as error:
        sys.exit(f"build_sites.py: {error}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Build two small Django sites to try things on.")
    parser.add_argument(
        "destination",
        metavar="DEST",
        type=Path,
        help="directory to build in: new, empty, or of a former demo, which is replaced",
    )
    parser.add_argument(
        "--total-loss",
        action="store_true",
        help="let all photos and videos of the site album be missing",
    )
    return parser.parse_args()


def _start_over(destination: Path) -> None:
    """Empty the folder of an earlier demo; any other folder is refused."""
    destination.mkdir(parents=True, exist_ok=True)
    marker = destination / MARKER
    content = [entry for entry in destination.iterdir() if entry != marker]
    if content and not marker.is_file():
        raise RuntimeError(
            f"{destination} is not empty and was not built by this program, "
            "so nothing in it was touched. Name another directory."
        )
    marker.write_text(MARKER_TEXT, encoding="utf-8")
    for entry in content:
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def _build(destination: Path, total_loss: bool) -> None:
    now = datetime.now(timezone.utc)
    directories = {name: destination / name for name in (footycollect.NAME, album.NAME)}
    for directory in directories.values():
        (directory / "media").mkdir(parents=True)
    kit, family = directories.values()
    footycollect.build(kit, now)
    album.build(family, now, total_loss)
    sites = [footycollect.description(kit), album.description(family)]
    _write_inventory(destination / "inventory.yml", sites)
    print(f"{footycollect.NAME}: {footycollect.figures(kit, now)}")
    print(f"{album.NAME}: {album.figures(family)}")


def _write_inventory(file: Path, sites: list[dict[str, object]]) -> None:
    """Make each site a host of its own, as in a fleet; both are this machine."""
    group = {
        "vars": {
            "ansible_connection": "local",
            "ansible_python_interpreter": "{{ ansible_playbook_python }}",
            # Its files belong to whoever tries it.
            "media_cleanup_become": False,
        },
        "hosts": {str(site["name"]): {"media_cleanup_sites": [site]} for site in sites},
    }
    text = yaml.safe_dump({"demo": group}, sort_keys=False, allow_unicode=True, width=1000)
    file.write_text(f"---\n# Written by demo/build_sites.py\n{text}", encoding="utf-8")


if __name__ == "__main__":
    main()

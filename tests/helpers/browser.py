# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""A real browser for tests: npm's packages below ``.build``, installed by npm without root.

What a person does is a list of steps for ``browser.cjs``, which says what came of each.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, Callable, Mapping, Sequence

from helpers.checkout import REPOSITORY
from helpers.fetched import made_once, run

PLACE = REPOSITORY / ".build" / "browser"
DRIVER = Path(__file__).with_name("browser.cjs")
PACKAGES = ("@sparticuz/chromium@147.0.0", "puppeteer-core@24.43.1", "axe-core@4.14.1")

# Those that the packages bring name folders of a service, without which no text can be drawn.
_FONTS = """\
<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir>{place}/fonts</dir><cachedir>{place}/fonts-cache</cachedir></fontconfig>
"""

Step = Sequence[Any]
Browse = Callable[..., "dict[str, Any]"]
# What steps ask of a page: what it lists, and how much of that is chosen.
NAMES_ON_PAGE = "[...document.querySelectorAll('[role=option] .name')].map((each) => each.textContent)"
CHOSEN = "document.getElementById('chosen').textContent"


def installation() -> Path:
    """The folder with the packages and the unpacked browser, made by the first who wants it."""
    return made_once(PLACE / "installed", _install)


def _install(folder: Path) -> None:
    cache = {"npm_config_cache": str(folder / "cache"), "npm_config_update_notifier": "false"}
    npm = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    run([*npm, "--prefix", str(folder), *PACKAGES], folder, cache)
    shutil.rmtree(folder / "cache", ignore_errors=True)
    _node(folder, {})


def watched(page: Path, steps: Sequence[Step], downloads: Path, **more: Any) -> dict[str, Any]:
    """Open a page and take the steps; what came of each, and what the browser said and requested."""
    scenario = {"page": str(page), "steps": list(steps), "downloads": str(downloads), **more}
    found: dict[str, Any] = json.loads(_node(installation(), scenario))
    return found


def _node(folder: Path, scenario: Mapping[str, Any]) -> str:
    unpacked = folder / "unpacked"
    unpacked.mkdir(exist_ok=True)
    fonts = unpacked / "fonts.conf"
    fonts.write_text(_FONTS.format(place=unpacked))
    # It is made for a service that has none of the libraries it needs, and brings them for that.
    service = {
        "AWS_LAMBDA_JS_RUNTIME": "nodejs20.x",
        "TMPDIR": str(unpacked),
        "FONTCONFIG_FILE": str(fonts),
        "NODE_PATH": f"{folder}/node_modules",
    }
    return run(["node", str(DRIVER)], folder, service, json.dumps(scenario))

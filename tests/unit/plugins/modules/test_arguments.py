# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""What the modules take and what the description of a site takes are the same."""

from __future__ import annotations

from ansible_collections.django_media.cleanup.plugins.module_utils import _arguments
from engine.config import site_file


def test_the_defaults_are_those_of_the_modules() -> None:
    spec = _arguments.orphans_arguments()
    assert {name: spec[name]["default"] for name in site_file.DEFAULTS} == site_file.DEFAULTS


def test_a_description_may_say_all_that_the_modules_know() -> None:
    here = {*site_file.SHARED, *site_file.ORPHANS_ONLY, *site_file.RECORDS_ONLY}
    options = {*_arguments.orphans_arguments(), *_arguments.records_arguments()}
    assert options - here == {"name", "select", "approved_plan"}

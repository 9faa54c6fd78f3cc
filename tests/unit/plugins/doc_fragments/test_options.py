# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""What is generated from the table of options is up to date."""

from __future__ import annotations

from typing import Iterable, Iterator, Mapping

import pytest
import update_generated
import yaml
from update_generated import FRAGMENTS, PROSE, ROLE

from engine.config import options as table


@pytest.mark.parametrize("path", [FRAGMENTS, ROLE], ids=lambda path: path.name)
def test_generated_files_are_up_to_date(path: object) -> None:
    assert path.read_text("utf-8") == update_generated.generated()[path], "Run `make generate`."


def keys(options: Iterable[table.Option], prefix: str = "") -> Iterator[str]:
    for option in options:
        yield prefix + option.name
        yield from keys(option.suboptions, f"{prefix}{option.name}.")


def test_there_is_prose_for_every_option_and_for_nothing_else() -> None:
    prose: Mapping[str, Mapping[str, object]] = yaml.safe_load(PROSE.read_text("utf-8"))
    shared = set(keys(table.shared_options()))
    of_jobs = {
        "orphans": set(keys(table.module_options("orphans"))) - shared,
        "records": set(keys(table.module_options("missing"))) - shared,
    }
    expected = {
        "site": set(keys(option for option in table.site_options() if not option.jobs)),
        "shared": shared,
        **of_jobs,
        "quarantine": set(keys(table.QUARANTINE)),
        "quarantine_info": set(keys(table.QUARANTINE_INFO)),
        "django_site_info": set(keys(table.DJANGO_SITE_INFO)),
    }
    assert {part: set(said) for part, said in prose.items()} == expected


def test_the_role_says_of_options_only_what_it_has() -> None:
    spec = yaml.safe_load(ROLE.read_text("utf-8"))["argument_specs"]["main"]["options"]
    options = spec["media_cleanup_sites"]["options"]
    described = repr(options)
    assert "RV(" not in described
    assert "O(media_root)" not in described
    assert "O(media_cleanup_sites[].media_root)" in described
    assert "no_log" not in options["database_url"]

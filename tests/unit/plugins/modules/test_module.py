# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""What the modules take and what the description of a site takes are the same."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.django_media.cleanup.plugins.module_utils import _module
from engine.config import options
from engine.config.jobs import orphans_job, records_job
from engine.config.site_file import jobs_of
from helpers.modules import ORPHANS, run_module

SITE = {"name": "kit", "database_url": "sqlite:////x", "media_root": "/srv/media"}
SECRET = "hunter2-and-more"
IMAGE = {"table": "photo", "column": "image"}
REQUIRED: dict[str, Any] = {
    "orphans": {"directories": ["photos"], "references": [IMAGE]},
    "missing": {"table": "photo", "file_column": "image"},
    "incomplete": {"table": "photo", "file_column": "image"},
}


# What is said for one run, and what the site says for all its jobs.
PER_RUN = {"select", "approved_plan", "reviewed", "list_file", "list_format", "report", "review"}
PER_SITE = {"name", "user", "python", "django"}


@pytest.mark.parametrize("job", options.JOBS)
def test_the_defaults_are_those_of_the_modules(job: str) -> None:
    """What AnsibleModule fills in makes the same job as what the engine does."""
    spec = _module.argument_spec(options.module_options(job))
    filled = {name: argument.get("default") for name, argument in spec.items()}
    by_module = {**filled, **SITE, **REQUIRED[job], **({"select": job} if "select" in spec else {})}
    [by_site_file] = jobs_of({**SITE, job: REQUIRED[job]}, job, "here", {})
    assert (orphans_job if job == "orphans" else records_job)(by_module) == by_site_file


@pytest.mark.parametrize("job", options.JOBS)
def test_a_description_may_say_all_that_the_modules_know(job: str) -> None:
    of_job = {option.name for option in options.job_options(job)}
    module = set(_module.argument_spec(options.module_options(job)))
    assert of_job <= module
    assert module - of_job <= PER_RUN | PER_SITE


def test_an_argument_says_all_that_its_option_does() -> None:
    spec = _module.argument_spec(options.module_options("missing"))
    # A Django project may say it; where nothing does, the engine reports it.
    assert spec["database_url"] == {"type": "str", "no_log": True}
    assert spec["django"]["options"]["project"] == {"type": "path", "required": True}
    assert spec["django"]["options"]["environment"] == {"type": "dict", "no_log": True}
    assert spec["max_removal_percent"] == {"type": "int", "default": 50}
    assert spec["select"] == {"type": "str", "default": "missing", "choices": ["missing", "incomplete"]}
    assert spec["companion_columns"] == {"type": "list", "elements": "str", "default": []}
    assert spec["dependents"]["elements"] == "dict"
    assert spec["dependents"]["options"]["holds"] == {
        "type": "str",
        "default": "key",
        "choices": ["key", "path"],
    }


@pytest.mark.promise(12)
def test_no_value_of_a_project_s_environment_shows() -> None:
    environment = {"DB_PASS": SECRET, "DATABASE_URL": f"postgres://kit:{SECRET}@db/kit", "SHORT": "pw"}
    django = {"project": "/nowhere/project", "environment": environment}
    result = run_module({ORPHANS: {"django": django, "user": "nobody-at-all", "media_root": "/srv/pw"}})
    assert result["failed"]
    assert "nobody-at-all" in result["msg"]
    assert result["status"] == "unusable"
    assert SECRET not in str(result)
    assert "environment" not in result["invocation"]["module_args"]["django"]
    # What is no secret does not blot out the rest.
    assert result["invocation"]["module_args"]["media_root"] == "/srv/pw"


@pytest.mark.promise(12)
@pytest.mark.parametrize("environment", [f"DB_PASS={SECRET}", SECRET, [SECRET], {"DB_PASS": {"x": SECRET}}])
def test_no_environment_that_is_wrong_shows(environment: Any) -> None:
    result = run_module({ORPHANS: {"django": {"project": "/nowhere", "environment": environment}}})
    assert result["failed"]
    assert SECRET not in str(result)


@pytest.mark.promise(12)
@pytest.mark.parametrize(
    "storage",
    [
        {"access_key": "key", "secret_key": SECRET, "addressing_style": "nowhere"},
        {"access_key": "key", "secret_key": SECRET, "session_profile": "p"},
        f"access_key=key secret_key='{SECRET}'",
        f"{SECRET}",
        {"secret_key": [SECRET], "access_key": {"x": SECRET}},
        {"secret": SECRET},
    ],
)
def test_no_key_of_a_bucket_shows(storage: Any) -> None:
    result = run_module({ORPHANS: {"media_root": "s3://b/media", "user": "root", "storage_options": storage}})
    assert result["failed"]
    assert SECRET not in str(result)


@pytest.mark.promise(12)
def test_no_project_that_is_wrong_shows() -> None:
    result = run_module({ORPHANS: {"django": f"project=/srv environment={{'DB_PASS':'{SECRET}'}}"}})
    assert result["failed"]
    assert SECRET not in str(result)

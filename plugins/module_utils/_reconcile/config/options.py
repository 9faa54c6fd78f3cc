# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The table of all options, one row for each.

From it follow the modules' argument specs, the keys that the description of a site may have, the
defaults, the flags of the command, and, by ``make generate``, the documentation of the modules and
the argument specs of the role. What an option means is said in ``docs/options.yml``, for people.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Sequence

from ..kept import ACCEPTABLE_BY_NAME, Code
from .guards import ACCEPTABLE

JOBS = ("orphans", "incomplete", "missing")
_ORPHANS = JOBS[:1]
_RECORDS = JOBS[1:]

_SITE = ("site",)
_JOB = ("job",)
# What only the caller of a module sets.
_NOWHERE = ()

# What describes records in the names of a Django project.
OF_MODEL = ("model", "field", "unattached", "uploaded_at")

# The first of each is the default.
AGE_STAMPS = ("newest", "mtime", "ctime")
SELECTIONS = ("missing", "incomplete")

ACTIONS = ("delete", "set_null", "set_default", "restrict")
# What a Django project does that SQL cannot: such a rule keeps the record.
SET_CALLABLE, TREE_MODEL = Code.SET_CALLABLE.value, Code.TREE_MODEL.value
# A value that a Django project sets, and that is a row's key: its SET(value), and a default of its models.
SET_VALUE = "set_value"
# Django's RESTRICT: the row keeps the record unless it is deleted itself, over another way.
RESTRICT_UNLESS_DELETED = "restrict_unless_deleted"
# What becomes of the parents of a row that is deleted.
PARENTS = ("delete", "keep")
# The first is the default.
LIST_FORMATS = ("lines", "nul", "json")
# What becomes of a record whose file is missing; the first is the default.
ON_MISSING = ("delete", "clear")


@dataclass(frozen=True)
class Flag:
    """How the command line overrides an option; the flag is called as the option is."""

    metavar: str
    help: str


@dataclass(frozen=True)
class Option:
    """One option.

    ``type`` is one of Ansible's: str, path, int (a whole number of 0 or more, at most ``most``), bool,
    list (its entries are texts, or mappings where there are ``suboptions``), dict or raw. An option
    that is not set has the ``default``, which may be None.

    What is required ``by_project`` need not be said where there is a Django project, which says it.

    Entries of a list may also be CODE:NAME with one of the ``codes``, beside its ``choices``.

    ``scope`` says where the description of a site may set it: for the site, for a job, for both (the
    job's value then replaces that of the site), or nowhere. ``jobs`` are the jobs whose module takes
    it; none for what concerns the description alone.
    """

    name: str
    type: str = "str"
    default: Any = None
    required: bool = False
    by_project: bool = False
    choices: Sequence[str] = ()
    codes: Sequence[str] = ()
    most: int | None = None
    no_log: bool = False
    suboptions: Sequence[Option] = ()
    scope: Sequence[str] = (*_SITE, *_JOB)
    jobs: Sequence[str] = JOBS
    flag: Flag | None = None


_TABLE_AND_COLUMN = (Option("table", required=True), Option("column", required=True))
_PREFIX = Option("prefix")
_CONTENT = (Option("size_column"), Option("checksum_column"))
_DEPENDENT = (
    *_TABLE_AND_COLUMN,
    Option("action", required=True, choices=ACTIONS),
    Option("holds", default="key", choices=("key", "path")),
    Option("content_type"),
    Option("content_type_column", default="content_type_id"),
    Option("parents", choices=PARENTS),
)
# What says where a Django project is and how it is asked.
DJANGO = (
    Option("project", "path", required=True),
    Option("python"),
    Option("settings"),
    Option("database", default="default"),
    Option("storage", default="default"),
    Option("environment", "dict", no_log=True),
    Option("environment_file", "path"),
    Option("systemd_unit"),
)
# Bytes and thumbnails that a report has at most.
REPORT_BYTES, REPORT_THUMBNAILS = 8 << 20, 1_000
_REPORT = (
    Option("file", "path", required=True),
    Option("most_bytes", "int", default=REPORT_BYTES),
    Option("most_thumbnails", "int", default=REPORT_THUMBNAILS),
)
# How the service of a bucket is reached, in the words of django-storages.
STORAGE = (
    Option("endpoint_url"),
    Option("region_name"),
    Option("access_key", no_log=True),
    Option("secret_key", no_log=True),
    Option("security_token", no_log=True),
    Option("addressing_style", choices=("auto", "path", "virtual")),
    Option("session_profile"),
)
_REVIEW = (Option("plan_id", required=True), Option("keep", "list", default=()))
_BY_JOB = tuple(Option(job) for job in (*JOBS, "purge"))

# In the order in which documentation shows them.
OPTIONS = (
    Option("name", required=True, scope=_SITE, jobs=()),
    Option("name", scope=_NOWHERE),
    Option("django", "dict", suboptions=DJANGO, scope=_SITE),
    Option("database_url", required=True, by_project=True, no_log=True),
    Option("media_root", "path", required=True, by_project=True),
    Option("storage_options", "dict", suboptions=STORAGE),
    Option("media_url"),
    Option("user", scope=_SITE),
    Option("python", "path", scope=_SITE),
    Option("schedule", "dict", suboptions=_BY_JOB, scope=_SITE, jobs=()),
    Option("calendar", "dict", suboptions=_BY_JOB, scope=_SITE, jobs=()),
    *(Option(job, "raw", scope=_SITE, jobs=()) for job in JOBS),
    Option("quarantine", "path"),
    Option("quarantine_in_media_root", "bool", default=False),
    Option("permanent", "bool", default=False),
    Option("keep", "list", default=()),
    Option("state_directory", "path"),
    Option(
        "max_removal_percent",
        "int",
        default=50,
        most=100,
        flag=Flag("N", "allow a larger share to be removed, this once; 100 lifts the guard"),
    ),
    Option(
        "accept",
        "list",
        default=(),
        choices=ACCEPTABLE,
        codes=tuple(code.value for code in ACCEPTABLE_BY_NAME),
        flag=Flag(
            "GUARD",
            f"accept this once what a guard found ({', '.join(ACCEPTABLE)}), or a doubt about one item as "
            "CODE:NAME; may be repeated",
        ),
    ),
    Option("include_likely_moves", "bool", default=False),
    Option("low_priority", "bool", default=False),
    Option("sweep", "bool", default=True),
    Option("sweep_exclude", "list", default=()),
    Option("marker"),
    Option("approved_plan", scope=_NOWHERE),
    Option("reviewed", "bool", default=True, scope=_NOWHERE),
    Option("confirm_scans", "int"),
    Option("confirm_after_hours", "int", default=24),
    Option("max_listed", "int", default=100),
    Option("list_file", "path", scope=_NOWHERE),
    Option("list_format", default=LIST_FORMATS[0], choices=LIST_FORMATS, scope=_NOWHERE),
    Option("report", "dict", suboptions=_REPORT, scope=_NOWHERE),
    Option("review", "dict", suboptions=_REVIEW, scope=_NOWHERE),
    Option(
        "older_than_hours",
        "int",
        default=24,
        flag=Flag("N", "how old a file or row must be to be removed, instead of what the site file says"),
    ),
    Option("age_stamp", default=AGE_STAMPS[0], choices=AGE_STAMPS),
    Option("derived", "list", default=()),
    # The job orphans.
    Option("directories", "list", required=True, by_project=True, scope=_JOB, jobs=_ORPHANS),
    Option(
        "references",
        "list",
        required=True,
        by_project=True,
        suboptions=(*_TABLE_AND_COLUMN, _PREFIX, *_CONTENT),
        scope=_JOB,
        jobs=_ORPHANS,
    ),
    Option(
        "candidates",
        "path",
        scope=_JOB,
        jobs=_ORPHANS,
        flag=Flag("FILE", "judge only what FILE lists, instead of listing the media store"),
    ),
    Option("exclude", "list", default=(".*", "lost+found", ".nfs*", "@eaDir"), jobs=_ORPHANS),
    # The jobs missing and incomplete.
    *(Option(name, scope=_JOB, jobs=_RECORDS) for name in OF_MODEL),
    Option("table", required=True, by_project=True, scope=_JOB, jobs=_RECORDS),
    Option("file_column", required=True, by_project=True, scope=_JOB, jobs=_RECORDS),
    *(replace(option, scope=_JOB, jobs=_RECORDS) for option in _CONTENT),
    Option("companion_columns", "list", default=(), scope=_JOB, jobs=_RECORDS),
    Option("select", default=SELECTIONS[0], choices=SELECTIONS, scope=_NOWHERE, jobs=_RECORDS),
    Option("unattached_column", scope=_JOB, jobs=_RECORDS),
    Option("uploaded_at_column", scope=_JOB, jobs=_RECORDS),
    Option("time_zone", jobs=_RECORDS),
    Option("label", scope=_JOB, jobs=_RECORDS),
    Option("dependents", "list", default=(), suboptions=_DEPENDENT, scope=_JOB, jobs=_RECORDS),
    Option("on_missing", default=ON_MISSING[0], choices=ON_MISSING, scope=_JOB, jobs=_RECORDS),
    Option("dangling", "bool", default=False, scope=_JOB, jobs=_RECORDS),
    Option("only", "dict", scope=_JOB, jobs=_RECORDS),
    Option("parents", choices=PARENTS, scope=_JOB, jobs=_RECORDS),
    Option("max_dependents", "int", default=100, jobs=_RECORDS),
    Option("relink", "bool", default=False, scope=_JOB, jobs=_RECORDS),
    Option(
        "references",
        "list",
        default=(),
        suboptions=(*_TABLE_AND_COLUMN, _PREFIX, *_CONTENT),
        scope=_JOB,
        jobs=_RECORDS,
    ),
)


def module_options(job: str) -> tuple[Option, ...]:
    """What the module of a job takes."""
    return tuple(option for option in OPTIONS if job in option.jobs)


def shared_options() -> tuple[Option, ...]:
    """What the modules of all jobs take."""
    return tuple(option for option in OPTIONS if tuple(option.jobs) == JOBS)


def site_options() -> tuple[Option, ...]:
    """What the description of a site may say for the site as a whole."""
    return tuple(option for option in OPTIONS if "site" in option.scope)


def job_options(job: str) -> tuple[Option, ...]:
    """What the description of a site may say for one of its jobs of that kind."""
    return tuple(option for option in module_options(job) if "job" in option.scope)


def flagged_options(job: str) -> tuple[tuple[Option, Flag], ...]:
    """What the command line may override for a job, and how."""
    return tuple((option, option.flag) for option in module_options(job) if option.flag)


def shared_flags() -> tuple[tuple[Option, Flag], ...]:
    """What the command line may override for all jobs at once."""
    return tuple((option, option.flag) for option in shared_options() if option.flag)


def _shared(name: str) -> Option:
    """An option of the cleaning modules, for the modules of the quarantine."""
    return next(option for option in module_options(JOBS[0]) if option.name == name)


# What the modules media_quarantine and media_quarantine_info take.
QUARANTINE = (
    _shared("name"),
    _shared("user"),
    _shared("python"),
    Option("state", required=True, choices=("restored", "purged", "pinned", "unpinned")),
    replace(_shared("quarantine"), required=True, by_project=True),
    _shared("quarantine_in_media_root"),
    Option("batch"),
    Option("batches", "list"),
    Option("paths", "list", default=()),
    Option("older_than_days", "int"),
    _shared("django"),
    replace(_shared("database_url"), required=False),
    replace(_shared("media_root"), required=False),
    _shared("storage_options"),
    _shared("media_url"),
    Option("references", "list", default=(), suboptions=(*_TABLE_AND_COLUMN, _PREFIX)),
    _shared("derived"),
    _shared("sweep"),
    _shared("sweep_exclude"),
    _shared("accept"),
    _shared("max_listed"),
)
_OF_ONE_STATE = ("state", "batch", "batches", "paths", "older_than_days")
QUARANTINE_INFO = (
    *(option for option in QUARANTINE if option.name not in _OF_ONE_STATE),
    _shared("report"),
)
# What the module django_site_info takes.
DJANGO_SITE_INFO = (
    _shared("name"),
    _shared("user"),
    _shared("python"),
    Option("django", "dict", required=True, suboptions=DJANGO),
)

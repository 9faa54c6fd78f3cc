# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""The command line, run in this process: statuses, words, site files, what it leaves behind."""

from __future__ import annotations

import io
import json
import os
import re
import sys
import time
from pathlib import Path
from typing import Any, Callable

import pytest
import yaml

from engine import run as jobs
from engine.cli import main as command
from engine.cli import terminal
from engine.config import site_file
from engine.errors import (
    BusyError,
    CleanupError,
    DatabaseError,
    Exit,
    SiteError,
    UnreadableError,
    worst,
)
from engine.report import (
    metrics as monitoring,
)
from helpers.clock import let_clock_tick

REPOSITORY = Path(__file__).resolve().parents[5]
SECRET = "s3cr3t-p4ss"
PHOTOS = {"table": "collection_photo", "file_column": "image"}


class Site:
    """A small site on SQLite with a site file, cleaned by calling main()."""

    def __init__(self, folder: Path, database: Any) -> None:
        self.folder = folder
        self.media = folder / "media"
        (self.media / "photos").mkdir(parents=True)
        (folder / "config" / "sites").mkdir(parents=True)
        database.run(
            "CREATE TABLE collection_photo (id integer PRIMARY KEY, image varchar(100) NOT NULL, "
            "content_type_id integer, uploaded_at datetime NOT NULL)"
        )
        self.database = database
        self.description: dict[str, Any] = {
            "name": "kit",
            "database_url": database.url,
            "media_root": str(self.media),
            "age_stamp": "mtime",
            "permanent": True,
            "orphans": {
                "directories": ["photos"],
                "references": [{"table": "collection_photo", "column": "image"}],
            },
            "missing": [PHOTOS],
        }
        self.describe()

    def describe(self, **more: Any) -> None:
        self.description.update(more)
        self.write_file(json.dumps(self.description))

    def write_file(self, text: str | bytes) -> None:
        file = self.folder / "config" / "sites" / "kit.json"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())

    def write(self, *names: str) -> None:
        for name in names:
            (self.media / "photos" / name).write_text("picture")
            os.utime(self.media / "photos" / name, (1e9, 1e9))
        let_clock_tick()

    def keep(self, *names: str, gone: bool = False) -> None:
        for name in names:
            if not gone:
                self.write(name)
            row = {"image": f"photos/{name}", "content_type_id": 1, "uploaded_at": "2020-01-01"}
            self.database.insert("collection_photo", [row])

    @property
    def files(self) -> set[str]:
        return {file.name for file in (self.media / "photos").iterdir()}

    def run(self, *arguments: str) -> int:
        return command.main([*arguments, "--config", str(self.folder / "config")])


@pytest.fixture
def site(tmp_path: Path, sqlite: Any) -> Site:
    """The site kit with its site file."""
    return Site(tmp_path, sqlite)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def raising(error: Exception) -> Callable[..., Any]:
    def run(*_arguments: Any, **_options: Any) -> Any:
        raise error

    return run


# Statuses.


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (DatabaseError("the server is away"), Exit.FAILED),
        (CleanupError("it went wrong"), Exit.FAILED),
        (SiteError("no such table"), Exit.UNUSABLE),
        (UnreadableError("not seen"), Exit.PARTIAL),
        (BusyError("another run"), Exit.BUSY),
    ],
)
def test_each_kind_of_error_has_its_status_and_is_told(
    site: Site, monkeypatch: Any, capsys: Any, error: CleanupError, status: Exit
) -> None:
    monkeypatch.setattr(jobs, "run_in", raising(error))
    assert site.run("orphans", "kit", "--force", "--quiet") == status
    said = capsys.readouterr()
    assert str(error) in said.err
    assert said.out == ""


def test_the_statuses_are_those_that_are_documented() -> None:
    documented = dict(re.findall(r"^  (\d)  (\w+)", command._MEANING, re.MULTILINE))
    assert documented == {str(int(status)): status.name.lower() for status in Exit}


def test_the_worst_of_several_endings_is_told() -> None:
    assert worst([Exit.DONE, Exit.REFUSED, Exit.FAILED, Exit.PARTIAL]) == Exit.FAILED
    assert worst([Exit.REFUSED, Exit.PARTIAL, Exit.DONE]) == Exit.PARTIAL
    assert worst([]) == Exit.DONE


def test_a_job_that_fails_does_not_keep_the_next_from_running(site: Site, capsys: Any) -> None:
    site.keep("a.jpg", "b.jpg", "c.jpg")
    site.keep("gone.jpg", gone=True)
    site.describe(missing=[{**PHOTOS, "table": "no_such_table"}, PHOTOS])
    assert site.run("missing", "kit", "--force") == Exit.UNUSABLE
    assert "no_such_table" in capsys.readouterr().err
    assert len(site.database.rows("SELECT id FROM collection_photo")) == 3


@pytest.mark.promise("guards")
def test_a_guard_refuses_with_its_status_and_one_option_lifts_it(site: Site, capsys: Any) -> None:
    site.keep("a.jpg")
    site.write("x.jpg", "y.jpg")
    assert site.run("orphans", "kit", "--force", "--quiet") == Exit.REFUSED
    assert "max_removal_percent" in capsys.readouterr().err
    assert site.run("orphans", "kit", "--dry-run") == Exit.REFUSED
    assert site.files == {"a.jpg", "x.jpg", "y.jpg"}
    assert site.run("orphans", "kit", "--force", "--max-removal-percent", "100") == Exit.DONE
    assert site.files == {"a.jpg"}


def test_an_interrupted_run_says_so(site: Site, monkeypatch: Any, capsys: Any) -> None:
    monkeypatch.setattr(jobs, "run_in", raising(KeyboardInterrupt()))
    assert site.run("orphans", "kit", "--force") == 130
    assert "interrupted" in capsys.readouterr().err


# The question.


def test_without_a_terminal_nothing_is_even_examined(site: Site, monkeypatch: Any, capsys: Any) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("yes\n"))
    monkeypatch.setattr(jobs, "run_all", raising(AssertionError("examined")))
    assert site.run("orphans", "kit") == Exit.UNCONFIRMED
    assert "--force" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("answer", "status", "left"),
    [
        ("yes\n", Exit.DONE, {"a.jpg", "b.jpg"}),
        ("y\n", Exit.UNCONFIRMED, {"a.jpg", "b.jpg", "x.jpg"}),
        ("", Exit.UNCONFIRMED, {"a.jpg", "b.jpg", "x.jpg"}),
    ],
)
def test_only_a_yes_at_the_terminal_removes(
    site: Site, monkeypatch: Any, capsys: Any, answer: str, status: Exit, left: set[str]
) -> None:
    site.keep("a.jpg", "b.jpg")
    site.write("x.jpg")
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    assert site.run("orphans", "kit") == status
    said = capsys.readouterr().err
    assert "photos/x.jpg" in said
    assert "no quarantine" in said
    assert re.search(r"^kit · orphans: 1 file, [0-9]+ bytes; deleted for good$", said, re.MULTILINE)
    assert site.files == left


def test_nothing_is_asked_where_nothing_would_go(site: Site, monkeypatch: Any, capsys: Any) -> None:
    site.keep("a.jpg")
    monkeypatch.setattr(sys, "stdin", Terminal("no\n"))
    assert site.run("orphans", "kit") == Exit.DONE
    assert "Type yes" not in capsys.readouterr().err


# Words.


def test_quiet_says_nothing_unless_something_happened(site: Site, capsys: Any) -> None:
    site.keep("a.jpg", "b.jpg")
    assert site.run("orphans", "kit", "--force", "--quiet") == Exit.DONE
    assert capsys.readouterr() == ("", "")
    site.write("x.jpg")
    assert site.run("orphans", "kit", "--force", "--quiet") == Exit.DONE
    assert "photos/x.jpg" in capsys.readouterr().out


def test_json_is_one_document_with_the_result_of_the_module(site: Site, capsys: Any) -> None:
    site.keep("a.jpg", "b.jpg")
    site.write("x.jpg")
    assert site.run("orphans", "kit", "--dry-run", "--json") == Exit.DONE
    told = json.loads(capsys.readouterr().out)
    assert (told["site"], told["job"], told["status"], told["dry_run"]) == ("kit", "orphans", "done", True)
    assert told["runs"][0]["found"] == {"records": 0, "files": 1, "bytes": 7}
    assert [orphan["path"] for orphan in told["runs"][0]["orphans"]] == ["photos/x.jpg"]


def test_progress_is_for_terminals_only(site: Site, monkeypatch: Any, capsys: Any) -> None:
    site.keep("a.jpg")
    monkeypatch.setattr(terminal, "PACE", 0)
    assert site.run("orphans", "kit", "--dry-run") == Exit.DONE
    assert "seen" not in capsys.readouterr().err
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    assert site.run("orphans", "kit", "--dry-run") == Exit.DONE
    assert "kit · orphans: 1 files examined" in screen.getvalue()
    assert screen.getvalue().endswith("\r\x1b[K")


def test_the_sweep_shows_how_far_it_is(site: Site, monkeypatch: Any) -> None:
    site.keep("a.jpg")
    site.write("x.jpg")
    monkeypatch.setattr(terminal, "PACE", 0)
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    assert site.run("orphans", "kit", "--dry-run") == Exit.DONE
    assert "kit · orphans: 1 rows searched for mentions of files" in screen.getvalue()
    assert screen.getvalue().endswith("\r\x1b[K")


def test_older_than_hours_of_the_command_line_comes_first(site: Site) -> None:
    site.keep("a.jpg", "b.jpg")
    site.write("x.jpg")
    os.utime(site.media / "photos" / "x.jpg", (time.time() - 36 * 3600,) * 2)
    let_clock_tick()
    site.describe(orphans={**site.description["orphans"], "older_than_hours": 1})
    assert site.run("orphans", "kit", "--force", "--older-than-hours", "48") == Exit.DONE
    assert "x.jpg" in site.files
    assert site.run("orphans", "kit", "--force") == Exit.DONE
    assert "x.jpg" not in site.files


# Bad input.


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"name": "kit", "database_url": "' + SECRET, "line 1"),
        (b"\xff\xfe", "UTF-8"),
        ("[" * 100_000, "nested too deep"),
        ("[]", "does not describe a site named 'kit'"),
        ('{"name": "other"}', "does not describe a site named 'kit'"),
        ('{"name": "kit"}', "no database_url"),
    ],
)
def test_a_bad_site_file_is_told_in_one_line(site: Site, capsys: Any, text: Any, words: str) -> None:
    site.write_file(text)
    assert site.run("orphans", "kit", "--dry-run") == Exit.UNUSABLE
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1
    assert SECRET not in said


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"media_root": ""}, "no media_root"),
        ({"media_root": "media"}, "not an absolute path"),
        ({"media_root": "/\ud800"}, "surrogate"),
        ({"database_url": 5}, "database_url is no text; it must be a text"),
        ({"database_url": f"oracle://u:{SECRET}@h/d"}, "scheme 'oracle'"),
        ({"unknown": 1}, "unknown keys: unknown"),
        ({"older_than_hours": "48"}, "older_than_hours is '48'"),
        ({"derived": "x"}, "derived is 'x'; it must be a list of texts"),
        ({"time_zone": 5, "orphans": None}, "describes no job 'orphans'"),
        ({"marker": ["x"]}, "marker is a list; it must be a text"),
        ({"orphans": 5}, "must be a mapping"),
        ({"orphans": {"directories": 5, "references": [{}]}}, "directories is 5; it must be a list of texts"),
        (
            {"orphans": {"directories": ["x"], "references": 5}},
            "references is 5; it must be a list",
        ),
        ({"orphans": {"directories": ["x"]}}, "has no references"),
        ({"orphans": {"directories": ["../x"], "references": [{"table": "a", "column": "b"}]}}, "'..'"),
    ],
)
def test_a_bad_option_is_told_in_few_words(
    site: Site, capsys: Any, changes: dict[str, Any], words: str
) -> None:
    site.describe(**changes)
    assert site.run("orphans", "kit", "--dry-run") == Exit.UNUSABLE
    said = capsys.readouterr().err
    assert words in said
    assert "Traceback" not in said
    assert said.count("\n") <= 2
    assert SECRET not in said


def test_a_site_that_is_not_there_is_told_with_those_that_are(site: Site, capsys: Any) -> None:
    assert site.run("orphans", "kot", "--dry-run") == Exit.UNUSABLE
    assert "There are: kit." in capsys.readouterr().err
    assert site.run("orphans", "../kit", "--dry-run") == Exit.UNUSABLE
    assert "no name of a site" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["clean", "kit"], ["orphans"], ["orphans", "kit", "--older", "x"]])
def test_a_wrong_command_line_is_told_in_one_line(capsys: Any, arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as left:
        command.main(arguments)
    assert left.value.code == Exit.UNUSABLE
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.promise(12)
def test_no_password_is_told(site: Site, capsys: Any) -> None:
    site.describe(database_url=f"postgresql://u:{SECRET}@127.0.0.1:1/d")
    assert site.run("orphans", "kit", "--dry-run", "--json") == Exit.FAILED
    said = "".join(capsys.readouterr())
    assert "connecting to the database failed" in said
    assert SECRET not in said


# The description of a site.


def test_a_job_says_otherwise_than_its_site_and_the_command_line_than_both() -> None:
    site = {
        "name": "kit",
        "database_url": "sqlite:////x",
        "media_root": "/m",
        "older_than_hours": 1,
        "max_removal_percent": 10,
        "accept": ["path_mismatch"],
        "age_stamp": None,
        "orphans": {
            "directories": ["a"],
            "references": [{"table": "t", "column": "c"}],
            "max_removal_percent": 20,
        },
        "missing": {"table": "t", "file_column": "c"},
    }
    [orphans] = site_file.jobs_of(
        site, "orphans", "here", {"older_than_hours": 5, "accept": ["no_references"]}
    )
    assert orphans.age_limit.older_than_hours == 5
    assert orphans.age_limit.age_stamp == "newest"
    assert orphans.site.max_removal_percent == 20
    assert orphans.site.accept == ("path_mismatch", "no_references")
    assert orphans.site.media_url == b"/media/"
    [missing] = site_file.jobs_of(site, "missing", "here", {})
    assert missing.age_limit.older_than_hours == 1
    assert missing.site.max_removal_percent == 10
    # What the job orphans compares with protects files from this job too.
    assert [str(column) for column in missing.references] == ["t.c"]


def test_an_interpreter_that_is_not_there_is_told(site: Site, capsys: Any) -> None:
    site.describe(python="/no/such/python")
    arguments = ["orphans", "kit", "--dry-run", "--config", str(site.folder / "config")]
    assert command.main(arguments) == Exit.UNUSABLE
    assert "'/no/such/python' cannot be run by" in capsys.readouterr().err


def test_the_version_is_that_of_the_collection() -> None:
    assert yaml.safe_load((REPOSITORY / "galaxy.yml").read_text())["version"] == command.VERSION


# Plans that somebody reviews.


@pytest.mark.promise(3)
def test_rows_without_an_age_need_a_person_or_a_second_run(
    site: Site, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    site.keep("a.jpg", "b.jpg", "c.jpg")
    site.keep("gone.jpg", gone=True)
    site.database.run("ALTER TABLE collection_photo RENAME uploaded_at TO was")
    for _run in range(2):
        assert site.run("missing", "kit", "--force") == Exit.DONE
        assert "photos/gone.jpg: " in capsys.readouterr().out
    assert len(site.database.rows("SELECT id FROM collection_photo")) == 4
    monkeypatch.setattr(sys, "stdin", Terminal("yes\n"))
    assert site.run("missing", "kit") == Exit.DONE
    assert "without a review, 1 item of these would be kept" in capsys.readouterr().err
    assert len(site.database.rows("SELECT id FROM collection_photo")) == 3


@pytest.mark.promise(7)
def test_an_approved_plan_is_the_most_that_goes(site: Site, tmp_path: Path, capsys: Any) -> None:
    site.keep("a.jpg", "b.jpg", "c.jpg", "d.jpg")
    site.write("x.jpg")
    plan = tmp_path / "plan"
    assert site.run("orphans", "kit", "--save-plan", str(plan)) == Exit.DONE
    assert plan.stat().st_mode & 0o777 == 0o600
    assert "x.jpg" in site.files
    site.write("y.jpg")
    assert site.run("orphans", "kit", "--approve", str(plan)) == Exit.DONE
    assert site.files == {"a.jpg", "b.jpg", "c.jpg", "d.jpg", "y.jpg"}


@pytest.mark.promise(7)
def test_a_plan_for_something_else_is_refused(site: Site, tmp_path: Path, capsys: Any) -> None:
    site.keep("a.jpg")
    plan = tmp_path / "plan"
    site.run("orphans", "kit", "--save-plan", str(plan))
    capsys.readouterr()
    assert site.run("missing", "kit", "--approve", str(plan)) == Exit.UNUSABLE
    assert "was made for kit orphans" in capsys.readouterr().err
    plan.write_text("{}")
    assert site.run("orphans", "kit", "--approve", str(plan)) == Exit.UNUSABLE
    assert "is no plan" in capsys.readouterr().err


def test_no_plan_is_saved_where_one_could_not_be_made(site: Site, tmp_path: Path, capsys: Any) -> None:
    site.describe(missing=[{**PHOTOS, "table": "no_such_table"}, PHOTOS])
    assert site.run("missing", "kit", "--save-plan", str(tmp_path / "plan")) == Exit.UNUSABLE
    assert not (tmp_path / "plan").exists()


# What is left behind.


def metrics(path: Path) -> dict[str, float]:
    lines = [line.split("} ") for line in path.read_text().splitlines() if line[0] != "#"]
    return {name.partition("{")[0]: float(value) for name, value in lines}


def test_outcome_metrics_and_log_tell_of_a_run(site: Site, tmp_path: Path, capsys: Any) -> None:
    outcome, prom, log = (tmp_path / name for name in ("o.json", "m.prom", "log"))
    leaving = ["--outcome", str(outcome), "--metrics", str(prom), "--log", str(log)]
    site.keep("a.jpg", "b.jpg")
    site.write("x.jpg")
    assert site.run("orphans", "kit", "--dry-run", *leaving) == Exit.DONE
    assert not outcome.exists()
    before = time.time()
    assert site.run("orphans", "kit", "--force", *leaving) == Exit.DONE
    told = metrics(prom)
    assert told["media_cleanup_last_success_timestamp_seconds"] >= before - 1
    assert told["media_cleanup_last_exit_status"] == 0
    assert told["media_cleanup_removed_files"] == 1
    assert told["media_cleanup_removed_bytes"] == 7
    assert json.loads(outcome.read_text())["runs"][0]["removed"]["files"] == 1
    assert outcome.stat().st_mode & 0o777 == 0o640
    assert prom.stat().st_mode & 0o777 == 0o644
    assert re.search(r"^\d{4}-\d\d-\d\dT[\d:]{8}Z kit · orphans \(done\)$", log.read_text(), re.MULTILINE)

    site.write("x.jpg", "y.jpg", "z.jpg")
    assert site.run("orphans", "kit", "--force", *leaving) == Exit.REFUSED
    later = metrics(prom)
    assert later["media_cleanup_refused"] == 1
    assert later["media_cleanup_last_exit_status"] == Exit.REFUSED
    success = "media_cleanup_last_success_timestamp_seconds"
    assert later[success] == told[success]
    assert "refused" in log.read_text().splitlines()[-1] or "max_removal_percent" in log.read_text()
    assert sorted(entry.name for entry in tmp_path.iterdir() if entry.name.startswith(".")) == []


def test_what_stops_a_run_before_it_begins_is_left_behind_too(
    site: Site, tmp_path: Path, capsys: Any
) -> None:
    prom = tmp_path / "m.prom"
    assert site.run("orphans", "kit", "--metrics", str(prom)) == Exit.UNCONFIRMED
    assert metrics(prom)["media_cleanup_last_exit_status"] == Exit.UNCONFIRMED
    assert metrics(prom)["media_cleanup_last_success_timestamp_seconds"] == 0


def test_a_run_that_nobody_can_watch_has_failed(site: Site, capsys: Any) -> None:
    site.keep("a.jpg")
    for option in ("--outcome", "--metrics", "--log"):
        assert site.run("orphans", "kit", "--force", option, "/no/such/folder/file") == Exit.FAILED
        assert "/no/such/folder/file could not be written" in capsys.readouterr().err


def test_a_file_that_cannot_be_replaced_is_left_as_it_was(tmp_path: Path, monkeypatch: Any) -> None:
    path = tmp_path / "file"
    monitoring.write_outcome(str(path), {"old": 1})
    monkeypatch.setattr(os, "rename", raising(OSError(28, "No space left on device")))
    with pytest.raises(monitoring.NotWritten, match="No space left"):
        monitoring.write_outcome(str(path), {"new": 1})
    assert json.loads(path.read_text()) == {"old": 1}
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]

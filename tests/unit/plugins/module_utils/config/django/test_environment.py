# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""The environment variables of a project: from where, in which order, and read by whom."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from engine.config.django.environment import environment_of, read_by_parent, read_file, secret_values
from engine.errors import SiteError
from helpers.users import as_nobody, give, needs_root, open_folder


def written(folder: Path, text: str) -> str:
    file = folder / "environment"
    file.write_text(text)
    return str(file)


@pytest.mark.parametrize(
    ("text", "variables"),
    [
        ("A=1\nB = two words \n", {"A": "1", "B": "two words"}),
        ("# no\n; no\n\nA=1 # kept\nno variable\n", {"A": "1 # kept"}),
        ('export A=\'it is\'\nB="say \\"x\\""\n', {"A": "it is", "B": 'say "x"'}),
        ("A=\"a\\nb\\$c\\\\d\"\nB='a\\$b'\n", {"A": "a\\nb$c\\d", "B": "a\\$b"}),
        ('KEY="one\ntwo"\nB=2\n', {"KEY": "one\ntwo", "B": "2"}),
        ("A='open\nB=2\n", {"A": "'open\nB=2"}),
        ("A=\nA-B=x\n1A=x\nB==\n", {"A": "", "B": "="}),
        ("URL=postgres://a:b=c@h/d?x=1\n", {"URL": "postgres://a:b=c@h/d?x=1"}),
        ("A=1\0B=x\ny\0broken\0", {"A": "1", "B": "x\ny"}),
    ],
)
def test_a_file_of_variables(tmp_path: Path, text: str, variables: dict[str, str]) -> None:
    assert read_file(written(tmp_path, text)) == variables


def test_what_is_said_by_itself_goes_before_the_file(tmp_path: Path) -> None:
    file = written(tmp_path, "A=file\nB=file\n")
    assert environment_of({"environment_file": file, "environment": {"A": "said", "PORT": 5432}}) == {
        "A": "said",
        "B": "file",
        "PORT": "5432",
    }
    assert environment_of({}) == {}


@pytest.mark.promise(12)
@pytest.mark.parametrize(
    "environment", [{"A": True}, {"A": None}, {"A": ["hunter2"]}, {"A B": "hunter2"}, {"A": "hunter2\0"}]
)
def test_a_variable_that_is_none_is_refused_without_its_value(environment: dict[str, object]) -> None:
    with pytest.raises(SiteError, match="environment") as caught:
        environment_of({"environment": environment})
    assert "hunter2" not in str(caught.value)


def test_a_file_that_cannot_be_read_is_reported(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "large").write_bytes(b"A" * (1 << 20) + b"=1")
    for name, says in (("none", "No such file"), ("pipe", "no regular file"), ("large", "more than")):
        with pytest.raises(SiteError, match=says):
            environment_of({"environment_file": str(tmp_path / name)})
    with pytest.raises(SiteError, match="absolute"):
        environment_of({"environment_file": "prod.env"})


@needs_root
@pytest.mark.promise(15)
def test_root_reads_what_only_root_may_and_passes_it_on() -> None:
    with open_folder() as folder:
        file = Path(written(folder, "SECRET_KEY=of-root\n"))
        file.chmod(0o600)
        django = {"project": "/srv/kit", "environment_file": str(file), "environment": {"A": "1"}}
        with pytest.raises(SiteError, match="Permission denied"):
            as_nobody_raises(lambda: environment_of(django))
        said = read_by_parent(django)
    assert said == {"project": "/srv/kit", "environment": {"SECRET_KEY": "of-root", "A": "1"}}


@needs_root
@pytest.mark.promise(15)
@pytest.mark.parametrize("what", ["link", "folder"])
def test_root_does_not_read_what_the_site_s_user_may_exchange(what: str) -> None:
    with open_folder() as folder:
        secret = folder / "of_root"
        secret.write_text("PASSWORD=of-root\n")
        secret.chmod(0o600)
        theirs = folder / "project"
        theirs.mkdir()
        if what == "link":
            (theirs / "env").symlink_to(secret)
        else:
            (theirs / "env").write_text("PASSWORD=theirs\n")
        give(theirs)
        django = {"project": "/srv/kit", "environment_file": str(theirs / "env")}
        assert read_by_parent(django) == django


def as_nobody_raises(function: object) -> None:
    """Raise the SiteError that a function raises as another user."""

    def words() -> str:
        try:
            function()  # type: ignore[operator]
        except SiteError as error:
            return str(error)
        return ""

    raise SiteError(as_nobody(words))


def test_what_is_secret_of_an_environment() -> None:
    url = "postgres://kit:pw@db/kit"
    environment = {"DB_PASSWORD": "abcd", "API_KEY": "k3y", "DEBUG": "1", "DATABASE_URL": url, "PASS": "a"}
    assert secret_values(environment) == {"abcd", "k3y", url}

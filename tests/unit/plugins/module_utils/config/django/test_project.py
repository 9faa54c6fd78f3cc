# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Which project is asked, with which interpreter and settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.config.django import project as django_project
from engine.config.django.project import Project, project_of, python_of
from engine.errors import SiteError

SET = 'import os\nos.environ.setdefault("DJANGO_SETTINGS_MODULE", "{}")\n'


def project(folder: Path, **files: str) -> Project:
    """The project with these files; their values are the settings that they set, or their code."""
    for name, text in files.items():
        path = folder / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text if "\n" in text or " " in text else SET.format(text))
    return project_of({"project": str(folder)}, "/usr/bin/python3")


def refused(folder: Path, **files: str) -> str:
    with pytest.raises(SiteError, match="Set settings of django") as caught:
        project(folder, **files)
    return str(caught.value)


def test_the_settings_are_those_that_all_files_agree_on(tmp_path: Path) -> None:
    found = project(
        tmp_path, manage="kit.settings", **{"kit/wsgi": "kit.settings", "kit/asgi": "kit.settings"}
    )
    assert found.settings == "kit.settings"
    assert (found.directory, found.python) == (str(tmp_path), "/usr/bin/python3")


@pytest.mark.parametrize(
    "code",
    [
        'import os\nos.environ["DJANGO_SETTINGS_MODULE"] = "kit.prod"\n',
        'import os\nos.environ.update(DJANGO_SETTINGS_MODULE="kit.prod")\n',
        'def main():\n    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "kit.prod")\n',
    ],
)
def test_other_ways_to_set_them_are_read(tmp_path: Path, code: str) -> None:
    assert project(tmp_path, manage=code).settings == "kit.prod"


def test_files_are_parsed_and_not_run(tmp_path: Path) -> None:
    code = SET.format("kit.settings") + f'open("{tmp_path}/ran", "w")\nraise SystemExit\n'
    assert project(tmp_path, manage=code).settings == "kit.settings"
    assert not (tmp_path / "ran").exists()


def test_files_that_differ_are_refused(tmp_path: Path) -> None:
    why = refused(
        tmp_path, manage="config.settings.local", **{"src/config/wsgi": "config.settings.production"}
    )
    assert "manage.py: config.settings.local; src/config/wsgi.py: config.settings.production" in why


@pytest.mark.parametrize(
    "code", ['import os\nos.environ.setdefault("DJANGO_SETTINGS_MODULE", x())\n', "no code ="]
)
def test_what_code_decides_is_refused(tmp_path: Path, code: str) -> None:
    why = refused(tmp_path, manage="kit.settings", wsgi=code)
    assert "wsgi.py: not a plain text" in why


def test_a_project_without_such_files_is_refused(tmp_path: Path) -> None:
    assert "no manage.py, wsgi.py, asgi.py" in refused(tmp_path)


def test_packages_of_others_say_nothing_of_the_project(tmp_path: Path) -> None:
    (tmp_path / "environment").mkdir()
    (tmp_path / "environment/pyvenv.cfg").touch()
    others = {f"{folder}/manage": "other" for folder in ("environment/x", ".tox/x", "node_modules/x")}
    assert project(tmp_path, manage="kit.settings", **others).settings == "kit.settings"


def test_a_search_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(django_project, "_MOST_FOLDERS", 2)
    files = {f"{folder}/x": "no starter" for folder in "ab"}
    assert "more than 2 folders" in refused(tmp_path, manage="kit.settings", **files)


def test_what_is_said_is_not_searched_for(tmp_path: Path) -> None:
    django = {"project": str(tmp_path / "nowhere"), "environment": {"DJANGO_SETTINGS_MODULE": "by.variable"}}
    assert project_of(django, "python").settings == "by.variable"
    assert project_of({**django, "settings": "said"}, "python").settings == "said"


def test_a_project_that_is_not_there_is_reported(tmp_path: Path) -> None:
    with pytest.raises(SiteError, match="cannot be listed: No such file"):
        project_of({"project": str(tmp_path / "nowhere")}, "python")
    with pytest.raises(SiteError, match="absolute"):
        project_of({"project": "kit"}, "python")


def test_the_interpreter_is_that_of_the_virtual_environment(tmp_path: Path) -> None:
    django = {"project": str(tmp_path)}
    assert python_of(django) is None
    for name in ("env", ".venv", "venv"):
        (tmp_path / name / "bin").mkdir(parents=True)
        (tmp_path / name / "bin/python").touch()
        assert python_of(django) == f"{tmp_path}/{name}/bin/python"
    assert python_of({**django, "python": "env/bin/python3"}) == f"{tmp_path}/env/bin/python3"
    assert python_of({**django, "python": "/opt/bin/python3"}) == "/opt/bin/python3"

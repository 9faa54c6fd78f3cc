# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""The environment of a systemd unit, from its files as systemd reads them."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.config.django.environment import read_file
from engine.config.django.systemd_unit import unit_environment
from engine.errors import SiteError


class Units:
    """The places of units below a folder."""

    def __init__(self, folder: Path) -> None:
        self.places = [str(folder / "etc"), str(folder / "lib")]

    def write(self, name: str, service: str, place: int = 0) -> None:
        file = Path(self.places[place]) / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(
            f"[Unit]\nEnvironment=NOT=here\n[Service]\n{service}\n[Install]\nEnvironment=NOT=here\n"
        )

    def of(self, name: str) -> dict[str, str]:
        return unit_environment(name, read_file, self.places)


@pytest.fixture
def units(tmp_path: Path) -> Units:
    return Units(tmp_path)


@pytest.mark.parametrize(
    ("service", "variables"),
    [
        ("Environment=A=1 B=2", {"A": "1", "B": "2"}),
        ('Environment="A=two words" \'B=it "is"\' C="x y"z', {"A": "two words", "B": 'it "is"', "C": "x yz"}),
        ("Environment=A=1\nEnvironment=B=2 A=3", {"A": "3", "B": "2"}),
        ("Environment=A=1\nEnvironment=\nEnvironment=B=2", {"B": "2"}),
        ("Environment=A=1 \\\n B=2", {"A": "1", "B": "2"}),
        ("# Environment=A=1\n;Environment=B=1", {}),
        ("Environment=A=100%% B=%n C=%p", {"A": "100%", "B": "kit.service", "C": "kit"}),
        ("Environment=A=x\\ y", {"A": "x y"}),
    ],
)
def test_what_a_unit_says(units: Units, service: str, variables: dict[str, str]) -> None:
    units.write("kit.service", service)
    assert units.of("kit") == units.of("kit.service") == variables


def test_files_of_variables_go_before_and_may_be_optional(units: Units, tmp_path: Path) -> None:
    for name in ("1.env", "2.env"):
        (tmp_path / name).write_text(f"A={name}\n")
    units.write(
        "kit.service", f"EnvironmentFile=-{tmp_path}/none\nEnvironmentFile={tmp_path}/*.env\nEnvironment=A=1"
    )
    assert units.of("kit") == {"A": "2.env"}
    units.write("kit.service", f"EnvironmentFile={tmp_path}/none")
    with pytest.raises(SiteError, match="none cannot be read"):
        units.of("kit")
    units.write("kit.service", "EnvironmentFile=prod.env")
    with pytest.raises(SiteError, match="no absolute path"):
        units.of("kit")


def test_drop_ins_count_by_their_names_and_places(units: Units) -> None:
    units.write("kit.service", "Environment=A=hidden", place=1)
    units.write("kit.service", "Environment=A=unit B=unit C=unit")
    units.write("kit.service.d/20.conf", "Environment=B=20")
    units.write("kit.service.d/10.conf", "Environment=B=10 A=10")
    units.write("kit.service.d/10.conf", "Environment=A=hidden C=hidden", place=1)
    assert units.of("kit") == {"A": "10", "B": "20", "C": "unit"}


def test_an_instance_has_the_unit_of_its_template(units: Units) -> None:
    units.write("kit@.service", "Environment=SITE=%i")
    units.write("kit@blue.service.d/a.conf", "Environment=MORE=1")
    assert units.of("kit@blue") == {"SITE": "blue", "MORE": "1"}


def test_what_is_not_known_is_refused(units: Units) -> None:
    units.write("kit.service", "Environment=A=%h/x")
    for name, says in (
        ("kit", "specifier %h"),
        ("other", "no such unit"),
        ("../kit", "no name of a service"),
    ):
        with pytest.raises(SiteError, match=says):
            units.of(name)

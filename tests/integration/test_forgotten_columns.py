# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""What a description forgot costs no file: the five cases in which wanted files were lost once.

A column of another application, HTML in a description, the JSON of a StreamField, rich text, and a FileField
that came with a deployment after the job was scheduled.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from helpers.ansible_runs import Ansible
from helpers.commands import Command
from helpers.modules import undocumented
from helpers.sites import Site

pytestmark = pytest.mark.promise(14)

BLOCKS = [
    {"type": "image", "value": {"src": "/media/photos/stream.jpg", "alt": "a photo"}, "id": "5b1"},
    {"type": "raw", "value": json.dumps({"src": "photos\\/nested é.jpg"})},
]
WANTED = {
    "photos/banner.jpg": ("shop_banner", "picture", "photos/banner.jpg"),
    "photos/html.jpg": (
        "shop_product",
        "description",
        "<p>New&nbsp;<img srcset='/media/photos/html.jpg 1x, /media/photos/big.jpg 2x'></p>",
    ),
    "photos/stream.jpg": ("pages_page", "body", json.dumps(BLOCKS)),
    "photos/rich text.jpg": (
        "pages_page",
        "intro",
        '<a href="https://site.example/media/photos/rich%20text.jpg">here</a>',
    ),
}


@pytest.fixture
def shop(site: Site) -> Site:
    """A site with applications that nobody described, and files that only these mention."""
    document = "jsonb" if site.database.url.startswith("postgresql") else "text"
    site.database.run(
        "CREATE TABLE shop_banner (id integer PRIMARY KEY, picture varchar(100));"
        "CREATE TABLE shop_product (id integer PRIMARY KEY, description text);"
        f"CREATE TABLE pages_page (id integer PRIMARY KEY, body {document}, intro text)"
    )
    site.keep(*(f"photos/kept{number}.jpg" for number in range(3)))
    site.write(*WANTED, "photos/big.jpg", "photos/nested é.jpg", "photos/orphan.jpg")
    for number, (table, column, value) in enumerate(WANTED.values()):
        site.database.insert(table, [{"id": number, column: value}])
    return site


def test_what_only_forgotten_columns_mention_is_kept(shop: Site, command: Command) -> None:
    command.describe(shop.described(max_removal_percent=100))
    before = shop.files
    planned = command.json("orphans", "kit", "--dry-run")
    [done] = command.json("orphans", "kit", "--force")["runs"]
    assert set(before) - set(shop.files) == {"photos/orphan.jpg"}
    assert planned["runs"][0]["found"] == done["removed"] == {"records": 0, "files": 1, "bytes": 7}
    assert {item["code"] for item in done["left_alone"]} == {"unlisted"}
    told = {f"{each['table']}.{each['column']}": each for each in done["unlisted"]}
    assert {name: each["files"] for name, each in told.items()} == {
        "shop_banner.picture": 1,
        "shop_product.description": 2,
        "pages_page.body": 2,
        "pages_page.intro": 1,
    }
    assert told["shop_banner.picture"]["reference"] == "{table: shop_banner, column: picture}"
    assert "add {table: shop_banner, column: picture} to references" in done["summary"]


def test_a_field_that_a_deployment_adds_loses_nothing(sqlite_site: Site, command: Command) -> None:
    sqlite_site.keep(*(f"photos/kept{number}.jpg" for number in range(70)))
    # As the host has it scheduled.
    command.describe(sqlite_site.described())
    assert command.run("orphans", "kit", "--force").returncode == 0
    sqlite_site.database.run("ALTER TABLE collection_photo ADD document varchar(100)")
    uploads = [f"photos/upload{number}.pdf" for number in range(40)]
    sqlite_site.write(*uploads)
    for number, path in enumerate(uploads, start=1):
        sqlite_site.database.run(f"UPDATE collection_photo SET document = '{path}' WHERE id = {number}")
    done = command.run("orphans", "kit", "--force")
    assert done.returncode == 0
    assert set(uploads) <= set(sqlite_site.files)
    assert "list it: add {table: collection_photo, column: document} to references" in done.stdout


def test_modules_warn_of_a_forgotten_column(sqlite_site: Site, ansible: Ansible) -> None:
    sqlite_site.keep("photos/kept.jpg")
    sqlite_site.database.run("CREATE TABLE shop_banner (id integer PRIMARY KEY, picture text)")
    sqlite_site.write("photos/banner.jpg", "photos/half.jpg", "avif/half.avif")
    sqlite_site.insert("photos/half.jpg", image_avif="avif/half.avif", attached=False)
    rows = [{"id": 1, "picture": "photos/banner.jpg"}, {"id": 2, "picture": "avif/half.avif"}]
    sqlite_site.database.insert("shop_banner", rows)
    tasks = [sqlite_site.orphans(max_removal_percent=100), sqlite_site.records(select="incomplete")]
    results: list[Any] = ansible.results(*tasks)
    for result, module, files in zip(results, ("media_orphans", "photo_records"), (1, 1)):
        [column] = result["unlisted"]
        assert (column["table"], column["files"], column["keeps"]) == ("shop_banner", files, True)
        assert [item["code"] for item in result["left_alone"]] == ["unlisted"]
        assert any(column["reference"] in warning for warning in result["warnings"])
        assert undocumented(result, module) == set()
        assert result["changed"] is False
    assert len(sqlite_site.files) == 4
    assert len(sqlite_site.images) == 2

# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

from __future__ import annotations

from typing import Any

import pytest
import yaml

from engine.config.django.answer import facts_of
from engine.report.discovered import as_data, as_yaml, discover
from helpers import django_answers as django

SITE = {
    "name": "footycollect",
    "user": "www-data",
    "django": {"project": "/var/www/footycollect", "settings": "config.settings.production"},
}
# Attached by a generic foreign key, dated by Django, with a version of the same picture.
PHOTO = django.model(
    "collection.Photo",
    django.file_field("image"),
    django.file_field("image_avif", "photos_avif", null=True),
    django.field("uploaded_at", "datetime", auto_now_add=True),
    django.foreign_key("content_type", "contenttypes.ContentType", null=True),
    generic_foreign_keys=[
        {
            "name": "item",
            "content_type_column": "content_type_id",
            "object_id_column": "object_id",
            "for_concrete_model": True,
        }
    ],
    overrides_delete=True,
    delete_receivers=["collection.receivers.forget_cached_pages"],
)
CONTENT_TYPE = django.model("contenttypes.ContentType")
PROFILE = django.model("accounts.Profile", django.file_field("avatar", "avatars", null=True))


def found(*models: Any, **parts: Any) -> Any:
    return discover(facts_of(django.answer(CONTENT_TYPE, *models, **parts)), SITE)


def test_the_description_is_the_question_and_the_jobs_that_are_safe_to_check() -> None:
    site = found(PHOTO, PROFILE).site

    assert site == {**SITE, "orphans": {}, "incomplete": [{"model": "collection.Photo"}]}


def test_rows_that_miss_their_file_are_proposed_and_not_described() -> None:
    """An optional picture does not make a row: it is cleared."""
    assert found(PHOTO, PROFILE).missing == [
        {"model": "collection.Photo", "field": "image"},
        {"model": "accounts.Profile", "field": "avatar", "on_missing": "clear"},
    ]


def test_the_yaml_is_the_description_and_the_rest_is_comments() -> None:
    written = as_yaml(found(PHOTO, PROFILE))

    assert yaml.safe_load(written) == {"media_cleanup_sites": [dict(found(PHOTO, PROFILE).site)]}
    for line in (
        "    django: {project: /var/www/footycollect, settings: config.settings.production}",
        "    orphans: {}",
        "    # missing:",
        "    #   - {model: collection.Photo, field: image}",
        "    #   media root: /srv/media",
        "    #   directories: avatars, photos, photos_avif",
        "    #   references: collection_photo.image, collection_photo.image_avif, accounts_profile.avatar",
    ):
        assert line in written.splitlines(), written


@pytest.mark.promise(12)
def test_no_password_is_shown() -> None:
    database = django.database(
        engine="django.db.backends.postgresql",
        name="kit",
        host="db",
        user="kit",
        password="hush",
        options={"passfile": "hush"},
    )
    told = found(PHOTO, databases={"default": database})

    assert "hush" not in as_yaml(told) + str(as_data(told))
    assert told.known["database"] == "default (postgresql db kit)"


@pytest.mark.promise(13)
@pytest.mark.parametrize(
    ("model", "parts", "words"),
    [
        (PHOTO, {}, "collection.receivers.forget_cached_pages"),
        (PHOTO, {}, "collection.Photo has a delete() of its own"),
        (
            django.model("shop.Category", django.file_field("image"), tree="treebeard"),
            {},
            "unless tree_model:shop.Category is accepted",
        ),
        (
            django.model(
                "shop.Image", django.file_field("image"), django.foreign_key("of", "shop.Image", "unknown")
            ),
            {},
            "what becomes of shop.Image.of is decided by code of the project",
        ),
        (
            django.model(
                "shop.Image",
                django.file_field("image"),
                django.foreign_key("of", "shop.Image", "SET", value={"kind": "callable", "value": None}),
            ),
            {},
            "unless set_callable:shop.Image.of is accepted",
        ),
        (
            django.model(
                "shop.Image",
                django.file_field("image"),
                django.foreign_key(
                    "of", "shop.Image", "SET_DEFAULT", value={"kind": "callable", "value": None}
                ),
            ),
            {},
            "unless set_callable:shop.Image.of is accepted",
        ),
        (
            django.model("shop.Invoice", django.file_field("pdf", storage=1)),
            {"storages": [django.storage(aliases=["default"]), django.storage("/srv/private")]},
            "shop.Invoice.pdf has another storage, '/srv/private'",
        ),
    ],
)
def test_what_is_not_known_is_said(model: Any, parts: Any, words: str) -> None:
    told = found(PHOTO, model, **parts) if model is not PHOTO else found(PHOTO)

    assert any(words in note for note in told.review), told.review
    assert any(words in line for line in as_yaml(told).splitlines() if line.lstrip().startswith("#"))


def test_where_no_field_writes_to_the_store_orphans_are_not_described() -> None:
    told = found(django.model("blog.Post"))

    assert "orphans" not in told.site
    assert any("no job orphans is possible" in note for note in told.review)


def test_a_time_that_django_does_not_set_is_named() -> None:
    dated = {**PHOTO, "fields": [django.file_field("image"), django.field("uploaded_at", "datetime")]}
    undated = {**PHOTO, "fields": [django.file_field("image")]}

    assert found(dated).site["incomplete"] == [{"model": "collection.Photo", "uploaded_at": "uploaded_at"}]
    assert "incomplete" not in found(undated).site


def test_a_generic_key_that_must_be_set_waits_for_nothing() -> None:
    attached = {**PHOTO, "foreign_keys": [django.foreign_key("content_type", "contenttypes.ContentType")]}

    assert "incomplete" not in found(attached).site

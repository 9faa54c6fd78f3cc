# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""What the probe says of storages of django-storages, whose media are in a bucket."""

from __future__ import annotations

import importlib.util

import pytest

from engine.config.django.facts import Facts, StorageFacts
from helpers.django_projects import SETTINGS, asked, needs_django, write_project

pytestmark = [
    needs_django,
    pytest.mark.skipif(importlib.util.find_spec("storages") is None, reason="there is no django-storages"),
]

_SETTINGS = (
    SETTINGS
    + """
import os
STORAGES = {
    "default": {"BACKEND": "bucket_storages.Media"},
    "options": {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": {
        "bucket_name": "other", "location": "a/b", "endpoint_url": "https://s3.example.org",
        "access_key": "key-of-options", "secret_key": "secret-of-options", "file_overwrite": False,
        "addressing_style": "virtual", "region_name": "eu-north-1", "proxies": {"https": "http://proxy"},
        "verify": "/etc/ca.pem", "signature_version": "s3",
    }},
    "profile": {"BACKEND": "bucket_storages.Profile"},
    "tenant": {"BACKEND": "bucket_storages.Tenant"},
    "hashed": {"BACKEND": "bucket_storages.Hashed"},
    "configured": {"BACKEND": "bucket_storages.Configured"},
}
AWS_STORAGE_BUCKET_NAME = "uploads"
AWS_S3_ACCESS_KEY_ID = "key-of-settings"
AWS_S3_SECRET_ACCESS_KEY = "secret-of-settings"
AWS_SESSION_TOKEN = "token-of-settings"
AWS_S3_REGION_NAME = "eu-central-1"
AWS_S3_SIGNATURE_VERSION = "s3v4"
os.environ["AWS_CONFIG_FILE"] = "/srv/aws/config"
"""
)
_STORAGES = """
from botocore.config import Config
from storages.backends.s3boto3 import S3Boto3Storage

class Media(S3Boto3Storage):
    location = "media"

class Profile(S3Boto3Storage):
    access_key = secret_key = None
    session_profile = "site"
    location = "profile"

class Tenant(S3Boto3Storage):
    @property
    def location(self):
        return "tenant"
    file_overwrite = False

class Hashed(S3Boto3Storage):
    location = "hashed"
    file_overwrite = False
    def get_available_name(self, name, max_length=None):
        return name
    def _normalize_name(self, name):
        return "elsewhere/" + name

class Configured(S3Boto3Storage):
    location = "configured"
    file_overwrite = False
    client_config = Config(s3={"addressing_style": "path"}, signature_version="s3v4", read_timeout=5)
"""


@pytest.fixture(scope="module")
def facts(tmp_path_factory: pytest.TempPathFactory) -> Facts:
    folder = tmp_path_factory.mktemp("project")
    return asked(write_project(folder, settings=_SETTINGS, bucket_storages=_STORAGES))


def storage(facts: Facts, alias: str) -> StorageFacts:
    return next(one for one in facts.storages if alias in one.aliases)


def test_a_class_with_a_location_of_its_own_takes_the_rest_from_the_settings(facts: Facts) -> None:
    found = storage(facts, "default")
    assert (found.kind, found.class_name) == ("s3", "bucket_storages.Media")
    assert (found.bucket, found.location, found.where) == ("uploads", "media", "s3://uploads/media")
    assert (found.is_plain, found.file_overwrite) == (True, True)
    service = found.service
    assert (service.region_name, service.access_key) == ("eu-central-1", "key-of-settings")
    assert (service.secret_key, service.security_token) == ("secret-of-settings", "token-of-settings")
    assert service.not_used == ()


def test_what_options_say_is_known_and_what_cannot_be_passed_on_is_named(facts: Facts) -> None:
    found = storage(facts, "options")
    assert (found.where, found.endpoint_url) == ("s3://other/a/b", "https://s3.example.org")
    assert (found.is_plain, found.file_overwrite) == (True, False)
    service = found.service
    assert (service.access_key, service.secret_key) == ("key-of-options", "secret-of-options")
    assert (service.addressing_style, service.region_name) == ("virtual", "eu-north-1")
    assert sorted(service.not_used) == ["proxies", "signature_version", "verify"]


@pytest.mark.promise(13)
@pytest.mark.parametrize(
    ("alias", "is_plain", "overwrites"),
    [("tenant", False, False), ("hashed", False, True), ("profile", True, True), ("configured", True, False)],
)
def test_code_that_decides_where_files_are_is_noticed(
    facts: Facts, alias: str, is_plain: bool, overwrites: bool
) -> None:
    found = storage(facts, alias)
    assert (found.is_plain, found.file_overwrite) == (is_plain, overwrites)


def test_a_profile_and_a_configuration_are_known(facts: Facts) -> None:
    assert storage(facts, "profile").service.session_profile == "site"
    configured = storage(facts, "configured").service
    assert (configured.addressing_style, configured.not_used) == ("path", ("client_config",))


@pytest.mark.promise(12)
def test_the_variables_of_clients_are_known_and_no_secret_is_shown(facts: Facts) -> None:
    assert facts.aws_environment == {"AWS_CONFIG_FILE": "/srv/aws/config"}
    shown = repr(facts)
    for secret in ("of-settings", "of-options", "/srv/aws/config"):
        assert secret not in shown

# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""What the probe says of a project that has one of everything."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.config.django.facts import Facts, FieldFacts, ForeignKeyFacts, ModelFacts, Value
from helpers.django_projects import asked, needs_django, write_project

pytestmark = needs_django

SETTINGS = """
SECRET_KEY = "of no use"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
TIME_ZONE = "Europe/Paris"
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "gallery"]
AUTH_USER_MODEL = "gallery.Member"
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3", "NAME": "db.sqlite3", "TIME_ZONE": "Asia/Tokyo",
        "OPTIONS": {"timeout": 20, "factory": object, "ssl": {"ca": "/etc/ca", "context": object}},
    },
    "legacy": {
        "ENGINE": "django.db.backends.sqlite3", "NAME": "/srv/old.sqlite3", "PASSWORD": "x", "PORT": 7,
        "TEST": {"MIRROR": "default"},
    },
}
DATABASE_ROUTERS = ["site_router.Router"]
MEDIA_ROOT = "/srv/media"
MEDIA_URL = "/uploads/"
FileSystemStorage = "django.core.files.storage.FileSystemStorage"
STORAGES = {
    "default": {"BACKEND": FileSystemStorage},
    "private": {"BACKEND": FileSystemStorage, "OPTIONS": {"location": "/srv/private"}},
    "broken": {"BACKEND": "nowhere.Storage"},
    "staticfiles": {"BACKEND": "nowhere.Storage"},
}
"""
ROUTER = """
class Router:
    def db_for_read(self, model, **hints):
        if model._meta.model_name == "tenant":
            raise RuntimeError("no request, no tenant")
        return "legacy" if model._meta.model_name == "document" else None
    def allow_migrate(self, db, app_label, model_name=None, **hints):
        return db == ("legacy" if model_name == "document" else "default")
"""
MODELS = """
import uuid
from decimal import Decimal
from django.contrib.auth.models import AbstractUser, User
from django.contrib.contenttypes.fields import GenericForeignKey, GenericRelation
from django.contrib.contenttypes.models import ContentType
from django.core.files.storage import FileSystemStorage
from django.db import models
from django.db.models.signals import post_delete, pre_delete
from django.dispatch import receiver
from django.utils.functional import SimpleLazyObject

class Member(AbstractUser):
    avatar = models.FileField(default="avatars/none.png")

class Uploaded(models.Model):
    at = models.DateTimeField(auto_now_add=True)
    by = models.ForeignKey("Member", models.PROTECT, related_name="+")
    file = models.FileField(upload_to="uploads/%Y")
    class Meta:
        abstract = True
    def delete(self, *arguments, **options):
        return super().delete(*arguments, **options)

class OwnField(models.FileField):
    pass

class Placed(models.FileField):
    def generate_filename(self, instance, name):
        return "placed/" + name

class Elsewhere(FileSystemStorage):
    def path(self, name):
        return "/mnt/" + name

class ByRow(models.fields.files.FieldFile):
    @property
    def storage(self):
        return self.field.storages["public"]

class Private(models.FileField):
    attr_class = ByRow
    def __init__(self, *arguments, storages=None, **options):
        usual = {"public": FileSystemStorage("/srv/a"), "private": FileSystemStorage("/srv/b")}
        self.storages = storages or usual
        super().__init__(*arguments, **options)

def private():
    return FileSystemStorage("/srv/private")

def folder(instance, name):
    return name

def usual():
    return "defaults/usual.png"

class Item(models.Model):
    title = models.CharField(max_length=9, unique=True)
    data = models.JSONField(null=True)
    notes = GenericRelation("Note", "of_id", "of_type")

class Photo(Uploaded, Item):
    own = OwnField(upload_to="own/")
    called = models.FileField(upload_to=folder, storage=private, null=True)
    placed = Placed(upload_to="x")
    lazy = models.FileField(storage=SimpleLazyObject(private), db_column="Lazy")
    elsewhere = models.FileField(storage=Elsewhere("/srv/media"))
    by_row = Private()
    guessed = models.FileField(default=folder)
    usual = models.FileField(default=usual)
    changing = models.FileField(default=lambda: f"{uuid.uuid4()}.png")
    items = models.ManyToManyField(Item, through="Shown", related_name="shown_on")
    likes = models.ManyToManyField("Member")

class Large(Photo):
    class Meta:
        proxy = True

class Print(Photo):
    pass

class Shown(models.Model):
    photo = models.ForeignKey(Large, models.CASCADE)
    item = models.ForeignKey(Item, models.CASCADE)

class Note(models.Model):
    of_type = models.ForeignKey(ContentType, models.CASCADE)
    of_id = models.PositiveIntegerField()
    of = GenericForeignKey("of_type", "of_id", for_concrete_model=False)

class Reply(Note):
    pass

class Quote(Note):
    class Meta:
        proxy = True

def rule(collector, field, objects, using):
    pass

class Keys(models.Model):
    null = models.ForeignKey(Photo, models.SET_NULL, null=True, related_name="+")
    restrict = models.ForeignKey(Photo, models.RESTRICT, related_name="+")
    nothing = models.ForeignKey(Photo, models.DO_NOTHING, related_name="+", db_constraint=False)
    fallback = models.ForeignKey(Photo, models.SET_DEFAULT, default=7, related_name="+")
    value = models.ForeignKey(Photo, models.SET(8), related_name="+")
    named = models.ForeignKey(Photo, models.SET(private), related_name="+")
    unnamed = models.ForeignKey(Photo, models.SET(lambda: 9), related_name="+")
    own = models.ForeignKey(Photo, rule, related_name="+")
    hidden = models.ForeignKey(Photo, lambda *arguments: None, related_name="+")
    one = models.OneToOneField(Item, models.CASCADE, primary_key=True)
    title = models.ForeignKey(Item, models.CASCADE, "+", to_field="title", db_column="item_title")
    uuid = models.ForeignKey(Photo, models.SET_DEFAULT, default=uuid.UUID(int=1), related_name="+")
    decimal = models.ForeignKey(Photo, models.SET(Decimal(1)), related_name="+")
    instance = models.ForeignKey(Item, models.SET(Item(title="a title")), "+", to_field="title")

class Document(models.Model):
    code = models.CharField(max_length=5, primary_key=True)
    file = models.FileField()
    class Meta:
        managed = False
        db_table = '"legacy"."Docs"'

class SoftQuerySet(models.QuerySet):
    def delete(self):
        return 0, {}

class Tenant(models.Model):
    objects = SoftQuerySet.as_manager()

@receiver(post_delete, sender=Photo)
def purge_cache(**options):
    pass

class Receiver:
    def __call__(self, **options):
        pass

everything = Receiver()
pre_delete.connect(everything)
"""


@pytest.fixture(scope="module")
def facts(tmp_path_factory: pytest.TempPathFactory) -> Facts:
    folder = tmp_path_factory.mktemp("project")
    return asked(write_project(folder, MODELS, SETTINGS, site_router=ROUTER))


def version(facts: Facts) -> tuple[int, ...]:
    """The Django that was asked; before 4.2, it knows no STORAGES."""
    return tuple(map(int, facts.django.split(".")[:2]))


def model(facts: Facts, name: str) -> ModelFacts:
    found = facts.model(f"gallery.{name}")
    assert found is not None
    return found


def field(facts: Facts, of: str, name: str) -> FieldFacts:
    return next(field for field in model(facts, of).fields if field.name == name)


def key(facts: Facts, of: str, name: str) -> ForeignKeyFacts:
    return next(key for key in model(facts, of).foreign_keys if key.name == name)


def test_each_table_is_there_once_and_proxies_are_not(facts: Facts) -> None:
    labels = [model.label for model in facts.models]
    assert len(labels) == len(set(labels))
    assert "gallery.Uploaded" not in labels
    assert "gallery.Large" not in labels
    assert model(facts, "Photo").proxies == ("gallery.Large",)
    assert model(facts, "Photo_likes").auto_created
    assert not model(facts, "Shown").auto_created


def test_the_settings_of_the_site(facts: Facts) -> None:
    assert (facts.media_root, facts.media_url) == ("/srv/media", "/uploads/")
    assert facts.time_zone == "Europe/Paris"
    assert facts.databases["default"].options == {"timeout": 20, "ssl": {"ca": "/etc/ca"}}
    legacy = facts.databases["legacy"]
    assert (legacy.name, legacy.password, legacy.port) == ("/srv/old.sqlite3", "x", "7")
    assert (legacy.mirror, facts.databases["default"].mirror) == ("default", "")
    assert (facts.databases["default"].time_zone, legacy.time_zone) == ("Asia/Tokyo", "UTC")


def test_a_custom_user_model_and_the_one_that_it_replaces(facts: Facts) -> None:
    swapped = facts.model("auth.User")
    assert swapped is not None
    assert swapped.swapped
    assert (swapped.foreign_keys, swapped.many_to_many) == ((), ())
    assert not model(facts, "Member").swapped
    assert key(facts, "Member_groups", "member").to == "gallery.Member"


def test_an_abstract_parent_gives_its_fields_to_the_table(facts: Facts) -> None:
    assert field(facts, "Photo", "file").upload_to == "uploads/%Y"
    assert field(facts, "Photo", "at").auto_now_add
    assert key(facts, "Photo", "by").on_delete == "PROTECT"


def test_a_parent_is_one_of_its_own_table_and_direct(facts: Facts) -> None:
    assert model(facts, "Photo").parents == (("gallery.Item", "item_ptr_id"),)
    assert model(facts, "Print").parents == (("gallery.Photo", "photo_ptr_id"),)
    assert model(facts, "Print").fields == ()
    assert key(facts, "Print", "photo_ptr").is_parent_link
    assert not key(facts, "Keys", "one").is_parent_link
    assert model(facts, "Keys").primary_key == "one_id"


def test_an_unmanaged_model_has_the_table_that_it_names(facts: Facts) -> None:
    document = model(facts, "Document")
    assert (document.table, document.managed) == ("legacy.Docs", False)
    assert document.primary_key == "code"


def test_routers_say_where_a_model_is(facts: Facts) -> None:
    document, tenant = model(facts, "Document"), model(facts, "Tenant")
    assert (document.reads_from, document.database, document.databases) == ("legacy", "default", ("legacy",))
    assert (tenant.reads_from, tenant.database) == (None, "default")
    assert model(facts, "Photo").databases == ("default",)


def test_kinds_of_columns(facts: Facts) -> None:
    kinds = {field.name: field.kind for name in ("Item", "Photo") for field in model(facts, name).fields}
    assert (kinds["title"], kinds["data"], kinds["at"], kinds["own"]) == ("text", "json", "datetime", "file")
    assert kinds["id"] == "other"
    assert field(facts, "Item", "title").unique
    assert field(facts, "Photo", "lazy").column == "Lazy"
    assert field(facts, "Photo", "own").class_name == "gallery.models.OwnField"


@pytest.mark.parametrize(
    ("name", "location", "upload_to"),
    [
        ("file", "/srv/media", "uploads/%Y"),
        ("own", "/srv/media", "own/"),
        ("called", "/srv/private", None),
        ("lazy", "/srv/private", ""),
        ("placed", "/srv/media", None),
    ],
)
def test_where_a_field_keeps_its_files(facts: Facts, name: str, location: str, upload_to: str | None) -> None:
    found = field(facts, "Photo", name)
    assert found.storage is not None
    storage = facts.storages[found.storage]
    assert (storage.kind, storage.location, found.upload_to) == ("filesystem", location, upload_to)
    assert storage.is_plain
    assert not found.storage_by_row


def test_a_storage_with_its_own_paths_is_not_plain(facts: Facts) -> None:
    found = field(facts, "Photo", "elsewhere")
    assert found.storage is not None
    assert facts.storages[found.storage].location == "/srv/media"
    assert not facts.storages[found.storage].is_plain


def test_a_storage_that_each_row_decides(facts: Facts) -> None:
    found = field(facts, "Photo", "by_row")
    assert found.storage_by_row
    assert [facts.storages[index].location for index in found.other_storages] == ["/srv/a", "/srv/b"]


def test_storages_have_their_aliases(facts: Facts) -> None:
    assert facts.storages[0].aliases == ("default",)
    if version(facts) < (4, 2):
        return
    aliases = {storage.location: storage.aliases for storage in facts.storages if storage.aliases}
    assert aliases == {"/srv/media": ("default",), "/srv/private": ("private",)}


def test_defaults(facts: Facts) -> None:
    assert field(facts, "Member", "avatar").default == Value("value", "avatars/none.png")
    assert field(facts, "Photo", "file").default == Value("none")
    # What code says is asked for; it needs an argument, or says something else each time.
    assert field(facts, "Photo", "usual").default == Value("value", "defaults/usual.png")
    assert field(facts, "Photo", "guessed").default == Value("callable")
    assert field(facts, "Photo", "changing").default == Value("callable")


@pytest.mark.parametrize(
    ("name", "on_delete", "value"),
    [
        ("null", "SET_NULL", Value()),
        ("restrict", "RESTRICT", Value()),
        ("nothing", "DO_NOTHING", Value()),
        ("fallback", "SET_DEFAULT", Value("value", 7)),
        ("uuid", "SET_DEFAULT", Value("value", "00000000-0000-0000-0000-000000000001")),
        ("decimal", "SET", Value("unknown")),
        ("instance", "SET", Value("value", "a title")),
        ("value", "SET", Value("value", 8)),
        ("named", "SET", Value("callable")),
        ("unnamed", "SET", Value("callable")),
        ("own", "unknown", Value()),
        ("hidden", "unknown", Value()),
        ("one", "CASCADE", Value()),
    ],
)
def test_what_django_does_when_a_row_goes(facts: Facts, name: str, on_delete: str, value: Value) -> None:
    found = key(facts, "Keys", name)
    assert (found.on_delete, found.value) == (on_delete, value)


def test_keys_lead_to_tables(facts: Facts) -> None:
    title = key(facts, "Keys", "title")
    assert (title.column, title.to, title.to_column) == ("item_title", "gallery.Item", "title")
    # A key to a proxy leads to the table of its concrete model, whose key is that of its parent.
    shown = key(facts, "Shown", "photo")
    assert (shown.to, shown.to_column) == ("gallery.Photo", "item_ptr_id")
    assert not key(facts, "Keys", "nothing").db_constraint


def test_many_to_many_fields_have_their_tables(facts: Facts) -> None:
    found = {many.name: (many.to, many.through) for many in model(facts, "Photo").many_to_many}
    assert found == {
        "items": ("gallery.Item", "gallery.Shown"),
        "likes": ("gallery.Member", "gallery.Photo_likes"),
    }
    assert key(facts, "Photo_likes", "photo").on_delete == "CASCADE"


def test_relations_by_content_type(facts: Facts) -> None:
    (of,) = model(facts, "Note").generic_foreign_keys
    assert (of.name, of.content_type_column, of.object_id_column) == ("of", "of_type_id", "of_id")
    assert not of.for_concrete_model
    # Its columns are in the table of the parent.
    assert model(facts, "Reply").generic_foreign_keys == ()
    (notes,) = model(facts, "Item").generic_relations
    assert (notes.to, notes.content_type_column, notes.object_id_column) == (
        "gallery.Note",
        "of_type_id",
        "of_id",
    )
    assert notes.content_type == "gallery.item"
    # A child's rows have the content type of the child.
    assert [relation.content_type for relation in model(facts, "Photo").generic_relations] == [
        "gallery.photo"
    ]


def test_what_sql_does_not_run(facts: Facts) -> None:
    photo, item = model(facts, "Photo"), model(facts, "Item")
    assert (photo.overrides_delete, item.overrides_delete) == (True, False)
    assert photo.delete_receivers == ("gallery.models.Receiver", "gallery.models.purge_cache")
    assert item.delete_receivers == ("gallery.models.Receiver",)
    assert item.queryset_with_delete == ""
    assert model(facts, "Tenant").queryset_with_delete == "gallery.models.SoftQuerySet"
    # Django sends no signal for the rows of a many-to-many field.
    through = [each for each in facts.models if each.auto_created]
    assert through
    assert all(each.delete_receivers == () for each in through)
    assert photo.tree == ""


def test_rules_of_the_database_are_known_where_django_has_them(tmp_path: Path) -> None:
    models = """
    import django
    from django.db import models

    class Photo(models.Model):
        pass

    class Key(models.Model):
        if django.VERSION >= (6, 1):
            photo = models.ForeignKey(Photo, models.DB_CASCADE)
        else:
            photo = models.ForeignKey(Photo, models.CASCADE)
    """
    found = asked(write_project(tmp_path, models))
    expected = "CASCADE" if version(found) < (6, 1) else "DB_CASCADE"
    assert key(found, "Key", "photo").on_delete == expected


def test_a_model_that_refers_to_nothing_ends_the_run(tmp_path: Path) -> None:
    models = """
    from django.db import models

    class Photo(models.Model):
        album = models.ForeignKey("albums.Album", models.CASCADE)
    """
    with pytest.raises(Exception, match=r"albums.Album, which is not installed"):
        asked(write_project(tmp_path, models))


@pytest.mark.promise(13)
@pytest.mark.parametrize("library", ["treebeard", "mptt"])
def test_a_tree_is_known_by_what_its_model_inherits_from(tmp_path: Path, library: str) -> None:
    tree = """
    from django.db import models

    class NodeQuerySet(models.QuerySet):
        def delete(self):
            return 0, {}

    class Node(models.Model):
        objects = NodeQuerySet.as_manager()
        class Meta:
            abstract = True
    """
    models = f"""
    from django.db import models
    from {library}.models import Node

    class Category(Node):
        pass

    class Shelf(Category):
        pass

    class Photo(models.Model):
        pass
    """
    files = {f"{library}/__init__": "", f"{library}/models": tree}
    found = asked(write_project(tmp_path, models, **files))
    trees = {name: model(found, name).tree for name in ("Category", "Shelf", "Photo")}
    assert trees == {"Category": library, "Shelf": library, "Photo": ""}
    # What the tree deletes in its own way is said by that.
    assert model(found, "Category").queryset_with_delete == ""

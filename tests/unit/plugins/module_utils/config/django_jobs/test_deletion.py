# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""What becomes of dependent rows, from what the models say of them."""

from __future__ import annotations

from typing import Any

import pytest

from engine.config.django.answer import facts_of
from engine.config.django_jobs.deletion import Deletion, deletion_of
from engine.errors import SiteError
from helpers.django_answers import answer, file_field, foreign_key, model

PHOTO = model("album.Photo", file_field("image"))


def deletion(*others: Any, photo: Any = PHOTO, accept: tuple[str, ...] = (), **said: str) -> Deletion:
    facts = facts_of(answer(photo, *others))
    root = facts.model("album.Photo")
    assert root is not None
    actions = {tuple(column.split("__")): action for column, action in said.items()}
    return deletion_of(facts, root, "default", accept, actions)  # type: ignore[arg-type]


def actions(found: Deletion) -> dict[str, str]:
    return {f"{rule.column}": rule.action for rule in found.rules}


def value(written: Any, kind: str = "value") -> dict[str, Any]:
    return {"value": {"kind": kind, "value": written}}


@pytest.mark.promise(13)
@pytest.mark.parametrize(
    ("on_delete", "parts", "action"),
    [
        ("CASCADE", {}, "delete"),
        ("PROTECT", {}, "restrict"),
        ("RESTRICT", {}, "restrict_unless_deleted"),
        ("SET_NULL", {"null": True}, "set_null"),
        ("SET_DEFAULT", {"null": True}, "set_null"),
        ("SET_DEFAULT", {"null": True, **value(None)}, "set_null"),
        ("SET_DEFAULT", {}, "restrict"),
        ("SET_DEFAULT", value(7), "set_value"),
        ("SET_DEFAULT", value(None, "callable"), "set_callable"),
        ("SET", {"null": True, **value(None)}, "set_null"),
        ("SET", value(7), "set_value"),
        # Only one row could have the value.
        ("SET", {"unique": True, **value(7)}, "restrict"),
        ("SET", value(None, "callable"), "set_callable"),
        ("SET", value(None, "unknown"), "set_callable"),
        ("DO_NOTHING", {}, "restrict"),
        ("DO_NOTHING", {"db_constraint": False}, None),
        ("DB_CASCADE", {}, None),
        ("unknown", {}, "restrict"),
    ],
)
def test_a_rule_of_on_delete_is_this_action(
    on_delete: str, parts: dict[str, Any], action: str | None
) -> None:
    found = deletion(model("album.Row", foreign_key("photo", "album.Photo", on_delete, **parts)))
    assert actions(found) == ({"album_row.photo_id": action} if action else {})
    assert all(rule.is_implied for rule in found.rules)


def test_rules_are_followed_over_deleted_rows_only() -> None:
    found = deletion(
        model("album.Favorite", foreign_key("photo", "album.Photo")),
        model(
            "album.Comment", foreign_key("favorite", "album.Favorite"), foreign_key("reply", "album.Comment")
        ),
        model("album.Cover", foreign_key("photo", "album.Photo", "SET_NULL", null=True)),
        model("album.Frame", foreign_key("cover", "album.Cover")),
        model("album.Unrelated", foreign_key("user", "album.Frame")),
        model("album.Swapped", foreign_key("photo", "album.Photo"), swapped=True),
        model("old.Elsewhere", foreign_key("photo", "album.Photo"), databases=[]),
    )
    assert actions(found) == {
        "album_favorite.photo_id": "delete",
        "album_comment.favorite_id": "delete",
        "album_comment.reply_id": "delete",
        "album_cover.photo_id": "set_null",
    }


def test_what_the_description_says_decides_what_is_followed() -> None:
    models = (
        model("album.Cover", foreign_key("photo", "album.Photo", "SET_NULL", null=True)),
        model("album.Frame", foreign_key("cover", "album.Cover")),
    )
    found = deletion(*models, album_cover__photo_id="delete")
    assert actions(found)["album_frame.cover_id"] == "delete"


def test_an_accepted_set_callable_is_set_to_null_where_the_model_allows_it() -> None:
    nullable = model(
        "album.Row", foreign_key("photo", "album.Photo", "SET", null=True, **value(None, "callable"))
    )
    accept = ("set_callable:album.Row.photo",)
    assert actions(deletion(nullable, accept=accept)) == {"album_row.photo_id": "set_null"}
    never = model("album.Row", foreign_key("photo", "album.Photo", "SET", **value(None, "callable")))
    assert actions(deletion(never, accept=accept)) == {"album_row.photo_id": "set_callable"}


def test_a_generic_relation_is_followed_with_its_content_type() -> None:
    relation = {
        "name": "notes",
        "to": "album.Note",
        "content_type_column": "kind_id",
        "object_id_column": "object_id",
        "content_type": "album.caption",
    }
    found = deletion(
        model("album.Caption", foreign_key("photo", "album.Photo"), generic_relations=[relation]),
        model("album.Note"),
        model("album.Like", foreign_key("note", "album.Note")),
    )
    assert actions(found) == {
        "album_caption.photo_id": "delete",
        "album_like.note_id": "delete",
        "album_note.object_id": "delete",
    }
    rule = found.rules[-1]
    assert (rule.content_type, rule.content_type_column) == (("album", "caption"), "kind_id")
    assert rule.target == "album_caption"


def test_rows_of_a_tree_keep_the_record_unless_accepted() -> None:
    tree = model("shop.Category", foreign_key("photo", "album.Photo"), tree="treebeard")
    assert actions(deletion(tree)) == {"shop_category.photo_id": "tree_model"}
    accepted = deletion(tree, accept=("tree_model:shop.Category",))
    assert actions(accepted) == {"shop_category.photo_id": "delete"}
    root = {**PHOTO, "tree": "mptt"}
    assert "tree_model:album.Photo" in str(deletion(photo=root).doubt)
    assert deletion(photo=root, accept=("tree_model:album.Photo",)).doubt is None


def inherited() -> tuple[Any, ...]:
    """A photo is an item, which is an entry; a video is another item."""

    def child(label: str, of: str) -> Any:
        link = f"{of.partition('.')[2].lower()}_ptr"
        key = foreign_key(link, of, is_parent_link=True, to_column="id")
        return model(label, key, parents=[[of, f"{link}_id"]], primary_key=f"{link}_id")

    return (
        model("album.Entry"),
        child("album.Item", "album.Entry"),
        {**child("album.Photo", "album.Item"), "fields": [file_field("image")]},
        child("album.Video", "album.Item"),
        model("album.Bookmark", foreign_key("entry", "album.Entry")),
        model("album.Mark", foreign_key("item", "album.Item", "SET_NULL", null=True)),
    )


def test_parents_go_with_their_child_and_what_references_them_too() -> None:
    entry, item, photo, *others = inherited()
    found = deletion(entry, item, *others, photo=photo)
    assert found.parents == "delete"
    assert actions(found) == {
        # Django does not search for another child of the same item.
        "album_video.item_ptr_id": "restrict",
        "album_bookmark.entry_id": "delete",
        "album_mark.item_id": "set_null",
    }


@pytest.mark.promise(13)
def test_of_two_models_of_a_table_the_one_that_keeps_decides() -> None:
    mirror = model("report.Row", foreign_key("photo", "album.Photo"), table="album_row", managed=False)
    row = model("album.Row", foreign_key("photo", "album.Photo", "PROTECT"))
    assert (
        actions(deletion(mirror, row)) == actions(deletion(row, mirror)) == {"album_row.photo_id": "restrict"}
    )
    # What keeps the record in any case decides over what keeps it unless the row is deleted.
    mirror["foreign_keys"][0]["on_delete"] = "RESTRICT"
    assert actions(deletion(mirror, row)) == {"album_row.photo_id": "restrict"}


@pytest.mark.promise(13)
def test_only_links_of_inheritance_lead_to_parents() -> None:
    entry, item, photo, *others = inherited()
    owner = foreign_key("owner_ptr", "album.Entry")
    profile = {**foreign_key("user", "album.Entry", unique=True)}
    found = deletion(
        {**entry, "foreign_keys": [profile], "primary_key": "user_id"},
        item,
        *others,
        photo={**photo, "foreign_keys": [*photo["foreign_keys"], owner]},
    )
    links = {table: columns for table, columns in found.parent_links if columns or table == "album_entry"}
    assert links == {
        "album_entry": (),
        "album_item": ("entry_ptr_id",),
        "album_photo": ("item_ptr_id",),
        "album_video": ("item_ptr_id",),
    }


def test_what_does_not_run_is_said_once_of_each_model() -> None:
    entry, item, photo, *others = inherited()
    item = {**item, "delete_receivers": ["album.signals.forget"]}
    # The item is a parent of the photo, and what depends on a bookmark of it.
    item["foreign_keys"] = [*item["foreign_keys"], foreign_key("of", "album.Bookmark")]
    notes = deletion(entry, item, *others, photo=photo).notes
    assert len(notes) == 1


def test_children_go_with_their_parent() -> None:
    entry, item, photo, video, *others = inherited()
    renamed = {**PHOTO, "label": "album.Photo"}
    picture = {**photo, "label": "album.Picture", "table": "album_picture"}
    favorite = model(
        "album.Favorite", foreign_key("photo", "album.Photo"), foreign_key("entry", "album.Entry")
    )
    cause = {**entry, "foreign_keys": [foreign_key("of", "album.Photo")]}
    found = deletion(cause, item, picture, video, *others, favorite, photo=renamed)
    assert found.parents == "keep"
    said = {str(rule.column): (rule.action, rule.parents) for rule in found.rules}
    assert said["album_entry.of_id"] == ("delete", "keep")
    assert said["album_item.entry_ptr_id"] == ("delete", "delete")
    assert said["album_picture.item_ptr_id"] == ("delete", "delete")
    assert said["album_video.item_ptr_id"] == ("delete", "delete")


@pytest.mark.parametrize(
    ("other", "what_to_do"),
    [
        (
            model("album.Row", foreign_key("photo", "album.Photo", "unknown", column="", to_column="")),
            "delete them with Django",
        ),
        (
            model(
                "album.Row",
                foreign_key("photo", "album.Photo"),
                parents=[["album.Base", "base_ptr_id"]],
                primary_key="number",
            ),
            "delete them with Django",
        ),
    ],
)
def test_what_the_database_does_not_show_is_refused(other: Any, what_to_do: str) -> None:
    with pytest.raises(SiteError, match="not removed yet") as refused:
        deletion(other, model("album.Base"))
    assert what_to_do in str(refused.value)
    assert "on_missing: clear, are possible" in str(refused.value)


def test_a_key_without_a_constraint_may_lead_to_any_column() -> None:
    key = foreign_key("photo", "album.Photo", to_column="slug", db_constraint=False)
    [rule] = deletion(model("album.Row", key)).rules
    assert (rule.action, rule.target, rule.target_column) == ("delete", "album_photo", "slug")


def test_signals_and_an_overridden_delete_are_noted() -> None:
    photo = {**PHOTO, "overrides_delete": True, "delete_receivers": ["album.signals.clear_cache"]}
    notes = deletion(photo=photo).notes
    assert "album.signals.clear_cache" in notes[0]
    assert "overridden" in notes[1]


def test_models_with_the_same_receivers_are_noted_together() -> None:
    heard = {"delete_receivers": ["audit.log"], "overrides_delete": True}
    row = model("album.Row", foreign_key("photo", "album.Photo"), **heard)
    assert deletion(row, photo={**PHOTO, **heard}).notes == (
        "receivers of delete signals of album.Photo, album.Row do not run: audit.log",
        "delete() of album.Photo, album.Row is overridden and does not run, as with queryset.delete()",
    )


def test_a_queryset_that_deletes_in_its_own_way_is_noted_of_the_records_alone() -> None:
    soft = {"queryset_with_delete": "album.models.SoftQuerySet"}
    # Of dependent rows, Django's own deletion asks no manager.
    row = model("album.Row", foreign_key("photo", "album.Photo"), **soft)
    assert deletion(row).notes == ()
    [note] = deletion(photo={**PHOTO, **soft}).notes
    assert note.startswith("queryset.delete() of album.Photo is overridden by album.models.SoftQuerySet")


@pytest.mark.parametrize(
    ("on_delete", "parts", "why"),
    [
        ("PROTECT", {}, "PROTECT"),
        ("RESTRICT", {}, "RESTRICT"),
        ("DO_NOTHING", {}, "DO_NOTHING"),
        ("unknown", {}, "code of the project"),
        ("SET_DEFAULT", {}, "sets NULL"),
        ("SET", {"unique": True, **value(7)}, "only one row can have"),
        ("CASCADE", {}, ""),
    ],
)
def test_a_rule_says_why_it_keeps_records(on_delete: str, parts: dict[str, Any], why: str) -> None:
    [rule] = deletion(model("album.Row", foreign_key("photo", "album.Photo", on_delete, **parts))).rules
    assert why in rule.why
    assert bool(why) == bool(rule.why)

-- SPDX-License-Identifier: GPL-3.0-or-later
-- Copyright: (c) 2026, Django Media Cleanup contributors
-- A collection of football kit. A photo is attached to an item of any kind by a content type and
-- an object id, Django's generic relation; both are NULL until the item's form is finished.

CREATE TABLE "collection_jersey" (
    "id" integer NOT NULL PRIMARY KEY AUTOINCREMENT,
    "name" varchar(100) NOT NULL,
    "club" varchar(100) NOT NULL,
    "season" varchar(9) NOT NULL,
    "size" varchar(5) NOT NULL,
    "is_draft" bool NOT NULL,
    "created_at" datetime NOT NULL,
    "user_id" integer NOT NULL REFERENCES "auth_user" ("id") DEFERRABLE INITIALLY DEFERRED
);
CREATE INDEX "collection_jersey_user_id_84ff8f8a" ON "collection_jersey" ("user_id");

CREATE TABLE "collection_shorts" (
    "id" integer NOT NULL PRIMARY KEY AUTOINCREMENT,
    "name" varchar(100) NOT NULL,
    "club" varchar(100) NOT NULL,
    "season" varchar(9) NOT NULL,
    "size" varchar(5) NOT NULL,
    "is_draft" bool NOT NULL,
    "created_at" datetime NOT NULL,
    "user_id" integer NOT NULL REFERENCES "auth_user" ("id") DEFERRABLE INITIALLY DEFERRED
);
CREATE INDEX "collection_shorts_user_id_59ab1fc3" ON "collection_shorts" ("user_id");

CREATE TABLE "collection_photo" (
    "id" integer NOT NULL PRIMARY KEY AUTOINCREMENT,
    "image" varchar(100) NOT NULL,
    "image_avif" varchar(100) NULL,
    "caption" varchar(255) NOT NULL,
    "order" integer unsigned NOT NULL CHECK ("order" >= 0),
    "uploaded_at" datetime NOT NULL,
    "object_id" integer unsigned NULL CHECK ("object_id" >= 0),
    "content_type_id" integer NULL
        REFERENCES "django_content_type" ("id") DEFERRABLE INITIALLY DEFERRED,
    "user_id" integer NULL REFERENCES "auth_user" ("id") DEFERRABLE INITIALLY DEFERRED
);
CREATE INDEX "collection_photo_content_type_id_34245661" ON "collection_photo" ("content_type_id");
CREATE INDEX "collection_photo_user_id_e0d92fe3" ON "collection_photo" ("user_id");

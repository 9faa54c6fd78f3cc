-- SPDX-License-Identifier: GPL-3.0-or-later
-- Copyright: (c) 2026, Django Media Cleanup contributors
-- A family's photo album. Django keeps its on_delete rules in Python: here a foreign key says only
-- which table references which, so the description of the site says the rules.

CREATE TABLE "album_category" (
    "id" integer NOT NULL PRIMARY KEY AUTOINCREMENT,
    "name" varchar(100) NOT NULL UNIQUE
);

CREATE TABLE "album_tag" (
    "id" integer NOT NULL PRIMARY KEY AUTOINCREMENT,
    "name" varchar(50) NOT NULL UNIQUE
);

CREATE TABLE "album_album" (
    "id" integer NOT NULL PRIMARY KEY AUTOINCREMENT,
    "title" varchar(200) NOT NULL,
    "cover_image" varchar(100) NULL,
    "created_at" datetime NOT NULL,
    "owner_id" integer NOT NULL REFERENCES "auth_user" ("id") DEFERRABLE INITIALLY DEFERRED,
    "cover_id" bigint NULL REFERENCES "album_photo" ("id") DEFERRABLE INITIALLY DEFERRED
);
CREATE INDEX "album_album_owner_id_c10e2982" ON "album_album" ("owner_id");
CREATE INDEX "album_album_cover_id_7a748ba4" ON "album_album" ("cover_id");

CREATE TABLE "album_photo" (
    "id" integer NOT NULL PRIMARY KEY AUTOINCREMENT,
    "title" varchar(200) NOT NULL,
    "image" varchar(100) NOT NULL,
    "thumbnail" varchar(100) NULL,
    "file_size" integer unsigned NOT NULL CHECK ("file_size" >= 0),
    "uploaded_at" datetime NOT NULL,
    "album_id" bigint NOT NULL REFERENCES "album_album" ("id") DEFERRABLE INITIALLY DEFERRED,
    "category_id" bigint NULL REFERENCES "album_category" ("id") DEFERRABLE INITIALLY DEFERRED
);
CREATE INDEX "album_photo_album_id_9d1f38bb" ON "album_photo" ("album_id");
CREATE INDEX "album_photo_category_id_8c8b41da" ON "album_photo" ("category_id");

CREATE TABLE "album_video" (
    "id" integer NOT NULL PRIMARY KEY AUTOINCREMENT,
    "title" varchar(200) NOT NULL,
    "video" varchar(100) NOT NULL,
    "thumbnail" varchar(100) NULL,
    "file_size" integer unsigned NOT NULL CHECK ("file_size" >= 0),
    "uploaded_at" datetime NOT NULL,
    "album_id" bigint NOT NULL REFERENCES "album_album" ("id") DEFERRABLE INITIALLY DEFERRED
);
CREATE INDEX "album_video_album_id_a2426b34" ON "album_video" ("album_id");

CREATE TABLE "album_photo_tags" (
    "id" integer NOT NULL PRIMARY KEY AUTOINCREMENT,
    "photo_id" bigint NOT NULL REFERENCES "album_photo" ("id") DEFERRABLE INITIALLY DEFERRED,
    "tag_id" bigint NOT NULL REFERENCES "album_tag" ("id") DEFERRABLE INITIALLY DEFERRED
);
CREATE UNIQUE INDEX "album_photo_tags_photo_id_tag_id_2b73f448_uniq"
    ON "album_photo_tags" ("photo_id", "tag_id");
CREATE INDEX "album_photo_tags_photo_id_1c34e873" ON "album_photo_tags" ("photo_id");
CREATE INDEX "album_photo_tags_tag_id_617706e7" ON "album_photo_tags" ("tag_id");

CREATE TABLE "album_customalbum" (
    "id" integer NOT NULL PRIMARY KEY AUTOINCREMENT,
    "title" varchar(200) NOT NULL,
    "user_id" integer NOT NULL REFERENCES "auth_user" ("id") DEFERRABLE INITIALLY DEFERRED
);
CREATE INDEX "album_customalbum_user_id_2095cdee" ON "album_customalbum" ("user_id");

CREATE TABLE "album_customalbum_photos" (
    "id" integer NOT NULL PRIMARY KEY AUTOINCREMENT,
    "customalbum_id" bigint NOT NULL
        REFERENCES "album_customalbum" ("id") DEFERRABLE INITIALLY DEFERRED,
    "photo_id" bigint NOT NULL REFERENCES "album_photo" ("id") DEFERRABLE INITIALLY DEFERRED
);
CREATE UNIQUE INDEX "album_customalbum_photos_customalbum_id_photo_id_77709460_uniq"
    ON "album_customalbum_photos" ("customalbum_id", "photo_id");
CREATE INDEX "album_customalbum_photos_customalbum_id_4b9c92d3"
    ON "album_customalbum_photos" ("customalbum_id");
CREATE INDEX "album_customalbum_photos_photo_id_c700dea7" ON "album_customalbum_photos" ("photo_id");

CREATE TABLE "album_favorite" (
    "id" integer NOT NULL PRIMARY KEY AUTOINCREMENT,
    "created_at" datetime NOT NULL,
    "user_id" integer NOT NULL REFERENCES "auth_user" ("id") DEFERRABLE INITIALLY DEFERRED,
    "photo_id" bigint NOT NULL REFERENCES "album_photo" ("id") DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT "one_favorite_per_user" UNIQUE ("user_id", "photo_id")
);
CREATE INDEX "album_favorite_photo_id_9a1b94da" ON "album_favorite" ("photo_id");
CREATE INDEX "album_favorite_user_id_e8c77858" ON "album_favorite" ("user_id");

-- SPDX-License-Identifier: GPL-3.0-or-later
-- Copyright: (c) 2026, Django Media Cleanup contributors
--
-- What somebody writes who knows the keys and the three tables; it looks at no file.
BEGIN;
CREATE TEMP TABLE doomed AS SELECT id FROM lost WHERE id >= :first;
ANALYZE doomed;
DELETE FROM favourite WHERE photo_id IN (SELECT id FROM doomed);
DELETE FROM photo_tags WHERE photo_id IN (SELECT id FROM doomed);
UPDATE album SET cover_id = NULL WHERE cover_id IN (SELECT id FROM doomed);
DELETE FROM lost WHERE id IN (SELECT id FROM doomed);
SELECT count(*) FROM doomed;
COMMIT;

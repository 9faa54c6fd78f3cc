# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Makes a small site in a folder: six photos that are as they should be, and one thing for each job."""

from __future__ import annotations

import os
import sqlite3
import sys
import time
from contextlib import closing

TWO_DAYS_AGO = time.time() - 2 * 86400
KEPT = [f"photos/{number}.jpg" for number in range(6)]


def main(folder: str) -> None:
    os.makedirs(os.path.join(folder, "media", "photos"))
    for path in (*KEPT, "photos/orphan.jpg", "photos/incomplete.jpg"):
        file = os.path.join(folder, "media", path)
        with open(file, "wb") as opened:
            opened.write(b"picture")
        os.utime(file, (TWO_DAYS_AGO, TWO_DAYS_AGO))

    uploaded_at = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(TWO_DAYS_AGO))
    rows = [(image, 7, uploaded_at) for image in (*KEPT, "photos/missing.jpg")]
    rows.append(("photos/incomplete.jpg", None, uploaded_at))
    with closing(sqlite3.connect(os.path.join(folder, "db.sqlite3"))) as connection:
        connection.execute(
            "CREATE TABLE album_photo (id integer PRIMARY KEY, image varchar(300) NOT NULL,"
            " content_type_id integer, uploaded_at datetime NOT NULL)"
        )
        insert = "INSERT INTO album_photo (image, content_type_id, uploaded_at) VALUES (?, ?, ?)"
        connection.executemany(insert, rows)
        connection.commit()


if __name__ == "__main__":
    main(sys.argv[1])

# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What is kept although a job found it, or kept in quarantine although it was to be restored.

Each has a stable code for programs beside the reason for people. Nothing is decided by the words of a
reason.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from .text import printable


class Code(str, Enum):
    """Why an item is kept. The values are part of the interface: ``left_alone[].code`` of results."""

    # Of a plan, or found at the moment of removal.
    REFERENCED = "referenced"
    OTHER_SPELLING = "other_spelling"
    OTHER_NAME = "other_name"
    DERIVED = "derived"
    LIKELY_DERIVED = "likely_derived"
    UNLISTED = "unlisted"
    LIKELY_MOVE = "likely_move"
    OUTSIDE = "outside"
    NOT_A_FILE = "not_a_file"
    BLOCKED = "blocked"
    OTHER_MOUNT = "other_mount"
    NO_PATH = "no_path"
    ABSENT = "absent"
    OTHER_DIRECTORY = "other_directory"
    RESTRICTED = "restricted"
    SHARED_PATH = "shared_path"
    UNDECLARED_DEPENDENTS = "undeclared_dependents"
    UNDECLARED_PARENTS = "undeclared_parents"
    UNREFERENCED_FOLDER = "unreferenced_folder"
    UNCLAIMED_FOLDER = "unclaimed_folder"
    DELETE_TRIGGER = "delete_trigger"
    REFERENCED_ROW = "referenced_row"
    SET_CALLABLE = "set_callable"
    TREE_MODEL = "tree_model"
    REPLACEMENT = "replacement"
    NO_REPLACEMENT = "no_replacement"
    RECORD_KEPT = "record_kept"
    YOUNG = "young"
    DATABASE = "database"
    KEEP = "keep"
    DEFAULT_FILE = "default_file"
    KEPT_BY_REVIEWER = "kept_by_reviewer"
    NOT_APPROVED = "not_approved"
    NOT_CONFIRMED = "not_confirmed"
    CHANGED = "changed"
    OPEN_TRANSACTION = "open_transaction"
    NOT_REMOVABLE = "not_removable"
    # Of a restore.
    IN_THE_WAY = "in_the_way"
    OTHER_BATCH = "other_batch"
    FILE_MISSING = "file_missing"
    ROW_MISSING = "row_missing"
    NOT_WRITABLE = "not_writable"
    DAMAGED = "damaged"
    ALTERED = "altered"
    # Of a purge.
    UNKNOWN_COLUMN = "unknown_column"
    OBJECT_LOCK = "object_lock"


MEANING = {
    Code.REFERENCED: "A row references the file.",
    Code.OTHER_SPELLING: "The database or the disk has the file in another spelling of its path.",
    Code.OTHER_NAME: "A row references the file by another name: a link, a hard link, a mount, another case.",
    Code.DERIVED: "The file is derived from a file that a row references.",
    Code.LIKELY_DERIVED: "Code seems to make it of a referenced file: several of these have one like it.",
    Code.UNLISTED: "A column that is not listed mentions the file, or another file of its record.",
    Code.LIKELY_MOVE: "A record that is missing and an orphan are likely one file that was moved.",
    Code.OUTSIDE: "What the database, a manifest or a list holds leads out of the media root, or is no path.",
    Code.NOT_A_FILE: "It is a link, a directory, a device, a socket or a FIFO.",
    Code.BLOCKED: "The way to the file leads over a link, or over something that is no directory.",
    Code.OTHER_MOUNT: "A file system, or another folder of this one, is mounted there; it is not entered.",
    Code.NO_PATH: "The key of the object can be no path: it has an empty part, a dot, or a slash at an end.",
    Code.ABSENT: "A list of candidates has it, and it is not there any more.",
    Code.OTHER_DIRECTORY: "A list of candidates has it, and it is in none of the directories of the job.",
    Code.RESTRICTED: "Dependent rows must not be removed, so the record is kept.",
    Code.SHARED_PATH: "Several records reference the missing file, as they do a default picture.",
    Code.UNDECLARED_DEPENDENTS: "Rows depend on the record, and what becomes of them is not known.",
    Code.UNDECLARED_PARENTS: "A row is part of one of another table, and whether that goes too is not known.",
    Code.DELETE_TRIGGER: "Rows would be deleted from a table with a trigger whose effects are not known.",
    Code.REFERENCED_ROW: "Other rows reference the record, so it was attached to something.",
    Code.UNREFERENCED_FOLDER: "Nothing in the folder is referenced, and ten files or more are in it.",
    Code.SET_CALLABLE: "A dependent row would get a value that only the project's own code knows.",
    Code.TREE_MODEL: "Rows of a tree would be deleted, which only Django itself keeps right.",
    Code.REPLACEMENT: "Rows are to reference it, as on_delete says, when another one is deleted.",
    Code.NO_REPLACEMENT: "A dependent row would get a key that no row has, as on_delete says.",
    Code.UNCLAIMED_FOLDER: "No file field of the Django project writes to the folder: it is not judged.",
    Code.RECORD_KEPT: "The record of the file is kept, and so is the file.",
    Code.YOUNG: "The file, the row or a file of the record is younger than the age limit, or of unknown age.",
    Code.DATABASE: "The file is part of the site's own database.",
    Code.KEEP: "The option keep lists it, or its record, or a file of its.",
    Code.DEFAULT_FILE: "The file is the default of a file field: rows share it, and nobody uploaded it.",
    Code.KEPT_BY_REVIEWER: "A reviewer unticked it on the page that shows the plan.",
    Code.NOT_APPROVED: "It is not in the approved plan, or is not what was approved.",
    Code.NOT_CONFIRMED: "Nobody reviewed it, and no scan that is long enough ago has found it too.",
    Code.CHANGED: "It changed after the plan was made.",
    Code.OPEN_TRANSACTION: "A transaction is open that may reference the file.",
    Code.NOT_REMOVABLE: "The system refused to remove it.",
    Code.IN_THE_WAY: "Another file or row is in its place.",
    Code.OTHER_BATCH: "It is in another batch.",
    Code.FILE_MISSING: "The file of the row could not be restored.",
    Code.ROW_MISSING: "A row that it references is missing.",
    Code.NOT_WRITABLE: "The disk or the database refused to take it.",
    Code.DAMAGED: "What is in quarantine is not the file that was removed.",
    Code.UNKNOWN_COLUMN: "A column that referenced the files of a batch is not in the database any more.",
    Code.OBJECT_LOCK: "The bucket's Object Lock lets nobody delete it yet: a legal hold or a retention.",
    Code.ALTERED: "The database stores another row than the one that was removed, as a trigger makes it do.",
}


# Doubts about one thing that a user may accept, as CODE:NAME.
ACCEPTABLE_BY_NAME = (
    *(Code.SHARED_PATH, Code.DELETE_TRIGGER, Code.REFERENCED_ROW, Code.UNREFERENCED_FOLDER),
    *(Code.SET_CALLABLE, Code.TREE_MODEL, Code.LIKELY_DERIVED),
)


class Doubt(NamedTuple):
    """Why something is to be kept: a code for programs, a reason for people."""

    code: Code
    reason: str


class Kept(NamedTuple):
    """An item that is kept, by its path or by the words for its row."""

    name: bytes
    code: Code
    reason: str
    # The path of the file that it is likely one with, where a file was moved.
    other: bytes = b""

    def as_dict(self, name: str) -> dict[str, str]:
        """The entry of a result, with the name as text that was escaped."""
        return {"name": name, "code": self.code.value, "reason": printable(self.reason)}

# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""What was moved is asked for once more: what a row references by then is put back."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import time
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Callable, Iterator

import psycopg2
import pytest

from engine.apply import files
from engine.apply.remover import PermanentRemover, Remover
from engine.errors import DatabaseError, QuarantineError
from engine.kept import Code
from engine.media.store import HELD
from engine.quarantine import store as quarantine
from engine.quarantine.writer import BatchWriter, QuarantineWriter
from helpers.builders import Media, Planned, Site, found, planned, run
from helpers.users import as_nobody

pytestmark = pytest.mark.promise(2)


class Keeping(QuarantineWriter):
    """A quarantine, into which a test comes after a file was moved."""

    def __init__(self, made: Planned, after: Callable[[bytes], object]) -> None:
        super().__init__(made.job.site, made.job.name, made.plan.plan_id, 1)
        self._after = after

    def remove(self, store: Any, path: bytes, state: Any) -> None:
        super().remove(store, path, state)
        self._after(path)


class Deleting(PermanentRemover):
    """The same where there is no quarantine."""

    def __init__(self, _made: Planned, after: Callable[[bytes], object]) -> None:
        self._after = after

    def remove(self, store: Any, path: bytes, state: Any) -> None:
        super().remove(store, path, state)
        self._after(path)


@pytest.fixture(params=[Keeping, Deleting])
def remover(request: pytest.FixtureRequest) -> type[Any]:
    return request.param


@pytest.fixture
def kept_in(tmp_path: Path) -> str:
    return str(tmp_path / "quarantine")


def codes(listed: Any) -> dict[bytes, str]:
    return {item.name: item.code.value for item in listed.items}


def applied(made: Planned, remover: Remover) -> Any:
    with remover:
        return made.apply(remover)


@pytest.mark.parametrize(
    ("value", "code"), [("p/lost.jpg", "referenced"), ("/media/p/lost.jpg?v=2", "other_spelling"), ("p/", "")]
)
def test_a_row_that_comes_while_files_are_moved_brings_its_file_back(
    site_with_orphan: Site, remover: type[Any], kept_in: str, value: str, code: str
) -> None:
    site_with_orphan.media.write("p/z.jpg")
    with planned(site_with_orphan.orphans(quarantine=kept_in)) as made:
        before = site_with_orphan.media.path("p/lost.jpg")
        inode = os.stat(before).st_ino
        came = iter([value])
        outcome = applied(made, remover(made, lambda _path: site_with_orphan.insert(*came)))
    gone = {b"p/z.jpg"} if code else set()
    assert site_with_orphan.media.files == {b"p/kept.jpg", b"p/lost.jpg", b"p/z.jpg"} - gone
    assert codes(outcome.kept) == (
        {b"p/lost.jpg": code} if code else dict.fromkeys([b"p/lost.jpg", b"p/z.jpg"], "other_spelling")
    )
    assert (outcome.removed.files, outcome.removed_items.total) == (len(gone), len(gone))
    assert os.stat(before).st_ino == inode
    assert outcome.error == ""


def test_a_batch_from_which_all_was_put_back_is_deleted(sqlite_with_orphan: Site, kept_in: str) -> None:
    with planned(sqlite_with_orphan.orphans(quarantine=kept_in)) as made:
        outcome = applied(made, Keeping(made, lambda _path: sqlite_with_orphan.insert("p/lost.jpg")))
    assert outcome.batch == ""
    assert quarantine.batches(os.fsencode(kept_in)) == []


def test_a_file_of_a_record_is_put_back_too(site: Site, remover: type[Any], kept_in: str) -> None:
    site.media.write("p/a.jpg", "p/b.jpg")
    site.insert("p/a.jpg", "p/b.jpg")
    with planned(site.incomplete(quarantine=kept_in)) as made:
        came = iter(["p/a.jpg"])
        outcome = applied(made, remover(made, lambda _path: site.insert(*came, content_type_id=7)))
    assert (site.images, site.media.files) == (["p/a.jpg"], {b"p/a.jpg"})
    assert codes(outcome.kept) == {b"p/a.jpg": "referenced"}
    assert outcome.removed.as_dict() == {"records": 2, "files": 1, "bytes": 7}


def test_a_new_file_of_the_name_is_not_overwritten(
    sqlite_with_orphan: Site, remover: type[Any], kept_in: str
) -> None:
    def upload_again(_path: bytes) -> None:
        sqlite_with_orphan.media.write("p/lost.jpg", content=b"another")
        sqlite_with_orphan.insert("p/lost.jpg")

    with planned(sqlite_with_orphan.orphans(quarantine=kept_in)) as made:
        outcome = applied(made, remover(made, upload_again))
    assert Path(os.fsdecode(sqlite_with_orphan.media.path("p/lost.jpg"))).read_bytes() == b"another"
    assert outcome.removed.files == 1
    assert sqlite_with_orphan.media.files == {b"p/kept.jpg", b"p/lost.jpg"}


def test_a_file_that_cannot_be_put_back_is_not_deleted(
    sqlite_with_orphan: Site, remover: type[Any], kept_in: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_arguments: Any) -> None:
        raise OSError(28, os.strerror(28))

    with planned(sqlite_with_orphan.orphans(quarantine=kept_in)) as made, monkeypatch.context() as patched:
        patched.setattr(type(made.store), "put_back", full)
        outcome = applied(made, remover(made, lambda _path: sqlite_with_orphan.insert("p/lost.jpg")))
    assert codes(outcome.failed) == {b"p/lost.jpg": "not_writable"}
    assert outcome.removed.files == 0
    if remover is Keeping:
        assert outcome.batch in outcome.failed.items[0].reason
    else:
        plan, _outcome = run(sqlite_with_orphan.orphans())
        assert plan.warnings == ["put back: 1 file that a run had moved when it was killed"]
        assert sqlite_with_orphan.media.files == {b"p/kept.jpg", b"p/lost.jpg"}


def test_a_connection_that_is_lost_after_the_move_brings_all_back(
    postgresql: Any, media: Media, remover: type[Any], kept_in: str
) -> None:
    site = Site(postgresql, media)
    media.write("p/a.jpg", "p/b.jpg")

    def disconnect(_path: bytes) -> None:
        postgresql.run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )

    with planned(site.orphans(quarantine=kept_in)) as made:
        outcome = applied(made, remover(made, disconnect))
    assert "failed" in outcome.error
    assert outcome.removed.files == 0
    assert media.files == {b"p/a.jpg", b"p/b.jpg"}


def test_what_a_killed_run_held_is_put_back_by_the_next(sqlite_with_orphan: Site) -> None:
    sqlite_with_orphan.media.write("p/z.jpg", hours=1)
    os.rename(sqlite_with_orphan.media.path("p/z.jpg"), sqlite_with_orphan.media.path("z.jpg"))

    def kill(_path: bytes) -> None:
        raise KeyboardInterrupt

    with planned(sqlite_with_orphan.orphans()) as made, pytest.raises(KeyboardInterrupt):
        applied(made, Deleting(made, kill))
    held = next(path for path in sqlite_with_orphan.media.files if path.startswith(HELD) and b"files" in path)
    assert sqlite_with_orphan.media.files >= {b"p/kept.jpg", b"z.jpg", held}
    plan, _outcome = run(sqlite_with_orphan.orphans(), check=True)
    assert found(plan) == []
    sqlite_with_orphan.insert("p/lost.jpg")
    _plan, outcome = run(sqlite_with_orphan.orphans())
    assert outcome.removed.files == 0
    assert sqlite_with_orphan.media.files == {b"p/kept.jpg", b"p/lost.jpg", b"z.jpg"}
    assert HELD not in os.listdir(sqlite_with_orphan.media.root)


def test_what_a_killed_run_held_overwrites_nothing(sqlite_with_orphan: Site) -> None:
    def kill(_path: bytes) -> None:
        raise KeyboardInterrupt

    with planned(sqlite_with_orphan.orphans()) as made, pytest.raises(KeyboardInterrupt):
        applied(made, Deleting(made, kill))
    sqlite_with_orphan.media.write("p/lost.jpg", content=b"another")
    sqlite_with_orphan.insert("p/lost.jpg")
    for _again in range(2):
        plan, _outcome = run(sqlite_with_orphan.orphans())
        assert "other files have their names by now" in plan.warnings[0]
    assert Path(os.fsdecode(sqlite_with_orphan.media.path("p/lost.jpg"))).read_bytes() == b"another"
    assert len([path for path in sqlite_with_orphan.media.files if path.startswith(HELD)]) == 2


def kill(_path: bytes) -> None:
    raise KeyboardInterrupt


def killed(site: Site, remover: type[Any], **options: str) -> None:
    """A run that is killed right after it has moved its first file."""
    with planned(site.orphans(**options)) as made, pytest.raises(KeyboardInterrupt):
        applied(made, remover(made, kill))


def test_what_a_killed_run_had_moved_into_quarantine_is_put_back_by_the_next(
    site_with_orphan: Site, kept_in: str
) -> None:
    killed(site_with_orphan, Keeping, quarantine=kept_in)
    assert site_with_orphan.media.files == {b"p/kept.jpg"}
    site_with_orphan.insert("p/lost.jpg")
    plan, _outcome = run(site_with_orphan.missing(quarantine=kept_in), check=True)
    assert "a run was killed after it had moved 1 file" in plan.warnings[0]
    assert site_with_orphan.media.files == {b"p/kept.jpg"}
    plan, _outcome = run(site_with_orphan.missing(quarantine=kept_in))
    assert found(plan) == []
    assert plan.warnings == ["put back: 1 file that a run had moved when it was killed"]
    assert sorted(site_with_orphan.images) == ["p/kept.jpg", "p/lost.jpg"]
    assert site_with_orphan.media.files == {b"p/kept.jpg", b"p/lost.jpg"}
    assert quarantine.batches(os.fsencode(kept_in)) == []


def test_what_a_run_has_confirmed_stays_in_quarantine(
    sqlite_with_orphan: Site, kept_in: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of several handfuls, only the last was not confirmed when the run was killed."""
    from engine.apply import orphans

    monkeypatch.setattr(orphans, "AT_ONCE", 1)
    sqlite_with_orphan.media.write("p/lost 2.jpg")
    with planned(sqlite_with_orphan.orphans(quarantine=kept_in)) as made, pytest.raises(KeyboardInterrupt):
        applied(made, Keeping(made, lambda path: kill(path) if b"lost.jpg" in path else None))
    plan, _outcome = run(sqlite_with_orphan.missing(quarantine=kept_in))
    assert plan.warnings == ["put back: 1 file that a run had moved when it was killed"]
    assert sqlite_with_orphan.media.files == {b"p/kept.jpg", b"p/lost.jpg"}
    [batch] = quarantine.batches(os.fsencode(kept_in))
    assert batch.files == 1
    plan, _outcome = run(sqlite_with_orphan.missing(quarantine=kept_in))
    assert plan.warnings == []


def test_a_batch_of_a_release_that_did_not_confirm_stays_as_it_is(
    sqlite_with_orphan: Site, kept_in: str
) -> None:
    run(sqlite_with_orphan.orphans(quarantine=kept_in))
    manifest = next(Path(kept_in).glob("*/manifest.jsonl"))
    header, *lines, _confirmation = manifest.read_text().splitlines()
    old = {name: value for name, value in json.loads(header).items() if name != "confirms"}
    manifest.write_text("\n".join([json.dumps(old), *lines, ""]))
    plan, _outcome = run(sqlite_with_orphan.missing(quarantine=kept_in))
    assert plan.warnings == []
    assert sqlite_with_orphan.media.files == {b"p/kept.jpg"}


def test_another_site_of_the_quarantine_keeps_its_batches(sqlite_with_orphan: Site, kept_in: str) -> None:
    killed(sqlite_with_orphan, Keeping, quarantine=kept_in)
    manifest = next(Path(kept_in).glob("*/manifest.jsonl"))
    manifest.write_text(manifest.read_text().replace('"media_root": "', '"media_root": "/elsewhere'))
    plan, _outcome = run(sqlite_with_orphan.missing(quarantine=kept_in))
    assert plan.warnings == []
    assert sqlite_with_orphan.media.files == {b"p/kept.jpg"}


@pytest.mark.parametrize("manifest", [b"", b'{"format": 1}\n'], ids=["lost", "of nothing"])
def test_a_held_file_that_no_manifest_names_is_never_deleted(
    sqlite_with_orphan: Site, manifest: bytes
) -> None:
    killed(sqlite_with_orphan, Deleting)
    [held] = Path(os.fsdecode(sqlite_with_orphan.media.path(HELD))).iterdir()
    (held / "manifest.jsonl").write_bytes(manifest)
    before = sqlite_with_orphan.media.files
    for _again in range(2):
        with pytest.raises(QuarantineError, match="no manifest says where they belong"):
            run(sqlite_with_orphan.orphans())
        assert sqlite_with_orphan.media.files == before


def test_a_file_that_cannot_go_back_after_a_kill_stops_the_next_run(
    sqlite_with_orphan: Site, kept_in: str
) -> None:
    """Its record would look as if it had lost its file."""
    killed(sqlite_with_orphan, Keeping, quarantine=kept_in)
    sqlite_with_orphan.insert("p/lost.jpg")
    folder = Path(os.fsdecode(sqlite_with_orphan.media.path("p")))
    folder.rename(folder.with_name("aside"))
    folder.symlink_to("aside")
    with pytest.raises(QuarantineError, match="cannot be put back: 'p' is a symbolic link"):
        run(sqlite_with_orphan.missing(quarantine=kept_in))
    assert sorted(sqlite_with_orphan.images) == ["p/kept.jpg", "p/lost.jpg"]


@pytest.fixture
def full_quarantine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets every sync of a batch fail."""

    def broken(_writer: Any) -> None:
        raise QuarantineError("the quarantine could not be written to: No space left on device.")

    monkeypatch.setattr(BatchWriter, "sync", broken)


@pytest.mark.usefixtures("full_quarantine")
def test_an_error_after_the_move_brings_all_back(
    sqlite_with_orphan: Site, remover: type[Any], kept_in: str
) -> None:
    with planned(sqlite_with_orphan.orphans(quarantine=kept_in)) as made:
        outcome = applied(made, remover(made, lambda _path: None))
    assert "No space left" in outcome.error
    assert (outcome.removed.files, outcome.failed.total) == (0, 0)
    assert sqlite_with_orphan.media.files == {b"p/kept.jpg", b"p/lost.jpg"}


@pytest.mark.usefixtures("full_quarantine")
def test_after_an_error_a_file_that_was_replaced_is_reported(
    sqlite_with_orphan: Site, remover: type[Any], kept_in: str
) -> None:
    with planned(sqlite_with_orphan.orphans(quarantine=kept_in)) as made:
        again = remover(made, lambda _path: sqlite_with_orphan.media.write("p/lost.jpg", content=b"new"))
        outcome = applied(made, again)
    assert codes(outcome.failed) == {b"p/lost.jpg": "in_the_way"}
    assert Path(os.fsdecode(sqlite_with_orphan.media.path("p/lost.jpg"))).read_bytes() == b"new"


def test_what_was_deleted_before_an_error_is_counted(
    sqlite_with_orphan: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    sqlite_with_orphan.media.write("p/lost 2.jpg", "p/lost 3.jpg")
    delete, asked = BatchWriter.delete, []

    def failing(writer: BatchWriter, path: bytes) -> None:
        asked.append(path)
        if len(asked) == 2:
            raise QuarantineError("the quarantine could not be written to: Input/output error.")
        delete(writer, path)

    with monkeypatch.context() as patched:
        patched.setattr(BatchWriter, "delete", failing)
        _plan, outcome = run(sqlite_with_orphan.orphans())
    assert "Input/output error" in outcome.error
    assert outcome.removed.files == 1
    run(sqlite_with_orphan.missing())
    lost = {b"p/lost.jpg", b"p/lost 2.jpg", b"p/lost 3.jpg"}
    assert sqlite_with_orphan.media.files == {b"p/kept.jpg", *lost} - {asked[0]}


def test_an_error_of_sqlite_is_not_taken_for_no_writer(
    sqlite_with_orphan: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_arguments: Any, **_how: Any) -> Any:
        raise sqlite3.OperationalError("disk I/O error")

    with planned(sqlite_with_orphan.orphans()) as made, monkeypatch.context() as patched:
        patched.setattr(sqlite3, "connect", failing)
        with pytest.raises(DatabaseError, match="asking for open transactions failed"):
            made.session.database.open_transactions()


def test_what_waits_to_be_deleted_is_private(sqlite_with_orphan: Site) -> None:
    modes = []

    def note(_path: bytes) -> None:
        modes.append(os.stat(sqlite_with_orphan.media.path(HELD)).st_mode & 0o777)

    with planned(sqlite_with_orphan.orphans()) as made:
        applied(made, Deleting(made, note))
    assert modes == [0o700]
    assert sqlite_with_orphan.media.files == {b"p/kept.jpg"}
    assert HELD not in os.listdir(sqlite_with_orphan.media.root)


# Transactions that are older than the reading.


@contextmanager
def transaction_on(database: Any, *statements: str) -> Iterator[Any]:
    """A transaction that has run these statements and is open."""
    with closing(psycopg2.connect(database.url)) as connection:
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
        yield connection


INSERT = "INSERT INTO photo (id, image) VALUES (99, 'p/lost.jpg')"
READING = ("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ", "SELECT * FROM photo")


@pytest.fixture
def postgresql_with_orphan(postgresql: Any, media: Media) -> Site:
    site = Site(postgresql, media)
    media.write("p/kept.jpg", "p/lost.jpg")
    site.insert("p/kept.jpg")
    return site


@pytest.mark.parametrize("statements", [(INSERT,), READING], ids=["written", "only read yet"])
@pytest.mark.parametrize("when", ["before", "during"])
def test_a_transaction_that_stays_open_keeps_the_file(
    postgresql_with_orphan: Site,
    statements: tuple[str, ...],
    when: str,
    monkeypatch: pytest.MonkeyPatch,
    kept_in: str,
) -> None:
    monkeypatch.setattr(files, "WAIT_SECONDS", 0.1)
    site = postgresql_with_orphan
    opened = []

    def begin(_path: bytes) -> None:
        if not opened:
            transaction = transaction_on(site.database, *statements)
            opened.append((transaction, transaction.__enter__()))

    with planned(site.orphans(quarantine=kept_in)) as made:
        if when == "before":
            begin(b"")
        moved: list[bytes] = []
        outcome = applied(made, Keeping(made, lambda path: (moved.append(path), begin(path))))
    assert codes(outcome.kept) == {b"p/lost.jpg": "open_transaction"}
    assert "server process" in outcome.kept.items[0].reason
    assert site.media.files == {b"p/kept.jpg", b"p/lost.jpg"}
    # Nothing is moved to and fro for what is known beforehand.
    assert moved == ([] if when == "before" else [b"p/lost.jpg"])
    opened[0][1].rollback()
    _plan, outcome = run(site.orphans(quarantine=kept_in))
    assert outcome.removed.files == 1


@pytest.mark.parametrize("commits", [True, False])
def test_a_transaction_that_ends_in_time_is_waited_for(
    postgresql_with_orphan: Site, commits: bool, kept_in: str
) -> None:
    site = postgresql_with_orphan
    ends: list[threading.Timer] = []

    def begin(_path: bytes) -> None:
        connection = psycopg2.connect(site.database.url)
        connection.cursor().execute(INSERT)
        end = threading.Timer(0.3, connection.commit if commits else connection.rollback)
        ends.append(end)
        end.start()

    with planned(site.orphans(quarantine=kept_in)) as made:
        outcome = applied(made, Keeping(made, begin))
    ends[0].join()
    assert codes(outcome.kept) == ({b"p/lost.jpg": "referenced"} if commits else {})
    assert (b"p/lost.jpg" in site.media.files) == commits


def test_a_new_transaction_after_another_is_not_waited_for(
    postgresql_with_orphan: Site, kept_in: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A site that is never idle keeps nothing: only what was open at the reading counts."""
    monkeypatch.setattr(files, "WAIT_SECONDS", 5.0)
    site = postgresql_with_orphan
    done = threading.Event()

    def overlapping() -> None:
        first, second = (psycopg2.connect(site.database.url) for _number in range(2))
        first.cursor().execute("SELECT 1")
        while not done.is_set():
            second.cursor().execute("SELECT 1")
            time.sleep(0.05)
            first.rollback()
            first, second = second, first
        first.close()
        second.close()

    busy = threading.Thread(target=overlapping)
    busy.start()
    try:
        _plan, outcome = run(site.orphans(quarantine=kept_in))
    finally:
        done.set()
        busy.join()
    assert outcome.removed.files == 1


def test_a_prepared_transaction_keeps_the_file(
    postgresql_with_orphan: Site, kept_in: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "WAIT_SECONDS", 0.1)
    site = postgresql_with_orphan
    if site.database.rows("SHOW max_prepared_transactions") == [("0",)]:
        pytest.skip("the server allows no prepared transactions (max_prepared_transactions = 0)")
    site.database.run(f"BEGIN; {INSERT}; PREPARE TRANSACTION 'upload'")
    try:
        _plan, outcome = run(site.orphans(quarantine=kept_in))
        assert codes(outcome.kept) == {b"p/lost.jpg": "open_transaction"}
        assert "prepared as 'upload'" in outcome.kept.items[0].reason
    finally:
        site.database.run("COMMIT PREPARED 'upload'")
    plan, _outcome = run(site.orphans(quarantine=kept_in))
    assert found(plan) == []


def test_a_transaction_that_is_prepared_while_it_is_waited_for_is_not_lost_sight_of() -> None:
    before = {"3/7": "a session", "4/1": "another"}
    assert files._left_of(before, before) == before
    assert files._left_of(before, {"4/1": "another", "prepared 12": "x"}) == {
        "4/1": "another",
        "prepared 12": "x",
    }
    assert files._left_of(before, {**before, "prepared 12": "x", "5/1": "new"}) == before
    assert files._left_of(before, {"5/1": "new"}) == {}


def test_who_may_see_no_statistics_sees_open_transactions(postgresql_with_orphan: Site) -> None:
    site = postgresql_with_orphan
    role = f"reader_{os.getpid()}"
    site.database.run(f"CREATE ROLE {role} LOGIN; GRANT SELECT ON photo TO {role}")
    try:
        with planned(site.orphans()) as made, transaction_on(site.database, "SELECT 1"):
            made.session.database._connection.execute(f"SET ROLE {role}", [])
            made.session.database._connection.commit()
            assert len(made.session.database.open_transactions()) == 1
    finally:
        site.database.run(f"DROP OWNED BY {role}; DROP ROLE {role}")


def test_a_writer_of_sqlite_is_waited_for(
    sqlite_with_orphan: Site, kept_in: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "WAIT_SECONDS", 0.1)
    with sqlite_with_orphan.database.connect() as writing:
        with planned(sqlite_with_orphan.orphans(quarantine=kept_in)) as made:
            writing.execute("BEGIN IMMEDIATE")
            writing.execute(INSERT)
            outcome = applied(made, Keeping(made, lambda _path: None))
        assert codes(outcome.kept) == {b"p/lost.jpg": Code.OPEN_TRANSACTION.value}
        writing.execute("COMMIT")
    assert sqlite_with_orphan.media.files == {b"p/kept.jpg", b"p/lost.jpg"}


def test_the_next_handful_goes_on_after_one_was_put_back(
    sqlite_with_orphan: Site, kept_in: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from engine.apply import orphans

    monkeypatch.setattr(orphans, "AT_ONCE", 2)
    sqlite_with_orphan.media.write(*(f"p/{number}.jpg" for number in range(5)))
    with planned(sqlite_with_orphan.orphans(quarantine=kept_in)) as made:
        came = iter(["p/0.jpg", "/media/p/4.jpg"])
        outcome = applied(made, Keeping(made, lambda _path: sqlite_with_orphan.insert(*[*came])))
    assert sqlite_with_orphan.media.files == {b"p/kept.jpg", b"p/0.jpg", b"p/4.jpg"}
    assert outcome.removed.files == 4


def test_where_nothing_can_wait_nothing_is_removed(public_site: Site) -> None:
    public_site.media.write("p/lost.jpg")
    public_site.insert("p/gone.jpg", "p/lost.jpg")
    os.chmod(public_site.media.path("p"), 0o777)

    def remove() -> Any:
        with pytest.raises(QuarantineError, match="cannot be made in the media root: Permission denied"):
            run(public_site.incomplete())
        return public_site.images

    assert as_nobody(remove) == ["p/gone.jpg", "p/lost.jpg"]
    assert public_site.media.files == {b"p/lost.jpg"}

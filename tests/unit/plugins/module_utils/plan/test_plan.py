# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

from __future__ import annotations

import base64
import json
import string
import time
import tracemalloc
import zlib
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.errors import SiteError
from engine.kept import Code, Doubt
from engine.plan import approval as approvals
from engine.plan import plan as plan_module
from engine.plan.approval import ITEMS_IN_TOKEN, Approval, Item, PlanDigest
from engine.plan.guards import guard_approval, guard_marker, guard_partial, guard_share
from engine.plan.plan import Plan
from engine.spool import Listed, Spool
from helpers.builders import guards

MOMENT = 1_763_722_800.25
ITEMS = st.lists(
    st.builds(Item, st.binary(max_size=20), st.binary(max_size=20)), unique_by=lambda item: item.name
)


def plan(job: str = "orphans", scope: str = "/srv/media", moment: float = MOMENT) -> Plan:
    return Plan(job, scope, moment, Spool(tuple, Item), 100)


def sealed(items: list[Item], **about: Any) -> Plan:
    made = plan(**about)
    for item in items:
        made.count_in(item)
    made.seal()
    return made


def approval(made: Plan) -> Approval:
    return Approval(made.token, made.job, made.scope)


def some(count: int) -> list[Item]:
    return [Item(b"photo %d" % number, b"state") for number in range(count)]


def token(header: Any, digests: bytes = b"") -> str:
    """A token that is whole, with a content that this release may not have written."""
    return base64.urlsafe_b64encode(zlib.compress(json.dumps(header).encode() + b"\n" + digests)).decode()


GOOD_HEADER = {
    "version": 1,
    "job": "orphans",
    "scope": "/srv/media",
    "moment": MOMENT,
    "digest": "00",
    "items": 0,
}


@pytest.mark.promise(7)
@given(ITEMS)
def test_an_approved_plan_covers_its_items_and_nothing_else(items: list[Item]) -> None:
    approved = approval(sealed(items))
    assert approved.moment == MOMENT
    assert approved.count == approved.left == len(items)
    assert approved.reason_to_keep(Item(b"a name that is longer than those", b"")) is not None
    assert [approved.reason_to_keep(item) for item in items] == [None] * len(items)
    assert approved.left == 0


@pytest.mark.promise(7)
@given(ITEMS.filter(bool), st.data())
def test_what_is_no_longer_the_same_is_not_covered(items: list[Item], data: st.DataObject) -> None:
    changed = data.draw(st.sampled_from(items))
    approved = approval(sealed(items))
    objection = approved.reason_to_keep(changed._replace(identity=changed.identity + b"!"))
    assert objection is not None
    assert "no longer what was approved" in objection.reason


@pytest.mark.promise(7)
def test_what_was_added_waits_and_what_was_left_is_counted() -> None:
    approved = approval(sealed(some(3)))
    assert approved.reason_to_keep(Item(b"added", b"state")) == Doubt(
        Code.NOT_APPROVED, "it is not in the approved plan; review it in the next one"
    )
    assert approved.reason_to_keep(some(1)[0]) is None
    assert approved.left == 2
    names = [b"photo 0", b"photo 1", b"photo 2", b"added"]
    assert list(approved.left_names(names)) == [b"photo 1", b"photo 2"]


@pytest.mark.promise(7)
def test_approval_of_an_empty_plan_approves_nothing() -> None:
    approved = approval(sealed([]))
    assert approved.reason_to_keep(some(1)[0]) is not None


@pytest.mark.promise(7)
@given(st.text(string.printable + "é\udcff"))
@example("")
@example("=")
@example("\udcff")
@example("eJwrSS0uAQAEXQHB")
@example(base64.urlsafe_b64encode(zlib.compress(b"{}")).decode())
@example(base64.urlsafe_b64encode(zlib.compress(b"[1]\n")).decode())
def test_any_text_that_is_no_token_is_refused_in_words(text: str) -> None:
    with pytest.raises(SiteError, match="approved_plan"):
        Approval(text, "orphans", "/srv/media")


@pytest.mark.promise(7)
@given(st.integers(0), st.integers(1, 255))
def test_a_token_with_a_bit_flipped_is_refused(position: int, change: int) -> None:
    made = sealed(some(20))
    packed = bytearray(base64.urlsafe_b64decode(made.token))
    packed[position % len(packed)] ^= change
    with pytest.raises(SiteError, match="approved_plan"):
        Approval(base64.urlsafe_b64encode(bytes(packed)).decode(), made.job, made.scope)


@pytest.mark.promise(7)
@pytest.mark.parametrize("kept", [0.0, 0.1, 0.5, 0.9, 0.99])
def test_a_token_that_was_cut_short_is_refused(kept: float) -> None:
    made = sealed(some(20))
    with pytest.raises(SiteError, match="approved_plan"):
        Approval(made.token[: int(len(made.token) * kept)], made.job, made.scope)


@pytest.mark.promise(11)
@pytest.mark.parametrize("held", [b"\0", b"[", b'{"version": 1, "job": "orphans"}\n'])
def test_a_token_that_unpacks_to_more_than_any_plan_is_refused_in_bounded_memory(held: bytes) -> None:
    packing = zlib.compressobj(9)
    packed = packing.compress(held) + packing.compress(b"[" * (1 << 28)) + packing.flush()
    text = base64.urlsafe_b64encode(packed).decode()
    tracemalloc.start()
    with pytest.raises(SiteError, match="approved_plan is longer than any plan"):
        Approval(text, "orphans", "/srv/media")
    _now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 16 << 20


def test_a_text_that_is_longer_than_any_token_is_not_unpacked() -> None:
    with pytest.raises(SiteError, match="approved_plan is longer than any plan"):
        Approval("A" * (4 << 20), "orphans", "/srv/media")


def test_a_header_that_is_nested_too_deep_is_refused_in_words() -> None:
    packed = zlib.compress(b"[" * 100_000 + b"\n")
    with pytest.raises(SiteError, match="cannot be read"):
        Approval(base64.urlsafe_b64encode(packed).decode(), "orphans", "/srv/media")


def test_a_token_that_was_wrapped_by_a_mail_program_still_serves() -> None:
    made = sealed(some(20))
    wrapped = "\n".join(made.token[start : start + 60] for start in range(0, len(made.token), 60))
    assert Approval(wrapped, made.job, made.scope).reason_to_keep(some(1)[0]) is None


@pytest.mark.promise(7)
@pytest.mark.parametrize("missing", sorted(GOOD_HEADER))
def test_a_token_without_one_of_its_parts_is_refused(missing: str) -> None:
    header = {name: value for name, value in GOOD_HEADER.items() if name != missing}
    with pytest.raises(SiteError, match="cannot be read"):
        Approval(token(header), "orphans", "/srv/media")


@pytest.mark.promise(7)
@pytest.mark.parametrize(
    ("name", "value"), [("moment", "yesterday"), ("moment", None), ("items", "many"), ("items", [])]
)
def test_a_token_with_a_wrong_part_is_refused(name: str, value: object) -> None:
    with pytest.raises(SiteError, match="cannot be read"):
        Approval(token({**GOOD_HEADER, name: value}), "orphans", "/srv/media")


@pytest.mark.promise(7)
@pytest.mark.parametrize(
    ("name", "value"),
    [("items", float("inf")), ("moment", float("inf")), ("moment", float("nan")), ("moment", 1e300)],
)
def test_a_token_with_a_number_beyond_all_bounds_is_refused(name: str, value: float) -> None:
    with pytest.raises(SiteError, match="cannot be read"):
        Approval(token({**GOOD_HEADER, name: value}), "orphans", "/srv/media")


@pytest.mark.promise(7)
def test_a_token_of_another_release_is_refused_by_its_version() -> None:
    with pytest.raises(SiteError, match="version 2, this release reads 1"):
        Approval(token({**GOOD_HEADER, "version": 2}), "orphans", "/srv/media")


@pytest.mark.promise(7)
@pytest.mark.parametrize(("job", "scope"), [("missing", "/srv/media"), ("orphans", "/srv/other")])
def test_a_plan_of_another_job_or_site_is_refused(job: str, scope: str) -> None:
    with pytest.raises(SiteError, match="plan for the job 'orphans' of another site"):
        Approval(sealed([]).token, job, scope)


@pytest.mark.promise(7)
@pytest.mark.parametrize("count", [ITEMS_IN_TOKEN, ITEMS_IN_TOKEN + 1])
def test_a_plan_too_large_for_a_token_is_approved_as_a_whole(count: int) -> None:
    made = sealed(some(count))
    approved = approval(made)
    assert approved.is_whole == (count > ITEMS_IN_TOKEN)
    assert approved.count == count
    assert approved.left == (0 if approved.is_whole else count)
    assert len(made.token) < 300_000
    same, other = sealed(some(count), moment=MOMENT + 60), sealed(some(count)[1:])
    for candidate in (same, other):
        guard_approval(candidate, approved)
    assert guards(same) == []
    assert guards(other) == (["approved_plan"] if approved.is_whole else [])


def test_a_whole_approval_has_no_objection_to_single_items(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(approvals, "ITEMS_IN_TOKEN", 2)
    assert approval(sealed(some(3))).reason_to_keep(Item(b"another", b"")) is None


def test_without_an_approval_there_is_nothing_to_compare() -> None:
    made = sealed(some(1))
    guard_approval(made, None)
    assert guards(made) == []


def test_a_plan_id_tells_the_moment_and_the_content() -> None:
    made = sealed(some(2))
    assert made.plan_id == f"20251121T110000Z-{made.digest[:12]}"
    assert made.plan_id == sealed(some(2)).plan_id
    others = [sealed(some(1)), sealed(some(3)), sealed(some(2)[::-1]), sealed(some(2), scope="/srv/other")]
    others += [sealed(some(2), job="missing"), sealed([*some(1), Item(b"photo 1", b"changed")])]
    assert made.digest not in {other.digest for other in others}
    assert len({other.digest for other in others}) == len(others)


def test_a_plan_id_is_in_utc_wherever_it_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Pacific/Auckland")
    time.tzset()
    try:
        assert sealed([]).plan_id.startswith("20251121T110000Z-")
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.promise("guards")
@pytest.mark.parametrize(
    ("found", "examined", "most", "is_refused"),
    [
        (0, 0, 0, False),
        (0, 0, 50, False),
        (0, 10, 0, False),
        (1, 10, 0, True),
        (5, 10, 50, False),
        (6, 10, 50, True),
        (501, 1000, 50, True),
        (1, 3, 33, True),
        (1, 3, 34, False),
        (10, 10, 99, True),
        (10, 10, 100, False),
        (1, 1, 100, False),
    ],
)
def test_the_share_is_guarded_up_to_exactly_the_percentage(
    found: int, examined: int, most: int, is_refused: bool
) -> None:
    made = plan()
    guard_share(made, "files", found, examined, most)
    assert guards(made) == ["max_removal_percent"] * is_refused


@pytest.mark.promise("guards")
@given(st.integers(1, 10_000), st.integers(1, 10_000), st.integers(0, 99))
def test_the_percentage_that_the_guard_advises_lifts_it(found: int, more: int, most: int) -> None:
    refused, advised = plan(), plan()
    guard_share(refused, "files", found, found + more, most)
    for refusal in refused.refusals:
        assert refusal.lifted_by == "max_removal_percent"
        told = int(refusal.message.rstrip(".").rpartition(" ")[2])
        guard_share(advised, "files", found, found + more, told)
        assert guards(advised) == []
        assert told == 1 or found * 100 > (found + more) * (told - 1), "and it is the lowest that does"


def unseen(count: int, limit: int = 100) -> Listed[tuple[bytes, str]]:
    listed: Listed[tuple[bytes, str]] = Listed(limit)
    for number in range(count):
        listed.add((b"photos/%d\n" % number, "Permission denied"))
    return listed


@pytest.mark.promise(1)
@pytest.mark.parametrize("count", [0, 1, 3, 4])
def test_half_a_view_turns_a_plan_down_for_good(count: int) -> None:
    made = plan()
    guard_partial(made, unseen(count))
    assert guards(made) == ["partial"] * (count > 0)
    for refusal in made.refusals:
        assert refusal.lifted_by == "", "no option lifts this"
        assert r"photos/0\n: Permission denied" in refusal.message
        assert "\n" not in refusal.message
        assert ("and 1 more" in refusal.message) == (count == 4)
        assert ("more" in refusal.message) == (count == 4)


@pytest.mark.promise(1)
@pytest.mark.parametrize("limit", [0, 1, 2])
def test_half_a_view_is_noticed_even_if_nothing_is_listed(limit: int) -> None:
    made = plan()
    guard_partial(made, unseen(5, limit))
    assert guards(made) == ["partial"]


@pytest.mark.parametrize("limit", [0, 1, 2])
def test_the_places_that_are_not_shown_are_counted(limit: int) -> None:
    made = plan()
    guard_partial(made, unseen(5, limit))
    assert f"{5 - limit} more" in made.refusals[0].message


def test_the_media_root_itself_has_a_name_in_the_message() -> None:
    made, places = plan(), unseen(0)
    places.add((b"", "it was replaced"))
    guard_partial(made, places)
    assert "media_root: it was replaced" in made.refusals[0].message


@pytest.mark.promise("guards")
@pytest.mark.parametrize("present", [True, False])
def test_without_its_marker_the_media_is_taken_for_unmounted(present: bool) -> None:
    made = plan()
    guard_marker(made, ".mounted", present)
    assert guards(made) == ["marker"] * (not present)


@pytest.mark.promise(11)
def test_what_is_skipped_is_listed_up_to_a_bound_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan_module, "KEPT_LISTED", 2)
    made = Plan("orphans", "", MOMENT, Spool(tuple, Item), 2)
    for number in range(5):
        made.keep(b"%d" % number, Code.CHANGED, "because")
    assert [skipped.name for skipped in made.kept.items] == [b"0", b"1"]
    assert made.kept.total == 5


@pytest.mark.promise(3)
@pytest.mark.parametrize("hours", [-1, 1])
def test_a_token_of_another_clock_makes_nothing_older_than_it_is(hours: int) -> None:
    """Ages are judged as of the moment of the approved plan: with one to come, young files would be old."""
    said = time.time() + hours * 3600
    moment = Approval(PlanDigest("orphans", "scope").token(said), "orphans", "scope").moment
    assert moment == said if hours < 0 else moment <= time.time()

"""The checker finds each kind of fault: one that finds nothing proves nothing."""

from __future__ import annotations

import pytest

from tests.faults.history import SOUND, Seen, Verdict, Writes, judge

WRITES = Writes(acknowledged={"a", "b", "c"}, failed={"f"}, unknown={"u"})


@pytest.mark.parametrize(
    ("seen", "verdict"),
    [
        ("abc", SOUND),
        ("abuc", SOUND),
        ("ab", Verdict(lost=("c",))),
        ("abcb", Verdict(doubled=("b",))),
        ("abcf", Verdict(invented=("f",))),
        ("", Verdict(lost=("a", "b", "c"))),
    ],
)
def test_what_is_lost_doubled_or_invented_is_found(seen: str, verdict: Verdict) -> None:
    found = judge(WRITES, [Seen(place, value) for place, value in enumerate(seen)])
    assert tuple(sorted(map(str, found.lost))) == tuple(verdict.lost)
    assert (found.doubled, found.invented, found.disordered) == (verdict.doubled, verdict.invented, ())


def test_what_comes_after_a_later_commit_is_found() -> None:
    assert judge(WRITES, [Seen(1, "a"), Seen(3, "c"), Seen(2, "b")]) == Verdict(disordered=("b",))

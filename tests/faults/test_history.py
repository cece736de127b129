"""The checker finds each kind of fault: one that finds nothing proves nothing."""

from __future__ import annotations

from tests.faults.history import SOUND, Outcome, Seen, Stored, Verdict, View, Write, check

A, B, C = (Write(value, Outcome.ACKNOWLEDGED, began, began + 1) for value, began in (("a", 1), ("b", 3), ("c", 5)))
WRITES = [A, B, C, Write("r", Outcome.REFUSED, 6, 7), Write("u", Outcome.UNKNOWN, 4)]


def stored(values: str, stream: str = "s") -> list[Stored]:
    return [Stored(version, value, stream, version) for version, value in enumerate(values, start=1)]


def view(*seen: tuple[int, str], stream: str | None = None, end: float = 99) -> View:
    return View("R", [Seen(*each) for each in seen], stream, end)


def test_what_is_stored_and_seen_once_and_in_order_is_sound() -> None:
    assert check(WRITES, stored("abc"), [view((1, "a"), (2, "b"), (3, "c"))]) == SOUND


def test_what_is_unknown_may_be_stored_if_everybody_saw_it() -> None:
    everything = view((1, "a"), (2, "b"), (3, "u"), (4, "c"))
    assert check(WRITES, stored("abuc"), [everything, everything]) == SOUND
    half = view((1, "a"), (2, "b"), (4, "c"))
    assert check(WRITES, stored("abuc"), [everything, half]) == Verdict(lost=("u: not seen by R",))


def test_what_is_unknown_and_not_stored_may_not_be_seen() -> None:
    seen = view((1, "a"), (2, "b"), (3, "c"), (4, "u"))
    assert check(WRITES, stored("abc"), [seen]) == Verdict(divided=("u: not stored as seen by R",))


def test_acknowledged_value_that_is_not_stored_is_lost() -> None:
    assert check(WRITES, stored("ab"), []) == Verdict(lost=("c: not stored",))


def test_stored_value_that_is_not_seen_is_lost() -> None:
    assert check(WRITES, stored("abc"), [view((1, "a"), (3, "c"))]) == Verdict(lost=("b: not seen by R",))
    assert len(check(WRITES, stored("abc"), [view(), view()]).lost) == 6


def test_value_that_is_stored_twice_is_doubled() -> None:
    assert check(WRITES, stored("abcb"), []) == Verdict(doubled=("b: stored twice",))


def test_value_that_is_seen_twice_is_doubled_wherever_it_is_seen_again() -> None:
    at_once = view((1, "a"), (2, "b"), (2, "b"), (3, "c"))
    later = view((1, "a"), (2, "b"), (3, "c"), (2, "b"))
    for seen in at_once, later:
        assert check(WRITES, stored("abc"), [seen]) == Verdict(doubled=("b: seen twice by R",))


def test_value_that_is_seen_after_a_later_one_is_disordered() -> None:
    found = check(WRITES, stored("abc"), [view((1, "a"), (3, "c"), (2, "b"))])
    assert found == Verdict(disordered=("b: seen by R after what was committed later",))


def test_value_that_is_stored_before_one_that_ended_earlier_is_disordered() -> None:
    found = check(WRITES, stored("acb"), [])
    assert found == Verdict(disordered=("c: stored before what had ended when it began",))


def test_writes_at_the_same_time_may_be_stored_in_either_order() -> None:
    together = [Write("a", Outcome.ACKNOWLEDGED, 1, 4), Write("b", Outcome.ACKNOWLEDGED, 2, 3)]
    assert check(together, stored("ab"), []) == check(together, stored("ba"), []) == SOUND


def test_refused_value_that_is_stored_is_invented() -> None:
    assert check(WRITES, stored("abcr"), []) == Verdict(invented=("r: stored",))


def test_value_that_nobody_wrote_is_invented() -> None:
    assert check(WRITES, stored("abcx"), []) == Verdict(invented=("x: stored",))


def test_value_that_is_seen_elsewhere_than_stored_divides() -> None:
    found = check(WRITES, stored("abc"), [view((1, "a"), (2, "b"), (4, "c"))])
    assert found == Verdict(divided=("c: not stored as seen by R",))


def test_missing_number_is_a_gap() -> None:
    rows = [Stored(1, "a", "s", 1), Stored(2, "b", "s", 3), Stored(3, "c", "t", 1)]
    assert check(WRITES, rows, []) == Verdict(gaps=("s: 3 where 2 should be",))


def test_numbers_that_are_not_in_the_order_of_the_commits_are_a_gap() -> None:
    rows = [Stored(1, "a", "s", 2), Stored(2, "b", "s", 1), Stored(3, "c", "s", 3)]
    assert check(WRITES, rows, []) == Verdict(gaps=("s: 2 where 1 should be",))


def test_reader_of_one_stream_need_not_see_another() -> None:
    rows = [Stored(1, "a", "s", 1), Stored(2, "b", "t", 1), Stored(3, "c", "s", 2)]
    assert check(WRITES, rows, [view((1, "a"), (3, "c"), stream="s")]) == SOUND
    assert check(WRITES, rows, [view((1, "a"), stream="s")]) == Verdict(lost=("c: not seen by R",))


def test_reader_need_not_have_seen_what_lies_beyond_its_end() -> None:
    assert check(WRITES, stored("abcu"), [view((1, "a"), (2, "b"), (3, "c"), end=3)]) == SOUND


def test_verdicts_are_counted_in_words() -> None:
    assert str(Verdict(lost=("a", "b"))) == "2 lost, 0 doubled, 0 disordered, 0 invented, 0 divided, 0 gaps"

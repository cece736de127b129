"""The cache stays within its bounds, and keeps what is in use whatever else is sent."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.execution.prepare.cache import SHARE_OF_ONE, DocumentCache

WEIGHT = 10


def filled(*keys: object, size: int = 20) -> DocumentCache[str]:
    """A cache of that many documents, which has been asked for each of these twice."""
    cache = DocumentCache[str](max_documents=size, max_weight=size * WEIGHT)
    for _ in range(2):
        ask(cache, *keys)
    return cache


def ask(cache: DocumentCache[str], *keys: object) -> int:
    """Ask for the documents, as the engine does; how many of them were there."""
    hits = 0
    for key in keys:
        found = cache.get(key)
        hits += found is not None
        if found is None:
            cache.put(key, f"document {key}", WEIGHT)
    return hits


def test_what_was_put_is_found() -> None:
    cache = DocumentCache[str]()
    assert cache.get("a") is None
    cache.put("a", "document a", WEIGHT)
    assert cache.get("a") == "document a"
    assert (len(cache), cache.weight) == (1, WEIGHT)


def test_what_is_not_there_is_counted() -> None:
    cache = filled("a", "b")
    assert cache.misses == 2
    ask(cache, "a", "c", "b", "c")
    assert cache.misses == 3


def test_documents_in_use_outlast_many_that_are_sent_once() -> None:
    hot = [f"hot {number}" for number in range(10)]
    cache = filled(*hot)
    for number in range(200):
        ask(cache, f"once {number}")
    assert ask(cache, *hot) == len(hot)


def test_documents_in_use_outlast_many_that_are_sent_twice_and_more() -> None:
    """Who wants to push them out must keep asking for more documents than there is room for between two uses."""
    hot = [f"hot {number}" for number in range(5)]
    cache = filled(*hot)
    found = []
    for number in range(0, 400, 4):
        for _ in range(3):
            ask(cache, *(f"other {number + each}" for each in range(4)))
        found.append(ask(cache, *hot))
    assert set(found[10:]) == {len(hot)}


def test_document_that_comes_back_soon_after_it_was_dropped_stays() -> None:
    cache = filled()
    ask(cache, "late", *range(25))
    assert cache.get("late") is None
    ask(cache, "late", *range(100, 140))
    assert cache.get("late") == "document late"


def test_documents_that_are_no_longer_used_make_room() -> None:
    cache = filled(*(f"old {number}" for number in range(20)))
    new = [f"new {number}" for number in range(15)]
    for _ in range(4):
        ask(cache, *new)
    assert ask(cache, *new) == len(new)


def test_no_document_takes_more_than_its_share() -> None:
    cache = filled("a", size=80)
    cache.put("large", "document", 80 * WEIGHT // SHARE_OF_ONE + 1)
    assert cache.get("large") is None
    cache.put("fair", "document", 80 * WEIGHT // SHARE_OF_ONE)
    assert cache.get("fair") == "document"


KEYS = st.integers(0, 60)


@settings(deadline=None)
@given(st.lists(st.tuples(KEYS, st.integers(0, 120)), max_size=400), st.integers(1, 30), st.integers(8, 500))
def test_bounds_hold_and_nothing_is_mixed_up(asked: list[tuple[int, int]], documents: int, weight: int) -> None:
    cache, weights = DocumentCache[int](max_documents=documents, max_weight=weight), dict[int, int]()
    for key, size in asked:
        found = cache.get(key)
        assert found in (None, key)
        if found is None:
            weights[key] = size
            cache.put(key, key, size)
        kept = [key for key in weights if key in cache._entries]
        assert len(cache) == len(kept) <= documents
        assert cache.weight == sum(weights[key] for key in kept) <= weight
        assert len(cache._new.entries) + len(cache._kept.entries) == len(cache)
        assert len(cache._dropped) <= documents


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(0, 7), min_size=8, max_size=40), st.integers(1, 3))
def test_hot_documents_survive_a_scan_of_ten_times_the_room(order: list[int], times: int) -> None:
    hot = [f"hot {number}" for number in range(8)]
    cache = filled(*hot)
    scanned = 0
    for each in order * times:
        ask(cache, hot[each])
        for _ in range(200 // len(order)):
            scanned += 1
            ask(cache, f"once {scanned}")
    assert ask(cache, *hot) == len(hot)

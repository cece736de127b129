"""A job that could not run is refused, with what to write instead."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from gateway import Work, job
from gateway.schema.build import domain_modules
from gateway.schema.types.wrong_declaration import WrongDeclaration
from gateway.work.declaration import jobs_of


def module(*functions: Callable[..., Any]) -> ModuleType:
    """A module that declares these jobs."""
    made = ModuleType(__name__)
    for number, function in enumerate(functions):
        setattr(made, f"job{number}", function)
    return made


async def work_hard(work: Work) -> None:
    """Do nothing."""


def test_the_domains_declare_jobs() -> None:
    declared = jobs_of(domain_modules())
    assert {"prune_feed", "expire"} <= declared.keys()
    assert all(each.handler.__doc__ for each in declared.values())


@pytest.mark.parametrize(
    ("options", "advice"),
    [
        ({"name": "Expire sessions"}, 'such as "prune_feed"'),
        ({"schedule": "daily at three"}, 'write: schedule="17 3 \\* \\* \\*"'),
        ({"tries": 0}, "Write at least 1"),
    ],
)
def test_a_wrong_declaration_is_refused(options: dict[str, Any], advice: str) -> None:
    async def handler(work: Work) -> None:
        """Do nothing."""

    with pytest.raises(WrongDeclaration, match=advice):
        jobs_of([module(job(**{"name": "sweep", **options})(handler))])


def test_a_function_that_blocks_is_refused() -> None:
    def handler(work: Work) -> Any:
        """Block."""

    with pytest.raises(WrongDeclaration, match="Write: async def handler"):
        jobs_of([module(job("sweep")(handler))])


def test_two_jobs_of_one_name_are_refused() -> None:
    async def other(work: Work) -> None:
        """Do nothing."""

    with pytest.raises(WrongDeclaration, match="Two jobs are called 'sweep'"):
        jobs_of([module(job("sweep")(work_hard), job("sweep")(other))])


def test_delays_grow_up_to_a_bound() -> None:
    async def handler(work: Work) -> None:
        """Do nothing."""

    declared = jobs_of([module(job("sweep", first_delay_seconds=10)(handler))])["sweep"]
    seconds = [declared.delay(starts) // datetime.timedelta(seconds=1) for starts in (1, 2, 3, 4, 5, 100)]
    assert seconds == [10, 40, 160, 640, 900, 900]

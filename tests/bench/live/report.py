"""The results as Markdown: what was measured on what, and each goal with its figures."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass

from tests.bench.data import SIZE, DataSet
from tests.bench.live import catch_up, delivery, fanout, idle, people, stalled, writing
from tests.bench.live.catch_up import CatchUp
from tests.bench.live.delivery import Delivery
from tests.bench.live.fanout import Fanout
from tests.bench.live.idle import Idle
from tests.bench.live.stalled import Stalled
from tests.bench.report import interpreter, machine, met, postgresql_version, table, versions

LESS_CPU_GOAL = 2.5
MORE_DELIVERIES_GOAL = 2.0
PEERS = ("graphql_ws", "mercurius", "stock")
NPM_PACKAGES = ("graphql-ws", "ws", "graphql", "mercurius", "fastify", "@fastify/websocket")
PYTHON_PACKAGES = (
    "strawberry-graphql",
    "graphql-core",
    "aiohttp",
    "asyncpg",
    "orjson",
    "uvloop",
    "uvicorn",
    "websockets",
    "nats-py",
)


@dataclass(frozen=True, slots=True)
class Results:
    """All that a run has found out; what it left out is None."""

    command: str
    load: float
    """What the machine had to do besides, before the run: the figures of a busy one are not worth much."""
    fanouts: Sequence[Fanout] | None
    idle: Idle | None
    deliveries: Sequence[Delivery] | None
    catch_up: CatchUp | None
    stalled: Stalled | None


async def report(results: Results, data: DataSet) -> str:
    """The whole text."""
    today = datetime.datetime.now(datetime.UTC).date()
    sections = [f"# Live benchmark\n\nMade on {today} by `{results.command}`.", await _setting(results, data)]
    if results.fanouts is not None:
        sections.append(_fanout(results.fanouts))
    if results.idle is not None:
        sections.append(_idle(results.idle))
    if results.deliveries is not None:
        sections.append(_delivery(results.deliveries))
    if results.catch_up is not None:
        sections.append(_catch_up(results.catch_up))
    if results.stalled is not None:
        sections.append(_stalled(results.stalled))
    return "\n\n".join(sections) + "\n"


async def _setting(results: Results, data: DataSet) -> str:
    postgresql = await postgresql_version(data)
    names = ", ".join(versions(PYTHON_PACKAGES, NPM_PACKAGES if results.fanouts is not None else ()))
    rows = [
        ("Machine", machine(results.load)),
        ("Versions", f"{interpreter()}, PostgreSQL {postgresql}, {names}"),
        (
            "Data",
            f"{SIZE['users']} users of {SIZE['conversations']} conversations of {SIZE['messages']} messages, and"
            f" {people.COUNT:,} who listen and write",
        ),
        ("Client", "one process, which counts frames and parses none; what servers deliver is checked beforehand"),
        ("CPU", "user and system time of the server's processes and threads, without PostgreSQL and the client"),
        ("Memory", "growth of the server's resident memory, as the system counts it"),
    ]
    return table(("what", "how"), rows)


FANOUT = (
    f"{fanout.SOCKETS:,} sockets of one user with `messageAdded` each; events of about 400 bytes, at most"
    f" {fanout.AHEAD['saturated']} ahead of the slowest socket; {fanout.ROUNDS} interleaved rounds of"
    f" {fanout.SECONDS:g} s after one to warm up, medians. Parley's events are messages that `addMessage` writes to"
    " PostgreSQL, in a transaction each, under row-level security, and that are read back from the change feed; its CPU"
    " includes the mutations. The others make theirs in memory when a request without GraphQL asks for it, and ask"
    " nobody for a token, which favours them. `by hand` is a frame encoded once and written to each socket by aiohttp,"
    " without GraphQL and without a database. Figures of one event at a time are from rounds in which the next event"
    " waits until the last has reached every socket."
)


def _fanout(found: Sequence[Fanout]) -> str:
    rows = []
    for one in found:
        full, single = one.median("saturated"), one.median("one at a time")
        cells = (f"{full.per_second:,.0f}", f"{full.cpu_us:.1f}", f"{one.socket_kib:.1f}", f"{single.cpu_us:.1f}")
        rows.append((one.kind.title, *cells, f"{full.database_us:.1f}", f"{full.client_us:.1f}"))
    head = (
        "server",
        "deliveries/s",
        "CPU us a delivery",
        "KiB a socket",
        "CPU us, one event at a time",
        "PostgreSQL CPU us",
        "client CPU us",
    )
    sections = ["## Fan-out next to peers", FANOUT, table(head, rows)]
    by_name = {one.kind.name: one for one in found}
    if "parley" in by_name and (peers := [by_name[name] for name in PEERS if name in by_name]):
        sections.append(_ratios(by_name["parley"], peers))
    return "\n\n".join(sections)


def _ratios(own: Fanout, peers: Sequence[Fanout]) -> str:
    full = own.median("saturated")
    rows = []
    for peer in peers:
        theirs = peer.median("saturated")
        less, more = theirs.cpu_us / full.cpu_us, full.per_second / theirs.per_second
        verdict = met(less >= LESS_CPU_GOAL and more > MORE_DELIVERIES_GOAL)
        rows.append((peer.kind.title, f"{less:.1f}", f"{more:.1f}", f"{peer.socket_kib / own.socket_kib:.1f}", verdict))
    words = (
        f"Parley next to each. The goal: at least {LESS_CPU_GOAL:g} times less CPU a delivery than the best of them,"
        f" and more than {MORE_DELIVERIES_GOAL:g} times its deliveries.\n\n"
    )
    return words + table(("peer", "times less CPU", "times the deliveries", "times less memory", "met"), rows)


def _idle(found: Idle) -> str:
    rows = [
        ("sockets, with a subscription each", f"{found.sockets:,} of {found.people:,} users"),
        ("memory", f"{found.socket_kib:.1f} KiB a socket"),
        ("goal", f"at most {idle.GOAL_KIB:g} KiB, met: {met(found.socket_kib <= idle.GOAL_KIB)}"),
        ("CPU while nothing happens", f"{found.cores:.1%} of a core"),
    ]
    if found.sockets < idle.SOCKETS:
        rows.append(("left out", f"the system allows a process no more open files: {idle.SOCKETS:,} were wanted"))
    words = (
        "Two of each user; each has been sent one message. Every process looks for changes that no hint told of.\n\n"
    )
    return f"## Idle sockets\n\n{words}" + table(("what", "how much"), rows)


DELIVERY = (
    "From the commit, whose time PostgreSQL keeps and which is before its flush to disk, to the last byte of the frame"
    f" at the client. {delivery.PEOPLE} users with {delivery.SOCKETS_EACH} sockets each, messages of 200 bytes, by all"
    " users in turn; each socket must have had each message once. Across two processes, one writes and the other has"
    f" the sockets. {delivery.BY_REQUEST:,} a second are written by `addMessage`, one to a request and to a"
    f" transaction. {delivery.BY_ITSELF:,} a second are more requests than this machine can make, answer and deliver at"
    f" the same time. So the gateway that writes is told to, without requests, and adds {writing.TOGETHER} messages of"
    f" a user in a transaction: {delivery.BY_ITSELF // writing.TOGETHER:,} commits a second. They go a mutation's way,"
    " on a stamped connection of the runtime role, under row-level security and through every trigger, and the hub and"
    " the broker are told after the commit. `known` is the median time from the commit until the gateway that wrote"
    " knew of it, flushed and visible: before that nobody can deliver it. Where the machine could not write as many a"
    " second as wanted, it says how many it could, and measures at three quarters of that."
)


def _delivery(found: Sequence[Delivery]) -> str:
    rows = []
    for one in found:
        times = (f"{value:.1f}" for value in (one.latency.p50, one.latency.p90, one.latency.p99, one.latency.worst))
        cores = (f"{one.cores[name]:.2f}" for name in ("gateways", "PostgreSQL", "client"))
        most = "" if one.peak is None else f"{one.peak:,.0f}"
        known = "" if one.known is None else f"{one.known:.1f}"
        rows.append((one.way, one.writer, f"{one.wanted:,.0f}", most, f"{one.written:,.0f}", known, *times, *cores))
    head = (
        "processes",
        "written by",
        "wanted/s",
        "at most/s",
        "written/s",
        "known ms",
        "p50 ms",
        "p90 ms",
        "p99 ms",
        "worst ms",
        "gateway cores",
        "PostgreSQL cores",
        "client cores",
    )
    return f"## Delivery\n\n{DELIVERY}\n\n" + table(head, rows)


def _catch_up(found: CatchUp) -> str:
    good = met(found.alone < catch_up.GOAL_SECONDS)
    rows = [
        ("one client", f"{found.alone:.2f} s; goal: under {catch_up.GOAL_SECONDS:g} s, met: {good}"),
        (f"{catch_up.TOGETHER} clients at once, until the last has all", f"{found.together:.2f} s"),
        ("CPU", f"{found.cpu_us:.1f} us an event"),
    ]
    words = (
        f"{catch_up.MISSED:,} messages that were missed, with their content, from the subscription with an old cursor"
        f" to the last of them; the median of {catch_up.TIMES} times.\n\n"
    )
    return f"## Catching up\n\n{words}" + table(("what", "how long"), rows)


def _stalled(found: Stalled) -> str:
    rows = [
        (title, *(f"{value:.1f}" for value in (one.p50, one.p90, one.p99, one.worst)))
        for title, one in (("all read", found.without), (f"{stalled.STALLED} do not read", found.beside))
    ]
    words = (
        f"{stalled.SOCKETS} sockets of one user, {stalled.PER_SECOND} messages of 16 KiB a second,"
        f" {stalled.TIMES} times {stalled.SECONDS:g} s of each in turn. Milliseconds from commit to socket, of the"
        f" {stalled.SOCKETS - stalled.STALLED} that always read."
    )
    result = (
        f"p99 beside those that do not read: {found.ratio:.2f} times that without. Each of these took at most"
        f" {found.socket_kib:.0f} KiB of the gateway's memory more, and when they read again they had every"
        f" message in {found.recovered} of {stalled.STALLED * stalled.TIMES} cases."
    )
    return f"## Slow consumers\n\n{words}\n\n{table(('sockets', 'p50', 'p90', 'p99', 'worst'), rows)}\n\n{result}"

"""The runs with faults, short in tests and long on demand: each gives an account of what came of it."""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import psutil

from tests.faults.chance import SEED, dice
from tests.faults.clients.writer import Manners
from tests.faults.everything import changing, everything_at
from tests.faults.growth import author_at, growing
from tests.faults.history import Outcome, Verdict
from tests.faults.nemesis import Broker, Nemesis, PostgresConnections
from tests.faults.play import Cast, Play, played
from tests.faults.report.account import Account
from tests.faults.servers.nodes import Nodes
from tests.kit.network.line import Line


@dataclass(frozen=True, slots=True)
class Size:
    """How large a run is."""

    events: int
    """So many writes at least."""
    faults: int = 0
    """So many times, where a run does one thing again and again."""
    seconds: float = 600
    """After which it writes no more, whatever it was to do."""
    pause_seconds: float = 0
    """Between two writes of a writer."""
    seed: int = SEED
    progress: Callable[[str], None] = lambda line: None

    def enough(self, play: Play) -> Callable[[], bool]:
        """Whether so much was written, or the time is up."""
        return lambda: play.written >= self.events or play.seconds >= self.seconds

    async def play(self, nodes: Nodes, name: str, cast: Cast) -> Play:
        """A play of this size."""
        play = await played(nodes, name, cast, self.seed)
        play.progress = self.progress
        return play


async def under_every_fault(nodes: Nodes, size: Size, broker: Broker | None = None) -> Account:
    """Kill gateways and PostgreSQL, stop the broker, cut lines and sockets, and freeze processes, as chance has it."""
    manners = Manners(gives_up=0.2, pause_seconds=size.pause_seconds)
    play = await size.play(nodes, "under every fault", Cast(hops_after=100, manners=manners, patience_seconds=3))
    dices = dice("nemesis", size.seed), dice("cuts", size.seed)
    nemesis = Nemesis(nodes, broker or PostgresConnections(nodes), *dices, play.counts)
    author = await author_at(nodes, dice("author", size.seed), patience_seconds=3)
    everything = await everything_at(nodes, size.seed, patience_seconds=3)
    async with growing(nodes, [author]), changing(nodes, everything):
        await play.perform(nemesis.rage(size.enough(play)))
    play.counts["growing messages watched"] = len(author.watchers)
    play.counts["times of these that a watcher came back"] = sum(each.connections.count - 1 for each in author.watchers)
    play.figures["all nodes ready after the return of PostgreSQL, at most"] = f"{nemesis.longest_return:.1f} s"
    account = await play.judge()
    account.verdict += Verdict(divided=tuple(author.problems()))
    await everything.add_to(account, nodes)
    return account


async def without_hints(nodes: Nodes, size: Size) -> Account:
    """Follow at nodes that tell each other nothing."""
    cast = Cast(followers=12, hops_after=50, manners=Manners(pause_seconds=size.pause_seconds))
    play = await size.play(nodes, "without hints", cast)
    await play.perform(_nothing(), size.enough(play))
    return await play.judge()


async def cut_at_random(nodes: Nodes, size: Size) -> Account:
    """Cut sockets, mostly in the middle of a message."""
    play = await size.play(nodes, "cut at random", Cast(manners=Manners(pause_seconds=size.pause_seconds)))

    lines = [node.line for node in nodes.all]
    before = sum(line.cuts for line in lines)

    async def cut(line: Line, own: random.Random) -> None:
        while play.counts["cuts"] < size.faults and play.seconds < size.seconds:
            # Nothing may come to the one that is chosen.
            with suppress(TimeoutError):
                await asyncio.wait_for(line.cut_one(own), 0.5)
            play.counts["cuts"] = sum(line.cuts for line in lines) - before
            await asyncio.sleep(0.005)

    async def cut_all() -> None:
        await asyncio.gather(*(cut(line, dice(f"cuts {number}", size.seed)) for number, line in enumerate(lines)))

    await play.perform(cut_all(), size.enough(play))
    return await play.judge()


async def rolling_restart(nodes: Nodes, size: Size) -> Account:
    """Ask one node after the other to end, and start it again."""
    play = await size.play(nodes, "rolling restart", Cast(manners=Manners(pause_seconds=size.pause_seconds)))

    async def restart_all() -> None:
        for _ in range(size.faults):
            for node in nodes.all:
                assert await node.process.stop() == 0
                await node.process.start()
                play.counts["restarts"] += 1

    await play.perform(restart_all(), size.enough(play))
    return await play.judge()


async def database_killed(nodes: Nodes, size: Size) -> Account:
    """Kill PostgreSQL again and again while it is written to."""
    manners = Manners(gives_up=0.05, pause_seconds=size.pause_seconds)
    play = await size.play(nodes, "PostgreSQL killed", Cast(followers=9, manners=manners))
    returns: list[float] = []

    async def kill_all() -> None:
        own = dice("kills", size.seed)
        while len(returns) < size.faults and play.seconds < size.seconds:
            await play.until_written(play.written + own.randrange(20, 200))
            returns.append(await nodes.kill_database())
            play.counts["kills"] += 1

    await play.perform(kill_all(), size.enough(play))
    play.figures["all nodes ready after its return, at most"] = f"{max(returns):.1f} s"
    return await play.judge()


async def some_stall(nodes: Nodes, size: Size, *, sockets: int, stalled: int) -> Account:
    """Let some sockets at a node read nothing until the others have read everything."""
    # More in all than the kernel takes on behalf of one who does not read.
    manners = Manners(pause_seconds=size.pause_seconds, padding=40_000)
    cast = Cast(users=1, followers=sockets, stalled=stalled, manners=manners, patience_seconds=60)
    play = await size.play(nodes, "some sockets stall", cast)
    process = psutil.Process(nodes.all[0].process.process_id)
    idle = most = process.memory_info().rss
    for follower in play.followers:
        follower.url = lambda: nodes.all[0].process.url

    async def stall() -> None:
        nonlocal most
        reading = [follower for follower in play.followers if follower.reads is None]
        goal = math.inf
        while any(len(follower.seen) < goal for follower in reading if follower.conversation is None):
            if goal == math.inf and size.enough(play)():
                goal = sum(write.outcome is Outcome.ACKNOWLEDGED for writer in play.writers for write in writer.writes)
            await asyncio.sleep(0.1)
            most = max(most, process.memory_info().rss)
        for follower in play.followers:
            if follower.reads is not None:
                follower.reads.set()

    await play.perform(stall())
    play.figures["resident memory of the gateway, before and at most"] = f"{idle >> 20} MiB, {most >> 20} MiB"
    return await play.judge()


async def _nothing() -> None:
    """No harm."""

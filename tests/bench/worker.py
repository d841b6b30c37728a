"""One worker: how near to the ideal it comes, what CPU and memory it needs, and what AWS charges besides the model.

Calls are answered by the model host in a process of its own; the worker runs in a fresh interpreter, with the chunk on
disk. Its answers are JSON, which it holds to a schema and looks through for personal data and keys. Its CPU is held
against boto3 in threads that does the same in the same run, with jsonschema and `re`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from batchwright.contract import Contract, contract_from_json
from batchwright.steps.plan import World, plan
from tests.bench import plumbing
from tests.bench.admission import add_row, write_job
from tests.bench.clients.errand import NO_LIMIT, Errand, Report
from tests.bench.clients.one_worker import JOB
from tests.bench.clients.ours import lines
from tests.bench.clients.triage import FILTERS, triage_of
from tests.bench.crew import Client, send
from tests.bench.disk import DiskObjects
from tests.bench.figure import Figure, at_least, at_most, untargeted
from tests.emulator.host.running import RunningHost, running
from tests.emulator.surroundings import CREDENTIALS
from tests.fakes import MODEL, GrantedAccount, ListedEvents, MemoryJobs, StoppedClock
from tests.laptop import jsonl

INPUT = "inbox/file.jsonl"
OURS = Client(name="batchwright", program="one_worker", ours=True)
BARE = Client(name="aiohttp", program="bare")
BOTO3 = Client(name="boto3", program="boto3_worker")
PATIENCE = 300.0


@dataclass(frozen=True, kw_only=True)
class Load:
    """Records, asked so many at once, each answered after so many seconds."""

    name: str
    records: int
    latency: float
    in_flight: int

    @property
    def ideal(self) -> float:
        """The seconds it takes where nothing but the answers takes time."""
        return self.records * self.latency / self.in_flight


SHORT = Load(name="half_a_second", records=2_000, latency=0.5, in_flight=64)
WIDE = Load(name="thousand_in_flight", records=10_000, latency=3.0, in_flight=1_000)
AT_ONCE = Load(name="at_once", records=4_000, latency=0.0, in_flight=128)


def figures() -> Iterator[Figure]:
    with running("echo") as host:
        yield time_of(SHORT, run(SHORT, OURS, host))
        wide = run(WIDE, OURS, host)
        yield time_of(WIDE, wide)
        yield at_most("worker.thousand_in_flight.peak", round(wide["resident"], 1), 150, "MB")
        # A thousand calls that begin at once wait for each other at the host: that is not the worker's.
        bare = run(WIDE, BARE, host)
        of_host = round((bare["p99"] - WIDE.latency) * 1000)
        yield untargeted("worker.thousand_in_flight.aiohttp_p99", of_host, "ms, of aiohttp alone")
        added = round((wide["p99"] - bare["p99"]) * 1000)
        yield at_most("worker.thousand_in_flight.added_p99", added, 250, "ms to aiohttp's alone")
        yield from cpu(host)
        yield from plumbing.figures(host)


def time_of(load: Load, report: Report) -> Figure:
    ratio = round(report["seconds"] / load.ideal, 3)
    return at_most(f"worker.{load.name}.time", ratio, 1.05, f"of the ideal {load.ideal:.1f} s")


def cpu(host: RunningHost) -> Iterator[Figure]:
    """Hold the CPU of a record, read, asked, filtered, digested and written, against that of boto3 in threads."""
    ours, theirs = (
        report["answered"] / report["cpu"]
        for report in (run(AT_ONCE, OURS, host), run(AT_ONCE, BOTO3, host))
    )
    unit = "records a CPU-second"
    yield untargeted("worker.at_once.boto3", round(theirs), unit)
    yield untargeted("worker.at_once.batchwright", round(ours), unit)
    yield at_least("worker.at_once.to_boto3", round(ours / theirs, 2), 4, "times boto3's")


def run(load: Load, client: Client, host: RunningHost) -> Report:
    host.reset()
    host.behave(latency_ms=load.latency * 1000)
    with TemporaryDirectory() as folder:
        errand = Errand(
            model=MODEL,
            prompts=load.records,
            in_flight=load.in_flight,
            max_tokens=64,
            rpm=NO_LIMIT,
            folder=folder,
        )
        lay_out(errand)
        environment = {**CREDENTIALS, "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": host.url}
        (report,) = send(client, [errand], environment, begin=lambda: None, patience=PATIENCE)
    assert report is not None, f"{client.name} was not done within {PATIENCE} s"
    assert report["answered"] == load.records
    return report


def lay_out(errand: Errand) -> None:
    """Write a file, the job that is to be run, and its plan of one chunk."""
    folder = Path(errand.folder)
    objects, jobs = DiskObjects(folder), MemoryJobs()
    content = jsonl(lines(errand, map(triage_of, range(errand.prompts))))
    (folder / "input.jsonl").write_bytes(content)
    objects.write(INPUT, content)
    now = datetime.now(UTC)
    add_row(jobs, JOB, at=now)
    write_job(objects, JOB, objects.pin(INPUT), contract_of(errand), model=MODEL, at=now)
    world = World(
        objects=objects,
        jobs=jobs,
        events=ListedEvents(),
        clock=StoppedClock(now),
        account=GrantedAccount(),
    )
    answer = plan(
        JOB,
        world,
        chunk_records=errand.prompts,
        max_concurrency=1,
        in_flight=8,
        time_left=lambda: 900.0,
    )
    assert answer["state"] == "done", answer


def contract_of(errand: Errand) -> Contract:
    """Return a contract with filters, and a limit that nobody reaches."""
    route = {"model": errand.model, "rpm": errand.rpm}
    return contract_from_json({"name": "bench", "routes": [route], "filters": FILTERS})

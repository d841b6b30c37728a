"""What a job asks of AWS besides the model, and what that costs at list price.

Requests are counted on the wire, Lambda's seconds are those that the steps took, Step Functions' transitions those of
the states that a job and its chunks go through where nothing goes wrong. Left out are what S3 and DynamoDB ask of KMS,
logs, what Step Functions writes of the map, and what waits for jobs: the poll of the queue and the sweeper.

On a busy machine answers come late, and more is asked for while they are waited for.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tests.bench.clients.errand import NO_LIMIT, STATE_TABLE, Errand, Report
from tests.bench.clients.wire import CHUNKS
from tests.bench.crew import Client, send
from tests.bench.figure import Figure, at_most, untargeted
from tests.bench.ministack import ministack
from tests.emulator.host.running import RunningHost
from tests.emulator.surroundings import of_a_client
from tests.fakes import MODEL
from tests.house import cloudformation

JOB = Client(name="batchwright", program="whole_job", ours=True)
SMALL, LARGE = 5_000, 20_000
# The more wait in one worker, the less of its time is paid for; 900 is the most that the template takes.
IN_FLIGHT = 200, 900
LATENCY = 3.0
PATIENCE = 600.0
MILLION = 1e6
# As the template has it.
ADMIT_MEMORY = 512
# Dollars for one, in us-east-1: aws.amazon.com/s3/pricing (Standard), aws.amazon.com/dynamodb/pricing/on-demand (one
# unit a request: our items are small), aws.amazon.com/eventbridge/pricing (events of one's own),
# aws.amazon.com/kms/pricing (keys that are not RSA 2048).
PRICES = {
    r"s3\.(Put|Create|Upload|Complete|Copy|List).*": 0.005 / 1000,
    r"s3\.(Get|Head).*": 0.0004 / 1000,
    r"s3\.(Abort|Delete).*": 0.0,
    r"dynamodb\.(Put|Update|Delete)Item": 0.625 / MILLION,
    r"dynamodb\.(GetItem|Query)": 0.125 / MILLION,
    r"dynamodb\.TransactWriteItems": 3
    * 2
    * 0.625
    / MILLION,  # three items, each at twice a write's price
    r"eventbridge\.PutEvents": 1.0 / MILLION,
    r"(service-quotas\.ListServiceQuotas|sfn\.StartExecution)": 0.0,
    r"kms\.(GetPublicKey|Sign)": 0.15 / 10_000,
}
# aws.amazon.com/step-functions/pricing and aws.amazon.com/lambda/pricing (Arm).
TRANSITION = 0.025 / 1000
GIGABYTE_SECOND = 0.0000133334
INVOCATION = 0.20 / MILLION
# What a job goes through, and each of its chunks that one worker settles; that a child is started counts as one, too
# (docs.aws.amazon.com/step-functions/latest/dg/concepts-transitions.html).
WAY_OF_A_JOB = (
    "Named?",
    "Begin",
    "Only close?",
    "Plan",
    "Planned?",
    "Lane?",
    "Run chunks",
    "Another round?",
    "Close",
    "Closed?",
    "Job closed",
)
WAY_OF_A_CHUNK = ("Invoke", "Chunk settled?", "Chunk done")
TRANSITIONS_OF_A_JOB = len(WAY_OF_A_JOB)
TRANSITIONS_OF_A_CHUNK = 1 + len(WAY_OF_A_CHUNK)
# Admit, plan, close.
INVOCATIONS_OF_A_JOB = 3


@dataclass(frozen=True, kw_only=True)
class Bill:
    """What a job asked for."""

    records: int
    report: Report

    @property
    def requests(self) -> Report:
        """By step, service and operation."""
        return {name: count for name, count in self.report.items() if ":" in name}

    @property
    def governors(self) -> float:
        """The requests of the governor: what workers tell each other of models."""
        return sum(
            count
            for name, count in self.requests.items()
            if name.startswith(f"invoke.{STATE_TABLE}:")
        )

    @property
    def asked(self) -> float:
        """All others."""
        return sum(self.requests.values()) - self.governors

    @property
    def asked_by_chunks(self) -> float:
        """Those of them that are for one chunk, by its worker or for its log."""
        of_chunks = ("invoke:", f"invoke.{CHUNKS}:", f"close.{CHUNKS}:")
        counts = (count for name, count in self.requests.items() if name.startswith(of_chunks))
        return sum(counts)

    @property
    def each(self) -> float:
        """Requests a record, besides the governor's."""
        return round(self.asked / self.records, 4)

    @property
    def price(self) -> float:
        """Dollars for a million records."""
        return round(cost(self.report, self.requests) / self.records * MILLION, 3)


def figures(host: RunningHost) -> Iterator[Figure]:
    small, large = run(SMALL, host), run(LARGE, host)
    for bill in (small, large):
        unit = f"requests in a job of {bill.records} records"
        for name, count in sorted(bill.requests.items()):
            told = f"worker.plumbing.{bill.records}.{name.replace(':', '.')}"
            yield untargeted(told, count, unit)
        yield from parts(bill)
    for in_flight in IN_FLIGHT:
        bill, name = run(SMALL, host, in_flight), f"worker.plumbing.in_flight.{in_flight}"
        unit = f"in a job of {SMALL} records, {in_flight} in flight"
        yield untargeted(f"{name}.requests", bill.each, f"requests a record {unit}")
        yield untargeted(f"{name}.price", bill.price, f"dollars a million records {unit}")
    unit = f"in a job of {SMALL} records"
    yield at_most("worker.plumbing.small.requests", small.each, 0.02, f"requests a record {unit}")
    yield untargeted(
        "worker.plumbing.small.price", small.price, f"dollars a million records {unit}"
    )
    yield untargeted("worker.plumbing.governor", large.governors / LARGE, "requests a record")
    told = "requests to AWS a record, besides the governor's"
    yield at_most("worker.plumbing.requests", large.each, 0.02, told)
    yield at_most("worker.plumbing.price", large.price, 0.60, "dollars a million records")


def parts(bill: Bill) -> Iterator[Figure]:
    """Tell apart what a chunk asks for, and what a job asks for once, however large it is."""
    chunks = bill.report["chunks"]
    told = f"in a job of {bill.records} records"
    name = f"worker.plumbing.{bill.records}"
    yield untargeted(f"{name}.chunk", bill.asked_by_chunks / chunks, f"requests a chunk {told}")
    yield untargeted(f"{name}.job", bill.asked - bill.asked_by_chunks, f"requests once {told}")
    yield untargeted(
        f"{name}.seconds", bill.report["invoke_seconds"] / chunks, f"seconds a chunk {told}"
    )


def run(records: int, host: RunningHost, in_flight: int | None = None) -> Bill:
    """Run a job, with so many calls in flight in each of its workers, or as many as is the default."""
    host.reset()
    host.behave(latency_ms=LATENCY * 1000)
    in_flight = in_flight or int(default_of("InFlight"))
    errand = Errand(model=MODEL, prompts=records, in_flight=in_flight, max_tokens=64, rpm=NO_LIMIT)
    with ministack(host.url) as url:
        environment = of_a_client(ministack=url, host=host.url)
        (report,) = send(JOB, [errand], environment, begin=lambda: None, patience=PATIENCE)
    assert report is not None, f"the job was not done within {PATIENCE} s"
    return Bill(records=records, report=report)


def cost(report: Report, requests: Report) -> float:
    """Return what the job costs, in dollars; a request that has no price here is a fault."""
    asked = sum(count * price_of(name.partition(":")[2]) for name, count in requests.items())
    transitions = TRANSITIONS_OF_A_JOB + report["chunks"] * TRANSITIONS_OF_A_CHUNK
    invocations = INVOCATIONS_OF_A_JOB + report["chunks"]
    megabyte_seconds = (
        report["admit_seconds"] * ADMIT_MEMORY
        + report["step_seconds"] * float(default_of("StepMemory"))
        + report["invoke_seconds"] * float(default_of("InvokeMemory"))
    )
    return (
        asked
        + megabyte_seconds / 1024 * GIGABYTE_SECOND
        + transitions * TRANSITION
        + invocations * INVOCATION
    )


def price_of(request: str) -> float:
    """Return what one request costs.

    >>> price_of("s3.GetObject") * 1000
    0.0004
    """
    (price,) = [price for kind, price in PRICES.items() if re.fullmatch(kind, request)]
    return price


def default_of(parameter: str) -> str:
    """Return what the template deploys where nobody says otherwise."""
    return str(cloudformation.read()["Parameters"][parameter]["Default"])

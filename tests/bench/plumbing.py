"""What a job asks of AWS besides the model, and what that costs at list price.

Requests are counted on the wire, Lambda's seconds are those that the steps took, Step Functions' transitions those of
chunks that one worker settles. Left out are what S3 and DynamoDB ask of KMS, logs, and what starts a job: an event, a
message, an execution.
"""

import re
from collections.abc import Iterator

from tests.bench.clients.errand import NO_LIMIT, Errand, Report
from tests.bench.crew import Client, send
from tests.bench.figure import Figure, at_most, untargeted
from tests.bench.ministack import ministack
from tests.emulator.host.running import RunningHost
from tests.emulator.surroundings import of_a_client
from tests.fakes import MODEL
from tests.house import cloudformation

JOB = Client(name="batchwright", program="whole_job", ours=True)
# Twenty chunks: a job of one chunk asks for some 35 things that a larger one asks for once, too.
RECORDS = 20_000
LATENCY = 3.0
PATIENCE = 600.0
MILLION = 1e6
# Nothing else is updated in a job without a budget.
GOVERNOR = "invoke:dynamodb.UpdateItem"
# Dollars for one, in us-east-1: aws.amazon.com/s3/pricing (Standard), aws.amazon.com/dynamodb/pricing/on-demand (one
# unit a request: our items are small), aws.amazon.com/eventbridge/pricing (events of one's own),
# aws.amazon.com/kms/pricing (keys that are not RSA 2048).
PRICES = {
    r"s3\.(Put|Create|Upload|Complete|Copy|List).*": 0.005 / 1000,
    r"s3\.(Get|Head).*": 0.0004 / 1000,
    r"s3\.(Abort|Delete).*": 0.0,
    r"dynamodb\.(Put|Update|Delete)Item": 0.625 / MILLION,
    r"dynamodb\.(GetItem|Query)": 0.125 / MILLION,
    r"dynamodb\.TransactWriteItems": 2 * 0.625 / MILLION,
    r"eventbridge\.PutEvents": 1.0 / MILLION,
    r"service-quotas\.ListServiceQuotas": 0.0,
    r"kms\.(GetPublicKey|Sign)": 0.15 / 10_000,
}
# aws.amazon.com/step-functions/pricing and aws.amazon.com/lambda/pricing (Arm).
TRANSITION = 0.025 / 1000
GIGABYTE_SECOND = 0.0000133334
INVOCATION = 0.20 / MILLION
# Invoke, Chunk settled?, Chunk done; and once a job Begin, Only close?, Plan, Planned?, Run chunks, Another round?,
# Close, Closed?, Job closed.
TRANSITIONS_OF_A_CHUNK, TRANSITIONS_OF_A_JOB = 3, 9


def figures(host: RunningHost) -> Iterator[Figure]:
    host.reset()
    host.behave(latency_ms=LATENCY * 1000)
    in_flight = int(default_of("InFlight"))
    errand = Errand(
        model=MODEL, first=0, count=RECORDS, in_flight=in_flight, max_tokens=64, rpm=NO_LIMIT
    )
    with ministack(host.url) as url:
        environment = of_a_client(ministack=url, host=host.url)
        (report,) = send(JOB, [errand], environment, begin=lambda: None, patience=PATIENCE)
    assert report is not None, f"the job was not done within {PATIENCE} s"
    requests = {name: count for name, count in report.items() if ":" in name}
    for name, count in sorted(requests.items()):
        unit = f"requests in a job of {RECORDS} records"
        yield untargeted(f"worker.plumbing.{name.replace(':', '.')}", count, unit)
    governors = requests.get(GOVERNOR, 0)
    yield untargeted("worker.plumbing.governor", governors / RECORDS, "writes a record")
    each = round((sum(requests.values()) - governors) / RECORDS, 4)
    chunk = sum(count for name, count in requests.items() if name.startswith("invoke:"))
    yield untargeted(
        "worker.plumbing.chunk",
        (chunk - governors) / report["chunks"],
        "requests by a chunk's worker",
    )
    yield at_most(
        "worker.plumbing.requests", each, 0.02, "requests to AWS a record, besides the governor's"
    )
    dollars = round(cost(report, requests) / RECORDS * MILLION, 3)
    yield at_most("worker.plumbing.price", dollars, 0.60, "dollars a million records")


def cost(report: Report, requests: Report) -> float:
    """Return what the job costs, in dollars; a request that has no price here is a fault."""
    asked = sum(count * price_of(name.partition(":")[2]) for name, count in requests.items())
    workers = report["invoke_seconds"] * float(default_of("InvokeMemory"))
    steps = report["step_seconds"] * float(default_of("StepMemory"))
    transitions = TRANSITIONS_OF_A_JOB + report["chunks"] * TRANSITIONS_OF_A_CHUNK
    invocations = report["chunks"] + 2
    return (
        asked
        + (workers + steps) / 1024 * GIGABYTE_SECOND
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

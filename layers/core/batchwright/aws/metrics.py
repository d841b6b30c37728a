"""What the functions did, as CloudWatch metrics in embedded metric format; numbers only."""

import re
from collections import Counter
from typing import TYPE_CHECKING

from aws_lambda_powertools import Metrics, single_metric
from aws_lambda_powertools.metrics import MetricUnit

from batchwright.finding import Stage, Verdict
from batchwright.outcome import Ending, Tally

if TYPE_CHECKING:  # what they bring along is needed by their own functions only
    from batchwright.steps.sweep import Swept
    from batchwright.workplace import Report

# An embedded metric holds at most 100 values (docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/
# CloudWatch_Embedded_Metric_Format_Specification.html).
MOST_VALUES = 100

# Each kind of finding is a metric of its own, and is paid for. The kinds of our filters are few; those that contracts
# invent (rules, recognisers) are not, so a worker tells the most frequent by name.
MOST_KINDS = 40
OTHER = "other"
KIND = re.compile(r"[a-z][a-z0-9_-]{0,63}")

NAMESPACE = "Batchwright"
# The dimension "service" is the stack, from POWERTOOLS_SERVICE_NAME: alarms of two stacks must not look at one metric.
metrics = Metrics(namespace=NAMESPACE)


def measure(report: "Report") -> None:
    """Add a worker's report to the metrics of this invocation."""
    tally = report.tally
    _measure_records(tally)
    metrics.add_metric("Calls", MetricUnit.Count, tally.calls)
    metrics.add_metric("AmbiguousCalls", MetricUnit.Count, tally.ambiguous_calls)
    metrics.add_metric("CachedRecords", MetricUnit.Count, tally.cached)
    metrics.add_metric("CacheFaults", MetricUnit.Count, report.cache_faults)
    metrics.add_metric("InputTokens", MetricUnit.Count, tally.usage.input_tokens)
    metrics.add_metric("OutputTokens", MetricUnit.Count, tally.usage.output_tokens)
    if tally.cost_usd is not None:
        metrics.add_metric("CostUSD", MetricUnit.NoUnit, tally.cost_usd)
    for verdict in Verdict:
        metrics.add_metric(
            f"Verdicts{verdict.value.title()}", MetricUnit.Count, report.verdicts[verdict]
        )
    _measure_findings(report.findings)
    metrics.add_metric("ChunkDuration", MetricUnit.Seconds, report.seconds)
    step = len(report.latencies_ms) // MOST_VALUES + 1
    for latency in report.latencies_ms[::step]:
        metrics.add_metric("ModelLatency", MetricUnit.Milliseconds, latency)


def measure_close(status: str | None, late: Tally | None) -> None:
    """Add a job's end, and the records that only its close settled.

    A job that was closed before is not counted, nor one that is still closing: it has no ``status`` yet.
    """
    if status is not None:
        metrics.add_metric(f"Jobs{status.title()}", MetricUnit.Count, 0 if late is None else 1)
    if late is not None:
        _measure_records(late)


def measure_uncopied(count: int) -> None:
    """Add how many buckets did not take a checkpoint, zeros too."""
    metrics.add_metric("CheckpointsUncopied", MetricUnit.Count, count)


def measure_unsigned(count: int) -> None:
    """Add how many checkpoints were not signed, since the ledger was not as it was signed before; zeros too."""
    metrics.add_metric("CheckpointsUnsigned", MetricUnit.Count, count)


def measure_sweep(swept: "Swept") -> None:
    """Add what a sweep saw, zeros too: an alarm without values would know nothing."""
    for name, count in swept.counts().items():
        metrics.add_metric(f"Jobs{name.title()}", MetricUnit.Count, count)


def _measure_records(tally: Tally) -> None:
    for ending in Ending:
        metrics.add_metric(f"Records{ending.value.title()}", MetricUnit.Count, tally.counts[ending])


def _measure_findings(findings: Counter[tuple[Stage, str, str]]) -> None:
    """Tell what filters found, by stage, filter and kind, in lines of their own: a line has one set of dimensions."""
    told: Counter[tuple[Stage, str, str]] = Counter()
    for (stage, name, kind), count in findings.most_common():
        known = len(told) < MOST_KINDS and KIND.fullmatch(kind)
        told[stage, name, kind if known else OTHER] += count
    for (stage, name, kind), count in told.items():
        dimensions = {"stage": stage.value, "filter": name, "kind": kind}
        with single_metric(
            "Findings",
            MetricUnit.Count,
            count,
            namespace=NAMESPACE,
            default_dimensions=dimensions,
        ):
            pass

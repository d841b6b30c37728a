"""Everything that can go wrong, as one small tree.

    BatchwrightError
    ├── AskAgain               the model's service could not answer now
    │   ├── Throttled          its limit was reached
    │   ├── Unavailable        it is down or overloaded; AWS behind us, too
    │   ├── ServiceFault       it failed on this request, as far as anybody knows
    │   └── TimedOut           no answer came, maybe one was billed
    ├── RecordEnds             asking again would not help this record
    │   ├── RecordInvalid      the line is at fault
    │   ├── SchemaViolation    the answer does not fit the schema
    │   ├── ContentFiltered    the model's service withheld the answer
    │   ├── ContextOverflow    the prompt is longer than the model can read
    │   ├── MalformedCompletion  the answer is no answer
    │   ├── Truncated          the answer was cut at max_tokens
    │   ├── Withheld           the contract's filters let nothing of it out
    │   ├── NotAnswered        its lane left it without an answer
    │   └── WorkerKilled       workers died at it
    ├── JobStops               nobody's record would fare better
    │   ├── AccessDenied
    │   │   └── KeyDenied      not the object: the key that it is encrypted under
    │   ├── ModelUnknown
    │   ├── BudgetExceeded
    │   └── FilterBroken       a filter's service is not there, or fails every time
    ├── Refused                the file, the message or the contract may not run
    │   └── ContractInvalid
    ├── Missing                an object or a row that was named is not there
    │   └── UploadGone         an upload that was paused is there no longer: write it again
    ├── AlreadyExists          somebody wrote it first
    ├── LogBroken              a chunk log does not add up: stop and look
    └── Unforeseen             anything else, told without its words; it ends one record, or the step

``code`` is what outcomes, problems and events carry. No error holds text of a record, a prompt or a completion.
"""

import traceback
from pathlib import Path

from batchwright.finding import Stage, Verdict

# Errors name what was named from outside, and no more of it: a name may be as long as its file.
LONGEST_NAME_SHOWN = 64


class BatchwrightError(Exception):
    """Any failure that Batchwright tells by name."""

    code = "error"


class AskAgain(BatchwrightError):
    """The same request may well be answered later."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        """``retry_after`` is in seconds, where the service named it."""
        super().__init__(message)
        self.retry_after = retry_after


class Throttled(AskAgain):
    """The model's limit of requests or tokens a minute was reached."""

    code = "throttled"


class Unavailable(AskAgain):
    """The service is down or overloaded."""

    code = "unavailable"


class ServiceFault(AskAgain):
    """The service failed while it answered: its own fault, or something about this request."""

    code = "service_fault"


class TimedOut(AskAgain):
    """The call was sent and no whole answer came back: it may have been billed."""

    code = "timed_out"


class RecordEnds(BatchwrightError):
    """This record has its outcome; the others go on."""


class RecordInvalid(RecordEnds):
    """A line of the input cannot be asked."""

    def __init__(
        self, code: str, message: str, *, param: str | None = None, record_id: str | None = None
    ) -> None:
        """``code`` is one of Azure's and OpenAI's validation codes, ``param`` the field at fault."""
        super().__init__(message)
        self.code = code
        self.param = param
        self.record_id = record_id


class SchemaViolation(RecordEnds):
    """The answer does not fit the schema that was asked for."""

    code = "schema_violation"

    def __init__(self, message: str, *, complaint: str, kind: str) -> None:
        """``complaint`` is for the model alone: it may quote the answer. ``kind`` is that of the finding."""
        super().__init__(message)
        self.complaint = complaint
        self.kind = kind


class ContentFiltered(RecordEnds):
    """The model's service withheld the answer."""

    code = "content_filtered"


class ContextOverflow(RecordEnds):
    """The prompt is longer than the model's context."""

    code = "context_overflow"


class MalformedCompletion(RecordEnds):
    """The service said 200 and sent something that is not an answer."""

    code = "malformed_completion"


class Truncated(RecordEnds):
    """The answer was cut at ``max_tokens``."""

    code = "truncated"


class Withheld(RecordEnds):
    """The contract's filters block the record, or hold it for somebody to look at."""

    def __init__(self, message: str, *, verdict: Verdict, stage: Stage) -> None:
        """``stage`` is what was looked at."""
        super().__init__(message)
        self.code = "held_for_review" if verdict is Verdict.REVIEW else "blocked"
        self.verdict = verdict
        self.stage = stage


class NotAnswered(RecordEnds):
    """A batch or an endpoint came to its end without a word about this record."""

    def __init__(self, message: str, *, expired: bool) -> None:
        """``expired`` is whether the time was over that the service gives itself."""
        super().__init__(message)
        self.code = "batch_expired" if expired else "not_answered"


class WorkerKilled(RecordEnds):
    """Every worker that worked on this record alone has died."""

    code = "worker_killed"


class JobStops(BatchwrightError):
    """No record of this job would fare better: stop asking."""


class AccessDenied(JobStops):
    """AWS refuses the call: a permission or model access is missing."""

    code = "access_denied"


class KeyDenied(AccessDenied):
    """An object may be read, and the key that it is encrypted under may not be used."""

    def __init__(self, message: str, *, key: str) -> None:
        """``key`` is its ARN."""
        super().__init__(message)
        self.key = key


class ModelUnknown(JobStops):
    """The model is not there to be asked."""

    code = "model_not_found"


class BudgetExceeded(JobStops):
    """The money that the contract allows is spent or reserved."""

    code = "budget:usd"


class FilterBroken(JobStops):
    """What a filter asks is not there, does not take the contract's settings, or fails every time."""

    code = "filter_broken"


class Refused(BatchwrightError):
    """A file, a message or a contract that may not run, said before any call."""

    def __init__(self, code: str, message: str, *, line: int | None = None) -> None:
        """``line`` is counted from 1."""
        super().__init__(message)
        self.code = code
        self.line = line


class ContractInvalid(Refused):
    """The contract does not read; the message names the path and the fix."""

    def __init__(self, message: str) -> None:
        """Fix the code: it is always the contract."""
        super().__init__("contract_invalid", message)


class Missing(BatchwrightError):
    """What was named is not there."""

    code = "missing"


class UploadGone(Missing):
    """An upload that was paused was finished since, or swept away: what it held must be written again."""


class AlreadyExists(BatchwrightError):
    """A conditional write found that somebody was first."""

    code = "already_exists"


class LogBroken(BatchwrightError):
    """A segment is torn, foreign, or settles a record twice."""

    code = "log_broken"


class Unforeseen(BatchwrightError):
    """An exception nobody planned for, told by class and place and never by its words."""

    code = "unforeseen"

    @classmethod
    def told(cls, fault: BaseException) -> "Unforeseen":
        """Tell an exception by its class and its place in the code: its words may quote a record."""
        frames = traceback.extract_tb(fault.__traceback__)
        place = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "?"
        return cls(f"{type(fault).__name__} at {place}")

"""Where things are kept in the bucket. Names from outside never become keys: jobs are digests, the rest is counted."""

INBOX = "inbox/"
UPLOADS = "uploads/"
CONTRACTS = "contracts/"
JOBS = "jobs/"
RESULTS = "results/"
CACHE = "cache/"
QUARANTINE = "quarantine/"
LEDGER = "ledger/"
CHECKPOINTS = f"{LEDGER}checkpoints/"
ENDPOINTS = "endpoints/"
ENDPOINT_OUTPUT = f"{ENDPOINTS}output/"
ENDPOINT_FAILURE = f"{ENDPOINTS}failure/"
ENDPOINT_FILES = (f"{ENDPOINTS}input/", ENDPOINT_OUTPUT, ENDPOINT_FAILURE)
PUBLIC_KEY = "ledger/public-key.txt"


def file_name(key: str) -> str:
    """Return what a file is called, without the folders before it.

    >>> file_name("inbox/summaries/handbook.md")
    'handbook.md'
    """
    return key.rpartition("/")[2]


def contract_key(name: str) -> str:
    """Where a contract lies."""
    return f"{CONTRACTS}{name}.yaml"


def job_key(job_id: str) -> str:
    """Where a job lies as it was admitted."""
    return f"{JOBS}{job_id}/job.json"


def endpoint_input_key(job_id: str, name: str) -> str:
    """Where what an endpoint is asked lies, if it is too large to be sent along."""
    return f"{ENDPOINTS}input/{job_id}/{name}.json"


def inline_key(job_id: str) -> str:
    """Where records that came in a message are put."""
    return f"{JOBS}{job_id}/input.jsonl"


def unfolded_key(job_id: str) -> str:
    """Where an input that is no plain run of lines is put as one."""
    return f"{JOBS}{job_id}/unfolded"


def plan_key(job_id: str, redrive: int = 0) -> str:
    """Where the chunks are listed; those of a redrive are the ones in which records are asked again."""
    return f"{_work(job_id, redrive)}plan.jsonl"


def submissions_key(job_id: str, redrive: int = 0) -> str:
    """Where the submissions of an asynchronous lane are listed, which stand for the chunks of the plan."""
    return f"{_work(job_id, redrive)}submissions.jsonl"


def batches_prefix(job_id: str, redrive: int = 0) -> str:
    """Where the submissions of a run have their folders."""
    return f"{_work(job_id, redrive)}batches/"


def batch_prefix(job_id: str, number: int, redrive: int = 0) -> str:
    """Where a submission's file lies, and what comes of it."""
    return f"{batches_prefix(job_id, redrive)}{number:06d}/"


def looked_key(job_id: str, number: int, chunk: int, redrive: int = 0) -> str:
    """Where it lies what services found in the requests of one chunk of a submission."""
    return f"{batch_prefix(job_id, number, redrive)}looked/{chunk:06d}.jsonl"


def lane_key(job_id: str, redrive: int = 0) -> str:
    """Where it lies which way the job's models are asked, and why."""
    return f"{_work(job_id, redrive)}lane.json"


def planned_key(job_id: str) -> str:
    """Where a job lies as it was planned, with what its models may be asked in a minute."""
    return f"{JOBS}{job_id}/planned.json"


def problems_key(job_id: str) -> str:
    """Where the lines that may not run are listed."""
    return f"{JOBS}{job_id}/problems.jsonl"


def checkpoint_key(job_id: str, step: str, redrive: int = 0) -> str:
    """Where a step that did not finish in one run keeps how far it came."""
    return f"{_work(job_id, redrive)}work/{step}.json"


def ids_key(job_id: str, number: int) -> str:
    """Where fingerprints of ids are put away while a job is planned."""
    return f"{JOBS}{job_id}/work/ids/{number:06d}"


def joined_key(job_id: str, number: int) -> str:
    """Where the records lie that join the answers of the round before."""
    return f"{JOBS}{job_id}/rounds/{number:02d}.jsonl"


def round_plan_key(job_id: str, number: int) -> str:
    """Where the chunks of one such round are listed; the plan lists those of all."""
    return f"{JOBS}{job_id}/rounds/{number:02d}.plan.jsonl"


def chunk_prefix(job_id: str, chunk: int, redrive: int = 0) -> str:
    """Where a chunk's log lies; every redrive has logs of its own."""
    return f"{_work(job_id, redrive)}chunks/{chunk:06d}/"


def result_key(job_id: str, name: str, redrive: int = 0) -> str:
    """Where one of the result files lies; those of a redrive leave the earlier ones as they are."""
    return f"{RESULTS}{job_id}/{_redrive(redrive)}{name}"


def tree_key(job_id: str, level: int, redrive: int = 0) -> str:
    """Where one level of a job's tree lies: hashes of 32 bytes, one after the other."""
    return result_key(job_id, f"tree/{level}", redrive)


def answer_key(request_digest: str) -> str:
    """Where the answer to a request is kept for the next who asks the same."""
    return f"{CACHE}{request_digest[:2]}/{request_digest}"


def signed_checkpoint_key(size: int) -> str:
    """Where the signed checkpoint lies that tells the ledger's root when it had so many entries."""
    return f"{CHECKPOINTS}{size:012d}"


def held_key(job_id: str, index: int, held: str) -> str:
    """Where what was withheld of a record lies; ``held`` is the digest of the object, which its outcome tells."""
    return f"{QUARANTINE}{job_id}/{index:09d}-{held[:16]}.json"


def _work(job_id: str, redrive: int) -> str:
    return f"{JOBS}{job_id}/{_redrive(redrive)}"


def _redrive(number: int) -> str:
    return f"redrives/{number:02d}/" if number else ""

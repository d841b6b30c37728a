"""What a job may ask in a minute: told by its contract, granted to the account, or unknown."""

from batchwright.completion import Completion
from batchwright.contractfile import read_contract
from batchwright.errors import RecordInvalid
from batchwright.job import Job
from batchwright.limits import Limits, plan_limits, read_limits, read_planned, told_by
from batchwright.places import job_key, planned_key
from batchwright.quotas import Quota
from batchwright.request import Request
from batchwright.totals import Total
from tests.fakes import MODEL, NOON, GrantedAccount, MemoryObjects, ScriptedEngine
from tests.laptop import Laptop, chat_file

MICRO = "us.amazon.nova-micro-v1:0"
TEXT = f"""
name: told
routes:
  - {{engine: bedrock, model: "{MODEL}", max_tokens: 20, rpm: 600}}
  - {{engine: bedrock, model: "{MICRO}", max_tokens: 20, tpm: 5000}}
models: {{"*": "{MODEL}"}}
fallback: [throttled]
"""
CONTRACT = read_contract(TEXT.encode(), name="told")


def job() -> Job:
    return Job(
        job_id="j",
        created_at=NOON,
        input=None,
        contract_name="told",
        contract=CONTRACT.to_json(),
        contract_digest=None,
        models=(MODEL, MICRO),
    )


def test_what_the_contract_tells_wins_and_the_account_is_asked_for_the_rest_alone() -> None:
    objects, account = MemoryObjects(), GrantedAccount(granted={MODEL: 70_000, MICRO: 1})

    plan_limits(job(), {MODEL: Total(records=1)}, objects, account)
    limits = read_limits("j", objects)

    assert account.asked == [MODEL]
    assert limits.of(MODEL, CONTRACT) == Quota(rpm=600, tpm=70_000)
    assert limits.of(MICRO, CONTRACT) == Quota(tpm=5000)


def test_what_nobody_knows_is_left_to_be_learnt() -> None:
    objects = MemoryObjects()

    plan_limits(job(), {}, objects, GrantedAccount())

    assert read_limits("j", objects).of(MODEL, CONTRACT) == Quota(rpm=600)
    assert read_limits("another", objects) == Limits()
    assert told_by(CONTRACT, "somebody.new-v1:0") == Quota()


def test_a_plan_that_has_no_time_left_asks_nobody() -> None:
    objects = MemoryObjects()

    plan_limits(job(), {}, objects, None)

    assert read_limits("j", objects).granted == {MODEL: None}


def test_a_file_that_another_version_wrote_is_none() -> None:
    objects = MemoryObjects()
    objects.write("jobs/j/planned.json", b'{"granted": [1]}')

    assert read_limits("j", objects) == Limits()


def test_a_worker_reads_its_job_and_the_limits_at_once() -> None:
    laptop = Laptop(account=GrantedAccount(granted={MODEL: 4_000_000}))
    job_id, _ = laptop.planned(chat_file(3))
    admitted = Job.model_validate_json(laptop.objects.read(job_key(job_id)))
    laptop.objects.delete(job_key(job_id))

    planned, limits = read_planned(job_id, laptop.objects)

    assert planned == admitted
    assert limits.granted == {MODEL: 4_000_000}


def test_a_worker_finds_its_job_where_the_plan_left_nothing_that_it_can_read() -> None:
    laptop = Laptop()
    job_id, _ = laptop.planned(chat_file(3))
    laptop.objects.write(planned_key(job_id), b"{}")

    planned, limits = read_planned(job_id, laptop.objects)

    assert (planned.job_id, limits) == (job_id, Limits())


def test_a_job_has_its_limits_from_its_plan_on_and_a_redrive_asks_again() -> None:
    def refuse(_request: Request, _call: int) -> Completion:
        raise RecordInvalid("invalid_request", "no")

    account = GrantedAccount(granted={MODEL: 4_000_000})
    laptop = Laptop(account=account, engine=ScriptedEngine(refuse))
    job_id = laptop.run(chat_file(3)).job_id
    first = read_limits(job_id, laptop.objects)

    account.granted[MODEL] = 8_000_000
    laptop.run_again(job_id, "failed")

    assert first.granted == {MODEL: 4_000_000}
    assert first.totals[MODEL].records == 3
    assert read_limits(job_id, laptop.objects).granted == {MODEL: 8_000_000}


def test_workers_keep_to_what_the_account_is_granted() -> None:
    laptop = Laptop(account=GrantedAccount(granted={MODEL: 6_000_000}))

    row = laptop.run(chat_file(5))

    assert row.counts()["succeeded"] == 5
    (item,) = laptop.schedules.items.values()
    assert "top" not in item

import pytest

from tests.bench.plumbing import cost, price_of


def test_a_job_is_priced_by_its_requests_its_seconds_and_its_states() -> None:
    report = {"invoke_seconds": 0.0, "step_seconds": 0.0, "chunks": 10.0}
    requests = {"invoke:s3.PutObject": 60.0, "close:s3.GetObject": 500.0}

    states = (9 + 30) * 0.000025
    asked = 60 * 0.000005 + 500 * 0.0000004
    assert cost(report, requests) == pytest.approx(states + asked + 12 * 0.0000002)


def test_a_second_of_a_worker_costs_its_memory() -> None:
    idle = {"invoke_seconds": 0.0, "step_seconds": 0.0, "chunks": 0.0}

    more = cost({**idle, "invoke_seconds": 1024.0}, {}) - cost(idle, {})

    assert more == pytest.approx(1769 * 0.0000133334)


def test_a_request_without_a_price_is_a_fault() -> None:
    with pytest.raises(ValueError, match="not enough values"):
        price_of("sqs.SendMessage")

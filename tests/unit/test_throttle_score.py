from typing import Any

from tests.bench.score import Limit, Score, score


def call(at: float, status: int = 200, tokens: int = 0) -> dict[str, Any]:
    return {"at": 1000 + at, "status": status, "input_tokens": tokens, "output_tokens": tokens}


def scored(calls: list[dict[str, Any]], limit: Limit, **more: Any) -> Score:
    return score(calls, limit, began=1000, **more)


def test_calls_at_the_rate_of_the_limit_use_all_of_it() -> None:
    told = scored([call(second + 1) for second in range(60)], Limit(per_minute=60))

    assert told.used == 1
    assert (told.answered, told.refused) == (60, 0)


def test_refused_calls_are_counted_and_use_nothing() -> None:
    calls = [call(10), call(20), call(20, 429), call(30, 429), call(40, 500)]

    told = scored(calls, Limit(per_minute=6))

    assert (told.answered, told.refused) == (2, 2)
    assert told.for_each_answer(told.refused) == 1
    assert told.used == 1


def test_what_comes_after_the_last_prompt_was_taken_is_no_loss() -> None:
    """A client that waits for a lost prompt at the end has no work for the limit."""
    told = scored([call(1), call(2), call(90, 429)], Limit(per_minute=60))

    assert told.used == 1


def test_only_what_is_used_after_the_learning_is_held_against_the_limit() -> None:
    slow_then_right = [call(100), *(call(120 + second) for second in range(61))]

    assert scored(slow_then_right, Limit(per_minute=60)).used < 0.5
    assert scored(slow_then_right, Limit(per_minute=60), since=120).used == 1


def test_tokens_are_held_against_a_limit_of_tokens() -> None:
    told = scored([call(30, tokens=25), call(60, tokens=25)], Limit(per_minute=200, tokens=True))

    assert told.used == 0.5


def test_a_stock_is_there_at_the_beginning_and_never_again() -> None:
    limit = Limit(per_minute=60, stock=100)

    assert limit.allowed(0, 60) == 160
    assert limit.allowed(60, 120) == 60
    assert limit.seconds_for(100) == 0
    assert limit.seconds_for(160) == 60


def test_a_limit_that_changes_is_followed() -> None:
    limit = Limit(per_minute=60, change=(60, 30))

    assert limit.allowed(0, 120) == 90
    assert limit.allowed(90, 120) == 15
    assert limit.seconds_for(90) == 120


def test_nobody_who_got_no_answer_used_anything() -> None:
    assert scored([call(1, 429)], Limit(per_minute=60)).used == 0

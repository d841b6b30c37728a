"""Engines: a call goes to the one that its route names, and to no other."""

import pytest

from batchwright.engines import Engines
from batchwright.errors import ModelUnknown
from batchwright.request import Request
from batchwright.route import Route
from tests.fakes import MODEL, ScriptedEngine

REQUEST = Request({"messages": [{"role": "user", "content": [{"text": "hello"}]}]})
METADATA = {"idempotency_key": "k"}


async def test_a_call_goes_to_the_engine_of_its_route_alone() -> None:
    meant, other = ScriptedEngine(), ScriptedEngine()
    engines = Engines({"bedrock": meant, "other": other})

    answer = await engines.ask(REQUEST, route=Route(model=MODEL), timeout=1, metadata=METADATA)

    assert answer.text == "hello"
    assert (meant.calls, other.calls) == ([REQUEST], [])


async def test_a_route_whose_engine_is_not_there_stops_the_job() -> None:
    engines = Engines({"other": ScriptedEngine()})

    with pytest.raises(ModelUnknown, match="bedrock"):
        await engines.ask(REQUEST, route=Route(model=MODEL), timeout=1, metadata=METADATA)

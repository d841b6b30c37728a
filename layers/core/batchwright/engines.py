"""The engines that a worker has: a call goes to the one that its route names."""

from collections.abc import Mapping

from batchwright.completion import Completion
from batchwright.errors import ModelUnknown
from batchwright.ports import Engine
from batchwright.request import Request
from batchwright.route import Route


class Engines:
    """All of them as one."""

    def __init__(self, named: Mapping[str, Engine]) -> None:
        """``named`` are the engines by the names that routes have for them."""
        self._named = named

    async def ask(
        self, request: Request, *, route: Route, timeout: float, metadata: Mapping[str, str]
    ) -> Completion:
        """Have the route's engine make exactly one call."""
        engine = self._named.get(route.engine)
        if engine is None:
            raise ModelUnknown(f"no engine here makes calls for routes of {route.engine}")
        return await engine.ask(request, route=route, timeout=timeout, metadata=metadata)

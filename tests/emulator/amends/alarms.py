"""An alarm may look at metric math; ministack refuses to deploy one.

Here it is deployed and stays without a state: nothing on a laptop reckons with the metrics of a quarter of an hour.
"""

from collections.abc import Callable
from typing import Any

from ministack.services.cloudformation import provisioners

from tests.emulator.amends import amend

NOWHERE = {"Namespace": "MetricMath", "MetricName": "NotReckoned"}


@amend(provisioners, "_cw_metric_alarm_record")
def _(make: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    def make_or_keep(name: str, properties: dict[str, Any]) -> dict[str, Any]:
        rest = dict(properties)
        reckoned = rest.pop("Metrics", None)
        return make(name, rest | NOWHERE) if reckoned else make(name, rest)

    return make_or_keep

"""`sam local` is given the functions as they are deployed, and its containers reach the laptop cloud."""

import asyncio
from pathlib import Path

import boto3
import pytest

from tests.emulator.cloud import Cloud
from tests.emulator.sam_local import deployed_template, relayed
from tests.emulator.surroundings import of_a_client


async def test_a_relayed_server_is_reached_at_the_address_asked_for(cloud: Cloud) -> None:
    async with relayed(cloud.url("ministack"), "127.0.0.1") as url:
        client = boto3.client(
            "sts",
            endpoint_url=url,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )
        account = await asyncio.to_thread(lambda: client.get_caller_identity()["Account"])

    assert url != cloud.url("ministack")
    assert account == "000000000000"
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))


def test_sam_local_is_given_what_is_deployed_and_where_the_cloud_is(cloud: Cloud) -> None:
    endpoints = of_a_client(ministack="http://ministack", host="http://host")

    resources = deployed_template(cloud, endpoints)["Resources"]

    functions = {
        name: made["Properties"]
        for name, made in resources.items()
        if name not in {"CoreLayer", "ParquetLayer"}
    }
    assert {name: made["Handler"] for name, made in functions.items()} == {
        "AdmitFunction": "admit.handler",
        "PlanFunction": "plan.handler",
        "InvokeFunction": "invoke.handler",
        "JoinFunction": "join.handler",
        "SubmitFunction": "submit.handler",
        "CollectFunction": "collect.handler",
        "WakeFunction": "wake.handler",
        "CloseFunction": "close.handler",
        "SweepFunction": "sweep.handler",
    }
    for made in functions.values():
        assert (Path(made["CodeUri"]) / made["Handler"].replace(".handler", ".py")).is_file()
        assert (
            made["Environment"]["Variables"].items()
            >= {
                **endpoints,
                "BUCKET": cloud.outputs()["BucketName"],
                "JOBS_TABLE": cloud.outputs()["JobsTableName"],
            }.items()
        )
    admit = functions["AdmitFunction"]["Environment"]["Variables"]
    assert admit["STATE_MACHINE_ARN"] == cloud.outputs()["StateMachineArn"]
    layers = {"CoreLayer": "batchwright", "ParquetLayer": "pyarrow"}
    for name, package in layers.items():
        assert (Path(resources[name]["Properties"]["ContentUri"]) / "python" / package).is_dir()
    assert functions["PlanFunction"]["Layers"] == [{"Ref": name} for name in layers]
    assert functions["InvokeFunction"]["Layers"] == [{"Ref": "CoreLayer"}]

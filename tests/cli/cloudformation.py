"""CloudFormation's DescribeStacks on the wire, on loopback; moto's own would bring forty services along."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from tests.loopback import Answer, answering

STACKS = """<DescribeStacksResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/">
<DescribeStacksResult><Stacks><member><StackName>{name}</StackName><StackStatus>CREATE_COMPLETE</StackStatus>
<CreationTime>2026-11-22T12:00:00Z</CreationTime><Outputs>{outputs}</Outputs></member></Stacks></DescribeStacksResult>
</DescribeStacksResponse>"""
OUTPUT = "<member><OutputKey>{}</OutputKey><OutputValue>{}</OutputValue></member>"
FAULT = """<ErrorResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/">
<Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"""


@dataclass
class CloudFormation:
    """What it knows, and the fault that it answers with instead, if any."""

    stacks: dict[str, dict[str, str]] = field(default_factory=dict)
    fault: str | None = None

    def answer(self, name: str) -> tuple[int, str]:
        if self.fault:
            return 403, FAULT.format(code=self.fault, message="It may not be.")
        if name not in self.stacks:
            message = f"Stack with id {escape(name)} does not exist"
            return 400, FAULT.format(code="ValidationError", message=message)
        outputs = self.stacks[name].items()
        told = "".join(OUTPUT.format(key, escape(value)) for key, value in outputs)
        return 200, STACKS.format(name=name, outputs=told)


@contextmanager
def served(cloudformation: CloudFormation) -> Iterator[str]:
    """Serve it, and yield its address."""

    def told(_: Message, asked: bytes) -> Answer:
        status, said = cloudformation.answer(parse_qs(asked.decode())["StackName"][0])
        return Answer(status, "text/xml", said.encode())

    with answering(told) as url:
        yield url

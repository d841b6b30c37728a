"""CloudFormation's DescribeStacks on the wire, on loopback; moto's own would bring forty services along."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

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

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            fields = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            status, body = cloudformation.answer(fields["StackName"][0])
            self.send_response(status)
            self.send_header("Content-Type", "text/xml")
            self.send_header("Content-Length", str(len(body.encode())))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        turning = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        turning.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            turning.join()

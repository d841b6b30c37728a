"""As much of KMS on loopback as the ledger's key needs: moto knows no Ed25519 keys."""

import json
import threading
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from batchwright.aws.signer import PREFIX
from tests.fakes import KeptSigner

KEY_ID = "1234abcd-12ab-34cd-56ef-1234567890ab"


def answer(operation: str, asked: dict[str, Any], signer: KeptSigner) -> tuple[int, dict[str, Any]]:
    """Answer as KMS does (docs.aws.amazon.com/kms/latest/APIReference/API_Sign.html)."""
    if asked.get("KeyId") != KEY_ID:
        return 400, {"__type": "NotFoundException", "message": "no such key"}
    if operation == "GetPublicKey":
        content = PREFIX + signer.public_key().key
        return 200, {"KeyId": KEY_ID, "PublicKey": b64encode(content).decode()}
    if (asked["MessageType"], asked["SigningAlgorithm"]) != ("RAW", "ED25519_SHA_512"):
        return 400, {"__type": "ValidationException", "message": "not of this key"}
    signature = signer.sign(b64decode(asked["Message"]))
    return 200, {"KeyId": KEY_ID, "Signature": b64encode(signature).decode()}


@contextmanager
def served(signer: KeptSigner) -> Iterator[str]:
    """Serve it, and yield its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            operation = self.headers["X-Amz-Target"].partition(".")[2]
            status, told = answer(operation, asked, signer)
            content = json.dumps(told).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

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

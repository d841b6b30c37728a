"""Headless Chromium, led through a pipe: no driver, no port, no library.

The DevTools protocol (chromedevtools.github.io/devtools-protocol) is JSON with a NUL behind each message; with
``--remote-debugging-pipe`` the browser reads it from descriptor 3 and writes to 4.
"""

import base64
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
PATIENCE = 60.0
KEYS = {
    "Enter": ("Enter", 13, "\r"),
    "Escape": ("Escape", 27, ""),
    "ArrowDown": ("ArrowDown", 40, ""),
}


def found() -> str | None:
    """Return where a Chromium is."""
    return next(filter(None, map(shutil.which, NAMES)), None)


@dataclass
class Page:
    """One page, as somebody at a keyboard has it before them."""

    to_browser: int
    from_browser: int
    session: str | None = None
    number: int = 0
    rest: bytes = b""
    events: list[dict[str, Any]] = field(default_factory=list)

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        self.number += 1
        message: dict[str, Any] = {"id": self.number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.to_browser, json.dumps(message).encode() + b"\0")
        while (told := self._next()).get("id") != self.number:
            self.events.append(told)
        assert "error" not in told, told
        answer: dict[str, Any] = told["result"]
        return answer

    def run(self, script: str) -> Any:
        """Return the value of an expression, once it is settled."""
        told = self.call(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in told, told
        return told["result"].get("value")

    def until(self, script: str) -> Any:
        """Look until an expression is true."""
        ends = time.monotonic() + PATIENCE
        while time.monotonic() < ends:
            if value := self.run(script):
                return value
            time.sleep(0.02)  # another program's page: there is no event to wait for
        raise AssertionError(f"never true: {script}; the page says: {self.text('body')}")

    def open(self, url: str) -> None:
        self.call("Page.navigate", url=url)
        self.until("document.readyState === 'complete'")

    def text(self, selector: str) -> str:
        return str(self.run(f"document.querySelector({selector!r}).innerText"))

    def press(self, *keys: str) -> None:
        for key in keys:
            name, code, text = KEYS.get(key) or (key, ord(key.upper()), key)
            pressed = {"key": name, "windowsVirtualKeyCode": code, "text": text}
            kind = "keyDown" if text else "rawKeyDown"
            self.call("Input.dispatchKeyEvent", type=kind, **pressed)
            self.call("Input.dispatchKeyEvent", type="keyUp", key=name, windowsVirtualKeyCode=code)

    def write(self, text: str) -> None:
        self.call("Input.insertText", text=text)

    def picture(self, file: Path) -> None:
        shot = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=False)
        file.write_bytes(base64.b64decode(shot["data"]))

    def told(self, method: str) -> list[dict[str, Any]]:
        """Return what the browser said unasked."""
        self.call("Runtime.evaluate", expression="1")
        return [each["params"] for each in self.events if each.get("method") == method]

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self.rest:
            block = os.read(self.from_browser, 1 << 16)
            assert block, "the browser has gone"
            self.rest += block
        message, _, self.rest = self.rest.partition(b"\0")
        told: dict[str, Any] = json.loads(message)
        return told


@contextmanager
def browsing(program: str, profile: Path) -> Iterator[Page]:
    """Start a browser with one page; end it."""
    its_in, to_browser = os.pipe()
    from_browser, its_out = os.pipe()
    command = [
        program,
        "--headless",
        "--no-sandbox",  # as root, in a container, on a page of our own
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-background-networking",
        "--no-first-run",
        f"--user-data-dir={profile}",
        "--window-size=1280,800",
        "--remote-debugging-pipe",
    ]
    placed = f'exec 3<&{its_in} 4>&{its_out}; exec "$@"'
    with subprocess.Popen(  # noqa: S603 - a browser of this machine
        ["bash", "-c", placed, "bash", *command],  # noqa: S607
        pass_fds=(its_in, its_out),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as browser:
        os.close(its_in)
        os.close(its_out)
        try:
            page = Page(to_browser, from_browser)
            target = page.call("Target.createTarget", url="about:blank")["targetId"]
            attached = page.call("Target.attachToTarget", targetId=target, flatten=True)
            page.session = attached["sessionId"]
            for domain in ("Page", "Runtime", "Log", "Network"):
                page.call(f"{domain}.enable")
            yield page
            page.session = None
            page.call("Browser.close")
            browser.wait(PATIENCE)
        finally:
            browser.kill()
            os.close(to_browser)
            os.close(from_browser)

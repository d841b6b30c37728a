"""The reviewer's page: served to its one reader, gone through by keyboard in a real browser, deaf to answers."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import pytest

from batchwright.cli.desk import Desk
from batchwright.cli.serving import KEY, serving
from batchwright.decision import Word
from batchwright.places import QUARANTINE, result_key
from batchwright.reviewing import Review, Reviewer
from tests.cli.chromium import Page, browsing, found
from tests.fakes import MODEL
from tests.laptop import Laptop, chat_line, jsonl

CONTRACT = f"""
name: looked
routes: [{{model: "{MODEL}", max_tokens: 100}}]
models: {{"*": "{MODEL}"}}
filters:
  input: [{{regex: {{patterns: {{forbidden: "never ask"}}, then: review}}}}]
  output: [{{regex: {{patterns: {{email: "[a-z]+@[a-z.]+[a-z]", codename: "Zeus"}}, then: review}}}}]
"""
HOSTILE = (
    "<script>window.hurt = 1</script><img src=x onerror='window.hurt = 1'>"
    "</div><h1 id=fake>mallory@example.org</h1>\u202egpj.exe\u200b\x1b[2J"
)
TEXTS = {
    "mail": "write to ada@example.org",
    "code": "Zeus is here",
    "evil": HOSTILE,
    "asked": "never ask",
    "<b>id</b>": "Zeus again",
}


@dataclass
class Served:
    """The page over a job in memory."""

    url: str
    laptop: Laptop
    job_id: str

    @property
    def key(self) -> str:
        return urlsplit(self.url).fragment

    @property
    def host(self) -> str:
        return urlsplit(self.url).netloc

    def review(self) -> Review:
        return Review(self.job_id, 0, self.laptop.objects, self.laptop.ledger, self.laptop.clock)

    def lines(self, name: str) -> list[dict[str, Any]]:
        return [
            json.loads(line) for line in self.laptop.objects.lines(result_key(self.job_id, name))
        ]

    def ask(
        self, method: str, path: str, body: Any = None, **headers: str
    ) -> tuple[int, dict[str, str], str]:
        connection = HTTPConnection(self.host, timeout=60)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        content = None if body is None else json.dumps(body)
        connection.request(method, path, content, {KEY: self.key, **sent})
        answer = connection.getresponse()
        told = answer.status, dict(answer.headers), answer.read().decode()
        connection.close()
        return told


@pytest.fixture
def served() -> Iterator[Served]:
    laptop = Laptop()
    laptop.put_contract("looked", CONTRACT)
    file = jsonl([chat_line(name, text) for name, text in TEXTS.items()])
    job_id = laptop.run(file, "inbox/looked/file.jsonl").job_id
    review = Review(job_id, 0, laptop.objects, laptop.ledger, laptop.clock)
    with serving(Desk(review, Reviewer("Ada", None))) as url:
        yield Served(url, laptop, job_id)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    program = found()
    if program is None:
        said = "this needs a Chromium: apt-get install chromium-headless-shell"
        assert "CI" not in os.environ, said
        pytest.skip(said)
    with browsing(program, tmp_path_factory.mktemp("profile")) as page:
        yield page


@pytest.fixture
def page(browser: Page, served: Served) -> Page:
    browser.events.clear()
    browser.open("about:blank")
    browser.open(served.url)
    shows(browser, 0)
    return browser


def shows(page: Page, index: int) -> None:
    page.until(f"document.body.dataset.shown === '{index}'")


# ---- served ------------------------------------------------------------------------------------


def test_nobody_without_the_key_is_answered(served: Served) -> None:
    for path in ("/queue", "/records/0"):
        assert served.ask("GET", path)[0] == 200
        assert served.ask("GET", path, **{KEY: ""})[0] == 403
        assert served.ask("GET", path, **{KEY: "x" * 43})[0] == 403
    decision = {"index": 0, "decision": "release", "why": "fine"}
    assert served.ask("POST", "/decisions", decision, **{KEY: "é"})[0] == 403
    assert not [*served.laptop.objects.keys(result_key(served.job_id, "decisions.jsonl"))]


def test_a_name_that_was_made_to_point_here_is_refused(served: Served) -> None:
    port = served.host.rpartition(":")[2]
    for host in ("evil.example", f"evil.example:{port}", "127.0.0.1", f"127.0.0.1.evil:{port}"):
        assert served.ask("GET", "/", Host=host)[0] == 403
        assert served.ask("GET", "/queue", Host=host)[0] == 403
    assert served.ask("GET", "/queue", Host=f"localhost:{port}")[0] == 200


def test_another_site_is_refused_even_with_the_key(served: Served) -> None:
    decision = {"index": 0, "decision": "release", "why": "fine"}
    for origin in ("http://evil.example", "null", "https://" + served.host):
        assert served.ask("POST", "/decisions", decision, Origin=origin)[0] == 403
    assert served.ask("POST", "/decisions", decision, Origin=f"http://{served.host}")[0] == 200


def test_the_page_holds_no_key_no_record_and_nothing_from_elsewhere(served: Served) -> None:
    status, headers, page = served.ask("GET", "/", **{KEY: ""})
    assert status == 200
    assert served.key not in page
    assert "example.org" not in page
    assert "http://" not in page
    assert "https://" not in page
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy
    assert headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"index": 0, "decision": "release", "why": " "}, "the reason is missing"),
        ({"index": 0, "decision": "release"}, "cannot be read"),
        ({"index": 0, "decision": "burn", "why": "fine"}, "is not a valid"),
        ({"index": 0, "decision": "release", "why": "x" * 70_000}, "too much"),
        ([], "cannot be read"),
    ],
)
def test_what_cannot_be_meant_decides_nothing(served: Served, body: Any, told: str) -> None:
    status, _, said = served.ask("POST", "/decisions", body)
    assert status == 400
    assert told in said


def test_a_record_that_nobody_held_is_not_shown(served: Served) -> None:
    assert served.ask("GET", "/records/99")[0] == 409
    assert served.ask("GET", "/records/../x")[0] == 400
    assert served.ask("GET", "/elsewhere")[0] == 404


# ---- in a browser ------------------------------------------------------------------------------


def test_the_queue_is_gone_through_by_keyboard(page: Page, served: Served) -> None:
    assert page.run("document.querySelector('mark').innerText") == "ada@example.org"
    assert page.text("#count") == "0 of 5 decided"
    page.press("r")
    assert page.text("#said") == "Say why, then press Enter to release it."
    page.write("her own address")
    page.press("Enter")
    shows(page, 1)
    page.press("x")  # the reason is remembered
    shows(page, 2)
    page.press("k", "ArrowDown", "j")
    page.until("document.querySelector('h2').innerText === 'asked'")
    assert page.run("document.getElementById('release').disabled")
    page.press("r")
    assert page.text("#said") == "There is no answer to release."
    assert page.text("#count") == "2 of 5 decided"
    assert [each["custom_id"] for each in served.lines("released.jsonl")] == ["mail"]
    told = [(each["decision"], each["by"], each["why"]) for each in served.lines("decisions.jsonl")]
    assert told == [("release", "Ada", "her own address"), ("reject", "Ada", "her own address")]


def test_the_last_one_says_that_it_was_the_last(page: Page) -> None:
    page.press("w")
    page.write("none of it")
    page.press("Enter")
    for place in range(5):
        page.press("x")
        page.until(f"document.getElementById('count').innerText === '{place + 1} of 5 decided'")
        if place < 4:
            shows(page, place + 1)
    page.until("document.getElementById('said').innerText.includes('Everything is decided')")
    assert "rejected by Ada" in page.text(".stands")


def test_what_an_answer_says_is_text_and_every_letter_of_it_is_seen(page: Page) -> None:
    page.press("j", "j")
    shows(page, 2)
    answer = page.text(".text")
    assert "<script>window.hurt = 1</script><img src=x" in answer
    for name in ("U+202E", "U+200B", "U+001B"):
        assert name in answer
    assert page.run("document.querySelector('main script, main img, #fake')") is None
    assert page.run("window.hurt") is None
    assert page.run("document.querySelectorAll('#queue li')[4].querySelector('b')") is None
    assert "<b>id</b>" in page.text("#queue")
    assert page.told("Log.entryAdded") == [], "the policy had nothing to stop"


def test_the_policy_stops_a_script_that_is_not_the_pages(page: Page) -> None:
    inject = """(() => { try {
        const script = document.createElement('script');
        script.text = 'window.hurt = 1';
        document.body.append(script);
    } catch (fault) { return fault.name } return 'appended' })()"""
    assert page.run(inject) == "TypeError"
    assert page.run("window.hurt") is None


def test_what_somebody_else_decided_is_told(page: Page, served: Served) -> None:
    outcome = served.review().find("mail").outcome
    (decided,) = served.review().decide([outcome], Word.REJECT, "no", Reviewer("Bob", None))
    assert decided.new
    page.press("r")
    page.write("fine")
    page.press("Enter")
    page.until("document.getElementById('said').innerText.includes('rejected already, by Bob')")
    assert page.run("document.getElementById('said').className") == "bad"


def test_a_quarantine_that_was_changed_is_told_and_nothing_can_be_released(
    page: Page, served: Served
) -> None:
    objects = served.laptop.objects
    (key,) = objects.keys(f"{QUARANTINE}{served.job_id}/000000001")
    objects.write(key, objects.read(key).replace(b"Zeus", b"Hera"))
    page.press("j")
    page.until("document.querySelector('.stands') !== null")
    assert "it was changed; release nothing of it" in page.text("main")
    assert "Hera" not in page.text("body")
    assert page.run("document.getElementById('release').disabled")


def test_the_filter_narrows_the_queue(page: Page) -> None:
    page.press("/")
    page.write("codename")
    assert page.run("document.querySelectorAll('#queue li').length") == 2
    page.press("Enter")
    shows(page, 1)
    page.press("j")
    shows(page, 4)


def test_the_keys_are_told_and_do_nothing_meanwhile(page: Page, served: Served) -> None:
    page.press("?")
    page.until("document.getElementById('keys').open")
    page.press("j", "x")
    page.press("Escape")
    page.until("!document.getElementById('keys').open")
    assert page.run("document.body.dataset.shown") == "0"
    assert not [*served.laptop.objects.keys(result_key(served.job_id, "decisions.jsonl"))]


def test_without_the_key_the_page_tells_what_to_do(browser: Page, served: Served) -> None:
    browser.open("about:blank")
    browser.open(served.url.partition("#")[0])
    browser.until("document.querySelector('.stands') !== null")
    assert browser.text(".stands") == "open the address that the command printed"


CONTRAST = """(() => {
  const linear = (v) => v / 255 <= .03928 ? v / 255 / 12.92 : ((v / 255 + .055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => .2126 * linear(r) + .7152 * linear(g) + .0722 * linear(b);
  const rgb = (text) => text.match(/[\\d.]+/g).map(Number);
  const ground = (node) => {
    for (; node; node = node.parentElement) {
      const color = rgb(getComputedStyle(node).backgroundColor);
      if (color.length < 4 || color[3] > 0) return color;
    }
    return [255, 255, 255];
  };
  const faults = [];
  for (const node of document.querySelectorAll('body *')) {
    const own = [...node.childNodes].some((child) => child.nodeType === 3 && child.data.trim());
    if (!own || !node.checkVisibility() || node.closest(':disabled, script, style')) continue;
    const [a, b] = [light(rgb(getComputedStyle(node).color)), light(ground(node))];
    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (ratio < 4.5) faults.push(`${node.tagName}.${node.className}: ${ratio.toFixed(2)}`);
  }
  return faults;
})()"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everything_can_be_read_by_day_and_by_night(page: Page, scheme: str) -> None:
    wished = [{"name": "prefers-color-scheme", "value": scheme}]
    page.call("Emulation.setEmulatedMedia", features=wished)
    page.press("j", "j")
    shows(page, 2)
    assert page.run(CONTRAST) == []
    page.call("Emulation.setEmulatedMedia", features=[])


def test_every_field_and_button_has_a_name(page: Page) -> None:
    tree = page.call("Accessibility.getFullAXTree")["nodes"]
    wanted = {"button", "textbox", "searchbox", "listbox", "option", "progressbar"}
    named = {
        (node["role"]["value"], node["name"]["value"])
        for node in tree
        if node.get("role", {}).get("value") in wanted and "name" in node
    }
    assert {role for role, _ in named} >= {"button", "textbox", "searchbox", "listbox", "option"}
    assert all(name for _, name in named)

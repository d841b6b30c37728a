"""The demo: a file of support mails goes through the laptop's cloud by the command that users have.

python -m tests.emulator.demo     (make demo starts the cloud first)
"""

import json
import os
import shlex
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from batchwright.cli.show import counted, money

ROOT = Path(__file__).parents[2]
LOCAL = ROOT / ".local"
MAILS = ROOT / "docs/samples/support-mails.jsonl"
CONTRACT = ROOT / "docs/contracts/support-triage.yaml"
RESULTS = LOCAL / "demo"
SUBMIT = ("submit", MAILS, "--contract", "support-triage")
SHOWN = 10
MODEL = "Amazon Nova Lite"


class DemoFailed(Exception):
    """A step of the demo did not work; the command has said why on stderr."""


def main() -> int:
    """Run the demo and return its exit code."""
    console = Console(highlight=False)
    try:
        environment = surroundings()
        put_contract(console, environment)
        job = submit(console, environment)
        brought = call(environment, "results", job["job_id"], "-o", RESULTS)
    except DemoFailed as failure:
        console.print(f"The demo stopped: {failure}", style="red", markup=False)
        return 1
    show(console, brought)
    return 0 if brought["counts"]["succeeded"] == brought["counts"]["total"] else 1


def surroundings() -> dict[str, str]:
    """Return the environment that leads to the laptop's cloud, never to an account on AWS."""
    here = dict(os.environ)
    written = LOCAL / "env"
    if "AWS_ENDPOINT_URL" in here:
        return here
    if not written.exists():
        raise DemoFailed("the laptop's cloud is not up; run: make demo")
    exports = (shlex.split(line) for line in written.read_text().splitlines())
    told = (words[1].partition("=") for words in exports if words[:1] == ["export"])
    without = {"AWS_PROFILE", "AWS_SESSION_TOKEN"}
    kept = {name: value for name, value in here.items() if name not in without}
    return kept | {name: value for name, _, value in told}


def put_contract(console: Console, environment: dict[str, str]) -> None:
    """Put the contract that says who answers the mails."""
    say(console, "batchwright contract put docs/contracts/support-triage.yaml")
    call(environment, "contract", "put", CONTRACT)


def submit(console: Console, environment: dict[str, str]) -> dict[str, Any]:
    """Submit the mails and wait; the same file is the same job, so a second demo asks to run it again."""
    shown = "batchwright submit docs/samples/support-mails.jsonl --contract support-triage"
    say(console, f"{shown} --wait")
    job = timed(console, environment, *SUBMIT, "--wait")
    if job["new"]:
        return job
    console.print(
        "  This very file ran before, so nothing was asked, or paid for, a second time."
        " To see it run, the demo asks for it once more."
    )
    say(console, f"{shown} --wait --again")
    return timed(console, environment, *SUBMIT, "--wait", "--again")


def timed(console: Console, environment: dict[str, str], *arguments: str | Path) -> dict[str, Any]:
    """Call the command and say how long it took."""
    began = time.monotonic()
    facts = call(environment, *arguments)
    console.print(f"  {facts['status']} after {time.monotonic() - began:.0f} s", style="dim")
    return facts


def call(environment: dict[str, str], *arguments: str | Path) -> dict[str, Any]:
    """Run the command with ``--json``; its progress and its errors go to our own stderr."""
    command = [sys.executable, "-m", "batchwright.cli", *map(str, arguments), "--json"]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=False)  # noqa: S603 - ours
    if not done.stdout:
        raise DemoFailed(f"batchwright {arguments[0]} ended with code {done.returncode}")
    facts: dict[str, Any] = json.loads(done.stdout)
    return facts


def say(console: Console, command: str) -> None:
    """Show what a user would type."""
    console.print(f"\n$ {command}", style="bold", markup=False, soft_wrap=True)


def show(console: Console, facts: dict[str, Any]) -> None:
    """Show answers, counts, money and places."""
    console.print()
    answers = [json.loads(line) for line in open_lines(facts["results"]["output"])]
    if answers:
        console.print(table_of(answers))
        if len(answers) > SHOWN:
            console.print(f"… and {len(answers) - SHOWN} more", style="dim")
    usage, cost = facts["usage"], money(facts["cost_usd"])
    for line in (
        f"records   {counted(facts['counts'])}",
        f"tokens    {usage['input_tokens']:,} in, {usage['output_tokens']:,} out, in {facts['calls']} calls",
        f"cost      nothing here; {MODEL} on AWS would take {cost} for these tokens, at list price",
        *([f"reason    {facts['reason']['message']}"] if facts["reason"] else []),
        "",
        f"A model of 135 million parameters on this machine stood in for {MODEL}:",
        "believe the way that the mails went, not what was answered.",
        "",
        "The files:",
        *(f"  {Path(place).relative_to(ROOT)}" for place in facts["results"].values() if place),
    ):
        console.print(line, markup=False, soft_wrap=True)
    say(
        console,
        "source .local/env && .venv/bin/batchwright jobs     # what else there is; make down ends it all",
    )


def table_of(answers: list[dict[str, Any]]) -> Table:
    """Return mails and what was answered, side by side."""
    asked = {
        mail["custom_id"]: mail["body"]["messages"][-1]
        for mail in map(json.loads, open_lines(MAILS))
    }
    table = Table(box=None, header_style="dim", pad_edge=False, expand=True)
    table.add_column("mail", no_wrap=True, overflow="ellipsis", ratio=1)
    table.add_column("category", min_width=8)
    table.add_column("urgent", min_width=6)
    for answer in answers[:SHOWN]:
        said = answer["response"]["body"]["choices"][0]["message"]["content"]
        table.add_row(asked[answer["custom_id"]]["content"], *verdict(said))
    return table


def verdict(said: str) -> tuple[str, str]:
    """Return category and urgency from an answer; an echo has neither, and is shown as it is."""
    try:
        told = json.loads(said)
        return str(told["category"]), "yes" if told["urgent"] else "no"
    except (json.JSONDecodeError, KeyError, TypeError):
        return said[:20], "-"


def open_lines(place: str | Path | None) -> list[str]:
    """Return the lines of a sample or of its results, which are small."""
    return Path(place).read_text(encoding="utf-8").splitlines() if place else []


if __name__ == "__main__":
    sys.exit(main())

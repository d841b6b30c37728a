"""ApplyGuardrail and InvokeGuardrailChecks: their requests read, their answers written."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

from tests.emulator.host.looks import Look, places
from tests.emulator.host.refusals import invalid
from tests.emulator.host.wire.shapes import Base64, Shape, Union, read

UNIT, MOST_UNITS = 1_000, 25
CONTENT = ("INSULTS", "HATE", "SEXUAL", "VIOLENCE", "MISCONDUCT", "PROMPT_ATTACK")
GROUNDS = ("GROUNDING", "RELEVANCE")
type Category = Literal["VIOLENCE", "HATE", "SEXUAL", "MISCONDUCT", "INSULTS"]
type Attack = Literal["JAILBREAK", "PROMPT_INJECTION", "PROMPT_LEAKAGE"]
type Entity = Literal[
    "ADDRESS",
    "AGE",
    "AWS_ACCESS_KEY",
    "AWS_SECRET_KEY",
    "CA_HEALTH_NUMBER",
    "CA_SOCIAL_INSURANCE_NUMBER",
    "CREDIT_DEBIT_CARD_CVV",
    "CREDIT_DEBIT_CARD_EXPIRY",
    "CREDIT_DEBIT_CARD_NUMBER",
    "DRIVER_ID",
    "EMAIL",
    "INTERNATIONAL_BANK_ACCOUNT_NUMBER",
    "IP_ADDRESS",
    "LICENSE_PLATE",
    "MAC_ADDRESS",
    "NAME",
    "PASSWORD",
    "PHONE",
    "PIN",
    "SWIFT_CODE",
    "UK_NATIONAL_HEALTH_SERVICE_NUMBER",
    "UK_NATIONAL_INSURANCE_NUMBER",
    "UK_UNIQUE_TAXPAYER_REFERENCE_NUMBER",
    "URL",
    "USERNAME",
    "US_BANK_ACCOUNT_NUMBER",
    "US_BANK_ROUTING_NUMBER",
    "US_INDIVIDUAL_TAX_IDENTIFICATION_NUMBER",
    "US_PASSPORT_NUMBER",
    "US_SOCIAL_SECURITY_NUMBER",
    "VEHICLE_IDENTIFICATION_NUMBER",
]
PERSONAL: frozenset[str] = frozenset(Entity.__value__.__args__)


class Text(Shape):
    """A text, and what it is for."""

    text: str
    qualifiers: list[Literal["grounding_source", "query", "guard_content"]] | None = None


class ImageSource(Union):
    """The bytes of a picture."""

    bytes: Base64 | None = None


class Image(Shape):
    """A picture."""

    format: Literal["png", "jpeg"]
    source: ImageSource


class Block(Union):
    """One thing to look at."""

    text: Text | None = None
    image: Image | None = None


class Applied(Shape):
    """What is to be looked at."""

    source: Literal["INPUT", "OUTPUT"]
    content: list[Block]
    output_scope: Literal["INTERVENTIONS", "FULL"] | None = None


class ApplyGuardrail:
    """A request that was read."""

    def __init__(self, body: bytes) -> None:
        told = read(Applied, body)
        blocks = [block.text for block in told.content if block.text is not None]
        beside = {"grounding_source", "query"}
        self.guarded = [each.text for each in blocks if not beside & {*(each.qualifiers or ())}]
        self.compared = len(blocks) > len(self.guarded)
        self.units = sum(-(-len(text) // UNIT) for text in self.guarded)
        if sum(map(len, self.guarded)) > MOST_UNITS * UNIT:
            raise invalid(f"The text is longer than {MOST_UNITS} text units.")

    @property
    def text(self) -> str:
        """All that is guarded, for the faults' script."""
        return "\n".join(self.guarded)

    def answer(self, looks: Sequence[Look]) -> dict[str, Any]:
        """Return what was found, in one assessment."""
        assessed: dict[str, dict[str, list[Any]]] = defaultdict(lambda: defaultdict(list))
        for text in self.guarded:
            for look, start, end in places(looks, text):
                self._assess(assessed, look, text[start:end])
        for policy, members in REQUIRED.items():
            if policy in assessed:
                for member in members:
                    assessed[policy][member] += []
        return {
            "usage": dict.fromkeys(USAGE, self.units),
            "action": "GUARDRAIL_INTERVENED" if assessed else "NONE",
            "outputs": [{"text": "Blocked."}] if assessed else [],
            "assessments": [assessed],
            "guardrailCoverage": {
                "textCharacters": {"guarded": len(self.text), "total": len(self.text)}
            },
        }

    def _assess(self, assessed: Any, look: Look, match: str) -> None:
        blocked = {"action": "BLOCKED", "detected": True}
        if look.kind in CONTENT:
            told = {"type": look.kind, "confidence": _confidence(look.score), **blocked}
            assessed["contentPolicy"]["filters"].append(told)
        elif look.kind == "PROFANITY":
            told = {"match": match, "type": look.kind, **blocked}
            assessed["wordPolicy"]["managedWordLists"].append(told)
        elif look.kind == "WORD":
            assessed["wordPolicy"]["customWords"].append({"match": match, **blocked})
        elif look.kind in GROUNDS:
            if self.compared:
                told = {"type": look.kind, "threshold": 0.7, "score": 1 - look.score, **blocked}
                assessed["contextualGroundingPolicy"]["filters"].append(told)
        elif look.kind in PERSONAL:
            told = {"match": match, "type": look.kind, "action": "ANONYMIZED", "detected": True}
            assessed["sensitiveInformationPolicy"]["piiEntities"].append(told)
        else:
            told = {"name": look.kind, "type": "DENY", **blocked}
            assessed["topicPolicy"]["topics"].append(told)


REQUIRED = {
    "wordPolicy": ("customWords", "managedWordLists"),
    "sensitiveInformationPolicy": ("piiEntities", "regexes"),
}
USAGE = (
    "topicPolicyUnits",
    "contentPolicyUnits",
    "wordPolicyUnits",
    "sensitiveInformationPolicyUnits",
    "sensitiveInformationPolicyFreeUnits",
    "contextualGroundingPolicyUnits",
)


def _confidence(score: float) -> str:
    return "HIGH" if score >= 0.9 else "MEDIUM" if score >= 0.6 else "LOW"


class Content(Shape):
    """A text of a message."""

    text: Annotated[str, Field(min_length=1)]


class Message(Shape):
    """Who said what."""

    role: Literal["user", "assistant", "system"]
    content: Annotated[list[Content], Field(min_length=1)]


class OneCategory(Shape):
    """A kind of content."""

    category: Category


class OneAttack(Shape):
    """A kind of attack."""

    category: Attack


class OneEntity(Shape):
    """A kind of personal datum."""

    type: Entity


class ContentFilter(Shape):
    """Which content is looked for."""

    categories: Annotated[list[OneCategory], Field(min_length=1, max_length=5)]


class PromptAttack(Shape):
    """Which attacks are."""

    categories: Annotated[list[OneAttack], Field(min_length=1, max_length=3)]


class SensitiveInformation(Shape):
    """Which personal data are."""

    entities: Annotated[list[OneEntity], Field(min_length=1, max_length=31)]


class Checks(Shape):
    """What is looked for."""

    content_filter: ContentFilter | None = None
    prompt_attack: PromptAttack | None = None
    sensitive_information: SensitiveInformation | None = None


class Invoked(Shape):
    """What is to be checked."""

    messages: Annotated[list[Message], Field(min_length=1)]
    checks: Checks


class InvokeGuardrailChecks:
    """A request that was read."""

    def __init__(self, body: bytes) -> None:
        told = read(Invoked, body)
        self._checks = told.checks
        self._contents = [
            (message, content, each.text)
            for message, said in enumerate(told.messages)
            for content, each in enumerate(said.content)
        ]

    @property
    def text(self) -> str:
        """All of it, for the faults' script."""
        return "\n".join(text for _, _, text in self._contents)

    def answer(self, looks: Sequence[Look]) -> dict[str, Any]:
        """Return a score for each category that was asked for, and every entity."""
        checks, scores = self._checks, self._scores(looks)
        results: dict[str, Any] = {}
        for name, asked in (
            ("contentFilter", checks.content_filter),
            ("promptAttack", checks.prompt_attack),
        ):
            if asked is not None:
                categories = [each.category for each in asked.categories]
                results[name] = {
                    "results": [
                        {"category": each, "severityScore": scores.get(each, 0.0)}
                        for each in categories
                    ]
                }
        if checks.sensitive_information is not None:
            wanted = {each.type for each in checks.sensitive_information.entities}
            results["sensitiveInformation"] = {
                "results": [*self._entities(looks, wanted)],
                "truncated": False,
            }
        units = -(-len(self.text) // UNIT)
        return {"results": results, "usage": {name: {"textUnits": units} for name in results}}

    def _scores(self, looks: Sequence[Look]) -> dict[str, float]:
        return {look.kind: look.score for look, _, _ in places(looks, self.text)}

    def _entities(self, looks: Sequence[Look], wanted: set[Any]) -> list[dict[str, Any]]:
        return [
            {
                "type": look.kind,
                "confidenceScore": look.score,
                "beginOffset": start,
                "endOffset": end,
                "messageIndex": message,
                "contentIndex": content,
            }
            for message, content, text in self._contents
            for look, start, end in places(looks, text)
            if look.kind in wanted
        ]

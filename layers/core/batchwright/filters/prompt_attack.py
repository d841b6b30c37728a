"""Texts that try to be obeyed: known patterns of prompt injection and jailbreaks. What is new, they do not know."""

from typing import ClassVar

from batchwright.filters.filter import Filter, FilterSettings, Means, Subject
from batchwright.filters.gate import gate_of
from batchwright.finding import Finding

_BEFORE = r"(?:previous|prior|above|preceding|earlier|foregoing|initial|original|existing|system|safety|other|past)"
_ORDERS = r"(?:instructions?|directions?|directives?|prompts?|rules?|guidelines?|guardrails?|commands?|orders?|messages?|context|restrictions?|polic(?:y|ies)|programming|training)"
_GAP = r"[\w\s,'’]{0,40}?"  # noqa: RUF001 - the typographer's apostrophe is meant

PATTERNS: tuple[tuple[str, str], ...] = (
    # Orders to drop the orders.
    ("override", rf"(?i)\b(?:ignor(?:e|ing)|disregard|forget|override|overrule|bypass|neglect|skip|discard|drop|do not follow|don['’]t follow|stop following)\b{_GAP}\b{_BEFORE}\b[\w\s]{{0,20}}?\b{_ORDERS}\b"),  # noqa: RUF001
    ("override", rf"(?i)\b(?:ignore|disregard|forget|override)\b\s+(?:all|any|every|everything|each)\b{_GAP}\b(?:{_ORDERS}|you (?:were|have been) told|before|above|said)\b"),
    ("override", rf"(?i)\b(?:ignore|disregard|forget|override|bypass)\s+(?:your|the|these|those|its|my)\s+(?:\w+\s+){{0,2}}?{_ORDERS}\b"),
    ("override", r"(?i)\bforget (?:everything|all) (?:that )?(?:you|i|we|above|before)\b"),
    ("override", r"(?i)\b(?:new|updated|revised|real|actual) (?:system )?(?:instructions?|prompt|directives?)\s{0,3}(?:[:=]|follow|are as follows)"),
    ("override", r"(?i)\bfrom now on,? (?:you|act|respond|answer|ignore|always|your)\b"),
    ("override", r"(?i)\bignor(?:iere?n?|a|e|ez|er)\b[\w\sàáäèéêíóöúüß]{0,30}?\b(?:anweisungen|vorgaben|instrucciones|instructions|consignes|istruzioni|instruções|instrucoes|anterior(?:es)?|précédentes|vorherigen|bisherigen)\b"),
    ("override", r"(?i)\b(?:vergiss|olvida|oublie[rz]?|dimentica|esque[çc]a)\b[\w\sàáäèéêíóöúüß]{0,30}?\b(?:anweisungen|instrucciones|instructions|consignes|istruzioni|instruções|regeln|reglas|règles|alles|todo|tout|tutto|tudo)\b"),
    ("override", r"(?:忽略|无视|忘记|忘掉).{0,12}(?:指令|指示|提示|规则|说明)|(?:以前|これまで|上記|前)の.{0,6}(?:指示|命令|ルール).{0,6}(?:無視|忘れ)|игнорируй.{0,30}(?:инструкци|указани)|(?:забудь|забудьте).{0,30}(?:инструкци|указани|всё|все)"),
    # Questions for what stands before the conversation.
    ("exfiltration", r"(?i)\b(?:reveal|show|print|repeat|output|display|tell me|give me|leak|expose|dump|recite|write out|what (?:is|are|was|were))\b[\w\s,'’]{0,40}?\b(?:your|the) (?:\w+ ){0,2}?(?:system (?:prompt|message|instructions?)|initial (?:prompt|instructions?|message)|hidden (?:prompt|instructions?)|original (?:prompt|instructions?)|(?:secret|internal|confidential) (?:prompt|instructions?|rules|guidelines))\b"),  # noqa: RUF001
    ("exfiltration", r"(?i)\brepeat (?:the |all |every )?(?:words?|text|everything|lines?|sentences?) (?:that (?:is|are|was) )?(?:above|before)\b"),
    # Roles without rules.
    ("jailbreak", r"\bDAN\b[\s\S]{0,200}?(?i:\b(?:do anything now|no (?:rules|restrictions|limits)|jailbr|freed|broken free)\b)|(?i:do anything now)"),
    ("jailbreak", r"(?i)\b(?:developer|dev|god|admin|debug|sudo|root|unrestricted|unfiltered|jailbreak|jailbroken|evil|maintenance) mode\b[\w\s,.:'\"()-]{0,60}?\b(?:enabled|activated|outputs?|responses?|unlocked|engaged)\b"),
    ("jailbreak", r"(?i)\b(?:enable|activate|enter|switch to|turn on|unlock)\b[\w\s]{0,20}?\b(?:developer|god|admin|sudo|unrestricted|unfiltered|jailbreak|evil|dan) mode\b"),
    ("jailbreak", r"(?i)\b(?:you are|you're|act as|pretend (?:to be|you are|that you)|imagine you are|play(?:ing)? the role of|role-?play(?:ing)? as|simulate)\b[^.!?\n]{0,120}?\b(?:no|without(?: any)?|free (?:of|from)(?: all| any)?|not bound by(?: any)?|unbound by|ignores?(?: all)?|lacks?(?: any)?|bypass(?:es)?)\s+(?:\w+\s+){0,3}?(?:restrictions?|rules|limits|limitations|filters?|guidelines?|ethics|ethical|morals?|morality|censorship|polic(?:y|ies)|constraints?|safeguards?|boundaries)\b"),
    ("jailbreak", r"(?i)\b(?:has|have|with|without) (?:absolutely )?(?:no|any) (?:ethical|moral|content|safety|legal)(?: or (?:ethical|moral|content|safety|legal))? (?:guidelines?|restrictions?|limitations?|constraints?|filters?|boundaries|rules|polic(?:y|ies)|principles)\b"),
    ("jailbreak", r"(?i)\b(?:unfiltered|uncensored|amoral|unrestricted|unethical)\b[^.!?\n]{0,40}?\b(?:ai|chat ?bot|assistant|language model|model|response|answer|gpt)\b"),
    ("jailbreak", r"(?i)\b(?:always|never)\b[^.!?\n]{0,40}?\b(?:refus(?:e|es|ing)|decline|say (?:no|sorry|that you can(?:not|'t))|break character|stay in character)\b[^.!?\n]{0,60}?\b(?:request|question|instruction|character|user|as an ai|dan|order)"),
    ("jailbreak", r"(?i)\b(?:openai|anthropic|google|microsoft)(?:'s)?(?: content)? (?:polic(?:y|ies)|guidelines|rules)\b[^.!?\n]{0,60}?\b(?:ignore|bypass|don't apply|do not apply|no longer|not bound|violate|disregard)\b|\b(?:ignore|bypass|violate|disregard|not bound by|free from)\b[^.!?\n]{0,40}?\b(?:openai|anthropic|google|microsoft)(?:'s)? (?:content )?(?:polic(?:y|ies)|guidelines|rules)\b"),
    ("jailbreak", r"(?i)\b(?:stay in character|🔓|\[?jailbr(?:eak|oken)\]?)\s{0,3}[:\])]|\[🔓|🔒.{0,20}(?:classic|gpt)"),
    ("jailbreak", r"(?i)\b(?:doesn['’]?t|does not|don['’]?t|do not|not|never|no longer|without|nor)\b[^.!?\n]{0,30}?\b(?:have|has|care|caring|follow|abide|adhere|bound|regard|consider|obey|concerned?|worry)\b[^.!?\n]{0,50}?\b(?:content (?:filters?|polic(?:y|ies))|ethics?|ethical|morals?|morality|legality|laws?|consequences|openai|guidelines|restrictions)\b"),  # noqa: RUF001
    ("jailbreak", r"(?i)\b(?:answer|respond to|reply to|comply with|fulfil?l?|obey|follow|do)\b\s+(?:to\s+)?(?:any|every|all|anything|everything|whatever)\b[^.!?\n]{0,60}?\b(?:without (?:any )?(?:question|hesitation|restriction|refus|warning|filter|limit|moral|ethic|disclaimer|judg)|no matter (?:what|how)|regardless of|even if (?:it|they)|never (?:refuse|say no|decline))"),
    ("jailbreak", r"(?i)\b(?:two|2|both)\b[^.!?\n]{0,20}?\b(?:responses|answers|ways|paragraphs|outputs|replies)\b[\s\S]{0,160}?\b(?:gpt|classic|normal(?:ly)?|standard|jailbr)"),
    # Turns and marks that only the service writes.
    ("role_injection", r"<\|(?:im_start|im_end|system|assistant|user|endoftext|begin_of_text|start_header_id|end_header_id|eot_id|endofprompt)\|>"),
    ("role_injection", r"\[/?INST\]|<</?SYS>>|</?(?:system|assistant)(?:_prompt|_message)?>"),
    ("role_injection", r"(?im)^\s{0,3}#{2,4}\s{0,3}(?:system|instruction|assistant)\s{0,3}:"),
    ("role_injection", r"(?m)^\s{0,3}(?:(?:SYSTEM|System|ASSISTANT)\s{0,2}(?:PROMPT|Prompt|prompt|OVERRIDE|Override|MESSAGE)|SYSTEM|ASSISTANT)\s{0,2}:\s{1,3}\S"),
    # Where a reader does not look.
    ("hidden", r"(?i)<!--[^>]{0,400}?\b(?:ignore|instruction|assistant|system prompt|as an ai|you must)\b"),
    ("hidden", r"(?i)(?:font-size\s{0,2}:\s{0,2}0|color\s{0,2}:\s{0,2}(?:white|#fff(?:fff)?)\b|display\s{0,2}:\s{0,2}none)[^<]{0,200}?>[^<]{0,200}?\b(?:ignore|instruction|assistant|system prompt|you must)\b"),
    ("encoded", r"(?i)\b(?:decode|decipher|translate|interpret|execute|run)\b[^.!?\n]{0,40}?\b(?:base64|rot13|hex|morse|cipher)\b[^.!?\n]{0,60}?\b(?:and|then)\b[^.!?\n]{0,30}?\b(?:follow|execute|do|obey|answer|comply|respond)\b"),
)  # fmt: skip
# Unicode's tags are letters that no screen shows (unicode.org/charts/PDF/UE0000.pdf); three of them are no emoji flag.
_TAGS = range(0xE0000, 0xE0080)
FEWEST_TAGS = 3


class PromptAttackSettings(FilterSettings):
    """Known attacks on prompts, in what is asked; in answers where they are fed to another model."""

    def filter(self, means: Means) -> Filter:  # noqa: ARG002 - it needs none
        """Return the filter."""
        return PromptAttack()


class PromptAttack:
    """Finds ``override``, ``exfiltration``, ``jailbreak``, ``role_injection``, ``hidden`` and ``encoded``."""

    # Hidden letters are folded away: there is nothing left for a gate.
    gate: ClassVar[tuple[str, ...]] = ()

    def __init__(self) -> None:
        """Compile the patterns."""
        import re2  # noqa: PLC0415 - it costs a cold start, and only filters need it

        self._hits = gate_of([pattern for _, pattern in PATTERNS])
        self._patterns = [(kind, re2.compile(pattern)) for kind, pattern in PATTERNS]

    async def look(self, subject: Subject) -> list[Finding]:
        """Return the attacks in all texts."""
        found = []
        for part, text in enumerate(subject.texts):
            if not text.raw.isascii() and _tags_in(text.raw) >= FEWEST_TAGS:
                found.append(Finding(kind="hidden", part=part))
            for hit in self._hits(text.folded):
                kind, pattern = self._patterns[hit]
                found += [
                    Finding(
                        kind=kind, part=part, start=each.start(), end=each.end(), confidence=0.8
                    )
                    for each in pattern.finditer(text.folded)
                ]
        return found


def _tags_in(text: str) -> int:
    return sum(ord(letter) in _TAGS for letter in text)

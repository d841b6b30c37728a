"""Meta's Llama (docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-meta.html)."""

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from batchwright.natives.bodies import Answer, Count, Fields, Native, Parts, Said, text_of
from batchwright.shapes import Fraction, Shape

ENDINGS = {"stop": "end_turn", "length": "max_tokens"}
LARGEST_LIMIT = 2048
# Words of the templates of Llama 3 and 4, which no other family's prompts have.
TEMPLATE = (b"<|begin_of_text|>", b"<|start_header_id|>", b"<|header_start|>")


class Body(Shape, frozen=True, kw_only=True):
    """A request: a raw prompt, in the model's own template, and pictures for those that see."""

    prompt: str
    images: list[str] | UnsetType = UNSET
    max_gen_len: Annotated[int, Meta(ge=1, le=LARGEST_LIMIT)] | UnsetType = UNSET
    temperature: Fraction | UnsetType = UNSET
    top_p: Fraction | UnsetType = UNSET


class Reply(Answer, frozen=True, gc=False):
    """An answer."""

    generation: str
    prompt_token_count: Count
    generation_token_count: Count
    stop_reason: str


def _speaks(body: Fields) -> bool:
    if "prompt" not in body:
        return False
    prompt = bytes(body["prompt"])
    return "max_gen_len" in body or any(word in prompt for word in TEMPLATE)


def _parts(body: Body) -> Parts:
    yield "prompt", body.prompt
    if not isinstance(body.images, UnsetType):
        yield from ((f"images[{at}]", {"image": data}) for at, data in enumerate(body.images))


def _said(answer: Reply) -> Said:
    return Said(
        content=text_of(answer.generation),
        stop_reason=ENDINGS.get(answer.stop_reason, answer.stop_reason),
        input_tokens=answer.prompt_token_count,
        output_tokens=answer.generation_token_count,
    )


LLAMA = Native(
    name="llama",
    sign='"max_gen_len" for Llama',
    speaks=_speaks,
    needs=frozenset({"prompt"}),
    body=Body,
    answer=Reply,
    parts=_parts,
    said=_said,
    limits=(("max_gen_len",),),
    largest_limit=LARGEST_LIMIT,
)

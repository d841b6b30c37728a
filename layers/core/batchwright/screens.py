"""What a worker does with a contract's filters: requests and answers go through them, and what passes goes on."""

from dataclasses import replace

from batchwright.contract import Contract
from batchwright.errors import Withheld
from batchwright.filters import Means, Subject
from batchwright.finding import Stage, Verdict
from batchwright.folding import Text
from batchwright.judging import Judges
from batchwright.passages import (
    body_of,
    completion_with,
    request_with,
    texts_answered,
    texts_asked,
)
from batchwright.request import Request
from batchwright.screening import Screen, Screened
from batchwright.settling import Asked


class Screens:
    """The filters of one contract, for what is asked and for what is answered."""

    def __init__(self, contract: Contract, means: Means, judges: Judges) -> None:
        """Load them once; a stage without any lets everything pass. ``judges`` ask other models for them."""
        self._judges = judges
        self._input, self._output = (
            Screen(stage, [(entry.name, entry.settings) for entry in entries], means)
            if (entries := contract.filters.at(stage))
            else None
            for stage in Stage
        )

    async def asked(self, asked: Asked, request: Request) -> Request:
        """Return a request as it may be asked; raises :class:`Withheld`."""
        if self._input is None:
            return request
        texts = [Text(text) for text in texts_asked(request)]
        subject = Subject(
            stage=Stage.INPUT, texts=texts, key=asked.key, models=self._judges.of(asked)
        )
        screened = await self._input.look(subject, asked.placeholders)
        asked.notes.add(screened.verdict, screened.noted)
        _let_pass(screened, Stage.INPUT, asked)
        if not screened.texts:
            return request
        return replace(request, body=request_with(request.body, screened.texts))

    async def answered(self, asked: Asked, request: Request) -> bool:
        """Look at an answer, and release of it what may be; raises :class:`Withheld`.

        Returns whether it may be kept for others: whether it was released as it is.
        """
        assert asked.completion is not None  # noqa: S101 - there is an answer
        if self._output is None or asked.completion.vectors is not None:
            asked.released = asked.completion
            return True
        texts = [Text(text) for text in texts_answered(body_of(asked.completion))]
        subject = Subject(
            stage=Stage.OUTPUT,
            texts=texts,
            asked=lambda: texts_asked(request),
            key=asked.key,
            models=self._judges.of(asked),
        )
        screened = await self._output.look(subject, asked.placeholders)
        asked.notes.add(screened.verdict, screened.noted)
        _let_pass(screened, Stage.OUTPUT, asked)
        asked.released = asked.completion
        if screened.texts:
            asked.released = completion_with(asked.completion, screened.texts)
        return screened.verdict is Verdict.PASS


def _let_pass(screened: Screened, stage: Stage, asked: Asked) -> None:
    if screened.verdict.withholds:
        done = "blocked" if screened.verdict is Verdict.BLOCK else "held for review"
        what = "the request" if stage is Stage.INPUT else "the answer"
        raise Withheld(
            f"{what} was {done} by the contract's filters: {asked.notes.withheld_for}",
            verdict=screened.verdict,
            stage=stage,
        )

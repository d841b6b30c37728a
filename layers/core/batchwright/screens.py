"""What a worker does with a contract's filters: requests and answers go through them, and what passes goes on."""

from collections.abc import Iterable
from dataclasses import replace

from batchwright.completion import Completion
from batchwright.conformity import EXTRACTED, Conformity, noted
from batchwright.contract import Contract
from batchwright.errors import SchemaViolation, Withheld
from batchwright.filters import FilterEntry, Means, Subject
from batchwright.filters.schema import SchemaSettings
from batchwright.finding import FAILED, Stage, Verdict
from batchwright.folding import Text
from batchwright.judging import Judges
from batchwright.looked import Looked, Looks
from batchwright.passages import (
    body_of,
    completion_with,
    request_with,
    texts_answered,
    texts_asked,
)
from batchwright.placeholders import Placeholders
from batchwright.request import Request
from batchwright.screening import Screen, Screened
from batchwright.settling import Asked


class Screens:
    """The filters of one contract, for what is asked and for what is answered."""

    def __init__(
        self, contract: Contract, means: Means, judges: Judges, looks: Looks | None = None
    ) -> None:
        """Load them once; a stage without any lets everything pass. ``judges`` ask other models for them.

        Requests of which ``looks`` are kept are not looked at again; those that are now are added.
        """
        self._judges = judges
        self._looks = looks
        filters = contract.filters
        form = next((each.json_schema for each in filters.output if each.json_schema), None)
        self._conformity = Conformity(form) if form else None
        self.repairs = contract.repairs if form and form.repairs else 0
        """How often a model is asked again whose answer does not fit the schema."""
        self._input = _screen(Stage.INPUT, filters.input, means)
        self._output = _screen(Stage.OUTPUT, filters.output, means)

    async def asked(self, asked: Asked, request: Request) -> Request:
        """Return a request as it may be asked.

        Raises :class:`Withheld`, and :class:`RecordInvalid` where no answer could be held to its schema.
        """
        if self._conformity is not None:
            self._conformity.check(request)
        if self._input is None:
            return request
        kept = self._looks.found(asked.index) if self._looks else None
        if kept is not None:
            asked.placeholders = Placeholders(kept.numbers)
            screened = Screened(verdict=kept.verdict, noted=kept.noted, texts=kept.texts)
        else:
            screened = await self._looked_at(self._input, asked, request)
        asked.notes.add(screened.verdict, screened.noted)
        _let_pass(screened, Stage.INPUT, asked)
        if self._looks and kept is None:
            self._looks.add(_looked(asked, screened))
        if not screened.texts:
            return request
        return replace(request, body=request_with(request.body, screened.texts))

    async def answered(self, asked: Asked, request: Request, *, cut: bool = False) -> bool:
        """Look at an answer, and release of it what may be.

        Returns whether it may be kept for others: whether it was released as it is. Raises :class:`Withheld`, and
        :class:`SchemaViolation` where it does not fit its schema and is to fail for that; one that was ``cut`` need
        not fit.
        """
        assert asked.completion is not None  # noqa: S101 - there is an answer
        if self._output is None or asked.completion.vectors is not None:
            asked.released = asked.completion
            return True
        screened = Screened()
        answer = asked.completion
        if not cut:
            answer = self._held_to_schema(answer, request, screened)
        texts = [Text(text) for text in texts_answered(body_of(answer))]
        subject = Subject(
            stage=Stage.OUTPUT,
            texts=texts,
            asked=lambda: texts_asked(request),
            key=asked.key,
            models=self._judges.of(asked),
        )
        screened = await self._output.look(subject, asked.placeholders, screened)
        asked.notes.add(screened.verdict, screened.noted)
        _let_pass(screened, Stage.OUTPUT, asked)
        asked.released = answer
        if screened.texts:
            asked.released = completion_with(answer, screened.texts)
        return screened.verdict is Verdict.PASS and answer is asked.completion

    async def _looked_at(self, screen: Screen, asked: Asked, request: Request) -> Screened:
        texts = [Text(text) for text in texts_asked(request)]
        models = self._judges.of(asked)
        subject = Subject(stage=Stage.INPUT, texts=texts, key=asked.key, models=models)
        return await screen.look(subject, asked.placeholders)

    def _held_to_schema(
        self, answer: Completion, request: Request, screened: Screened
    ) -> Completion:
        """Return an answer, or the JSON out of it; raises :class:`SchemaViolation`."""
        if self._conformity is None:
            return answer
        try:
            looked = self._conformity.look(answer, request)
        except SchemaViolation:
            raise
        except Exception:  # noqa: BLE001 - as of every filter: what could not be looked at is held
            screened.note(noted(FAILED, Verdict.REVIEW))
            return answer
        if looked.violation is not None:
            screened.note(noted(looked.violation.kind, self._conformity.verdict))
        elif looked.completion is not answer:
            screened.note(noted(EXTRACTED, Verdict.PASS))
        return looked.completion


def _screen(stage: Stage, entries: Iterable[FilterEntry], means: Means) -> Screen | None:
    placed = [(entry.name, entry.settings) for entry in entries]
    others = [each for each in placed if not isinstance(each[1], SchemaSettings)]
    return Screen(stage, others, means) if placed else None


def _looked(asked: Asked, screened: Screened) -> Looked:
    return Looked(
        index=asked.index,
        verdict=screened.verdict,
        noted=screened.noted,
        texts=screened.texts,
        numbers=asked.placeholders.numbers,
    )


def _let_pass(screened: Screened, stage: Stage, asked: Asked) -> None:
    if screened.verdict.withholds:
        done = "blocked" if screened.verdict is Verdict.BLOCK else "held for review"
        what = "the request" if stage is Stage.INPUT else "the answer"
        raise Withheld(
            f"{what} was {done} by the contract's filters: {asked.notes.withheld_for}",
            verdict=screened.verdict,
            stage=stage,
        )

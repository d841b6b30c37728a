"""The filters, one file each: texts to findings. Which there are, and how a contract names them."""

from typing import Self

from pydantic import ConfigDict, Field, model_validator

from batchwright.filters.citations import CitationsSettings
from batchwright.filters.comprehend import ComprehendSettings
from batchwright.filters.filter import Filter, FilterSettings, Means, Subject
from batchwright.filters.function import FunctionSettings
from batchwright.filters.guardrail import GuardrailSettings
from batchwright.filters.guardrail_checks import GuardrailChecksSettings
from batchwright.filters.judge import JudgeSettings
from batchwright.filters.language import LanguageSettings
from batchwright.filters.length import LengthSettings
from batchwright.filters.pii import PiiSettings
from batchwright.filters.prompt_attack import PromptAttackSettings
from batchwright.filters.refusal import RefusalSettings
from batchwright.filters.regex import RegexSettings
from batchwright.filters.repetition import RepetitionSettings
from batchwright.filters.schema import SchemaSettings
from batchwright.filters.secrets import SecretsSettings
from batchwright.filters.terms import TermsSettings
from batchwright.finding import Stage
from batchwright.written import Written

__all__ = ["Filter", "FilterEntry", "FilterSettings", "Filters", "Means", "Subject"]


class FilterEntry(Written):
    """One filter in a contract's list: its name, and what follows from what it finds."""

    model_config = ConfigDict(validate_by_alias=True)

    citations: CitationsSettings | None = None
    comprehend: ComprehendSettings | None = None
    function: FunctionSettings | None = None
    guardrail: GuardrailSettings | None = None
    guardrail_checks: GuardrailChecksSettings | None = None
    json_schema: SchemaSettings | None = Field(default=None, alias="schema")
    judge: JudgeSettings | None = None
    language: LanguageSettings | None = None
    length: LengthSettings | None = None
    pii: PiiSettings | None = None
    prompt_attack: PromptAttackSettings | None = None
    refusal: RefusalSettings | None = None
    regex: RegexSettings | None = None
    repetition: RepetitionSettings | None = None
    secrets: SecretsSettings | None = None
    terms: TermsSettings | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if len(self.model_fields_set) != 1 or getattr(self, *self.model_fields_set) is None:
            raise ValueError("an entry names one filter, as `- pii: redact`")
        return self

    @property
    def name(self) -> str:
        """The filter's name, as the contract writes it."""
        (field,) = self.model_fields_set
        return type(self).model_fields[field].alias or field

    @property
    def settings(self) -> FilterSettings:
        """What the contract says to it."""
        (field,) = self.model_fields_set
        settings: FilterSettings = getattr(self, field)
        return settings


class Filters(Written):
    """What looks at what is asked, and at what is answered."""

    input: tuple[FilterEntry, ...] = ()
    output: tuple[FilterEntry, ...] = ()

    @model_validator(mode="after")
    def _in_place(self) -> Self:
        for stage in Stage:
            for number, entry in enumerate(self.at(stage)):
                if stage not in entry.settings.stages:
                    raise ValueError(f"{stage}.{number}: {entry.name} does not look at {stage}s")
        if sum(entry.json_schema is not None for entry in self.output) > 1:
            raise ValueError("output: schema stands there twice; it looks once, before the others")
        return self

    def at(self, stage: Stage) -> tuple[FilterEntry, ...]:
        """Return the filters of a stage, in the contract's order."""
        return self.input if stage is Stage.INPUT else self.output

    @property
    def models(self) -> tuple[str, ...]:
        """Return the models that filters ask."""
        entries = (*self.input, *self.output)
        return tuple(model for entry in entries for model in entry.settings.models)

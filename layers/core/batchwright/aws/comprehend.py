"""Amazon Comprehend."""

from collections.abc import Callable, Sequence
from typing import Any

from batchwright.aws.threads import Service
from batchwright.filters.services import Json


class AmazonComprehend:
    """Finds personal data and toxic content."""

    def __init__(self, make: Callable[[], Any]) -> None:
        """``make`` returns a client of ``comprehend``."""
        self._service = Service(make)

    async def personal(self, text: str, language: str) -> Sequence[Json]:
        """Return the entities of a text."""
        answer = await self._service.ask(
            "detect personal data",
            lambda client: client.detect_pii_entities(Text=text, LanguageCode=language),
            member="Entities",
        )
        entities: Sequence[Json] = answer["Entities"]
        return entities

    async def toxic(self, texts: Sequence[str], language: str) -> Sequence[Json]:
        """Return the labels of each text."""
        answer = await self._service.ask(
            "detect toxic content",
            lambda client: client.detect_toxic_content(
                TextSegments=[{"Text": text} for text in texts], LanguageCode=language
            ),
            member="ResultList",
        )
        results: Sequence[Json] = answer["ResultList"]
        return results

    def close(self) -> None:
        """Let go of its threads."""
        self._service.close()

"""The files in docs/samples: the dialect of each, the contract that it runs under, and how many records it holds."""

from dataclasses import dataclass
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A file of the shape that the documentation of whoever made the dialect shows."""

    dialect: str
    records: int
    contract: str = "default"


# A contract that runs a sample which has another already.
BESIDE = {"with-fallback": "support-mails.jsonl"}
SAMPLES = {
    "support-mails.jsonl": Sample(dialect="openai_chat", records=24, contract="support-triage"),
    "support-mails.csv": Sample(dialect="csv", records=6, contract="support-triage"),
    "letters.csv": Sample(dialect="csv", records=5, contract="redact-and-release"),
    "comments.csv": Sample(dialect="csv", records=5, contract="moderation"),
    "invoice.md": Sample(dialect="document", records=1, contract="extraction"),
    "tools.openai_chat.jsonl": Sample(dialect="openai_chat", records=7),
    "questions.openai_responses.jsonl": Sample(dialect="openai_responses", records=8),
    "slogans.openai_completions.jsonl": Sample(dialect="openai_completions", records=7),
    "products.openai_embeddings.jsonl": Sample(dialect="openai_embeddings", records=8),
    "mails.anthropic.jsonl": Sample(dialect="anthropic", records=8),
    "mails.anthropic.requests.json": Sample(dialect="anthropic", records=6),
    "questions.converse.jsonl": Sample(dialect="bedrock_converse", records=4),
    "questions.claude.jsonl": Sample(dialect="bedrock_invoke", records=7),
    "questions.nova.jsonl": Sample(dialect="bedrock_invoke", records=7),
    "questions.titan.jsonl": Sample(dialect="bedrock_invoke", records=7),
    "questions.llama.jsonl": Sample(dialect="bedrock_invoke", records=7),
    "questions.mistral.jsonl": Sample(dialect="bedrock_invoke", records=7),
    "questions.command_r.jsonl": Sample(dialect="bedrock_invoke", records=7),
    "products.titan_embed.jsonl": Sample(dialect="bedrock_invoke", records=7),
    "products.cohere_embed.jsonl": Sample(dialect="bedrock_invoke", records=7),
    "questions.gemini.jsonl": Sample(dialect="gemini", records=8),
    "questions.vertex.jsonl": Sample(dialect="vertex", records=8),
    "products.csv": Sample(dialect="csv", records=6, contract="product-tags"),
    "products.tsv": Sample(dialect="tsv", records=6, contract="product-tags"),
    "products.rows.jsonl": Sample(dialect="rows_jsonl", records=6, contract="product-tags"),
    "products.parquet": Sample(dialect="parquet", records=6, contract="product-tags"),
    # Five pieces, and the record that joins the answers to them.
    "handbook.md": Sample(dialect="document", records=6, contract="summarise"),
}

"""A body of every family's own, as its documentation shows it, and with every parameter that is taken."""

from typing import Any

SAYS = [{"role": "user", "content": [{"type": "text", "text": "Hello"}]}]
TOOL = {"name": "price", "description": "A price.", "input_schema": {"type": "object"}}
FUNCTION = {
    "type": "function",
    "function": {"name": "price", "description": "A price.", "parameters": {"type": "object"}},
}
CALLING = {
    "role": "assistant",
    "content": "",
    "tool_calls": [{"id": "c1", "function": {"name": "price", "arguments": "{}"}}],
}

CLAUDE: dict[str, Any] = {
    "anthropic_version": "bedrock-2023-05-31",
    "max_tokens": 100,
    "messages": SAYS,
}
NOVA: dict[str, Any] = {
    "schemaVersion": "messages-v1",
    "messages": [{"role": "user", "content": [{"text": "Hello"}]}],
    "inferenceConfig": {"maxTokens": 100},
}
TITAN: dict[str, Any] = {
    "inputText": "User: Hello\nBot:",
    "textGenerationConfig": {"maxTokenCount": 100},
}
TITAN_EMBED: dict[str, Any] = {"inputText": "Hello", "dimensions": 512, "normalize": True}
LLAMA: dict[str, Any] = {"prompt": "<|begin_of_text|>Hello", "max_gen_len": 100}
MISTRAL: dict[str, Any] = {"prompt": "<s>[INST] Hello [/INST]", "max_tokens": 100}
COMMAND_R: dict[str, Any] = {"message": "Hello", "max_tokens": 100}
COMMAND: dict[str, Any] = {"prompt": "Hello", "max_tokens": 100, "p": 0.5}
COHERE_EMBED: dict[str, Any] = {"texts": ["Hello", "you"], "input_type": "search_document"}
GPT_OSS: dict[str, Any] = {
    "messages": [{"role": "developer", "content": "Be short."}, {"role": "user", "content": "Hi"}],
    "max_completion_tokens": 100,
}

PLAIN = {
    "anthropic": CLAUDE,
    "nova": NOVA,
    "titan_text": TITAN,
    "titan_embed": TITAN_EMBED,
    "llama": LLAMA,
    "mistral": MISTRAL,
    "cohere": COMMAND_R,
    "cohere_embed": COHERE_EMBED,
    "openai": GPT_OSS,
}

RICH: list[tuple[str, dict[str, Any]]] = [
    (
        "anthropic",
        CLAUDE
        | {
            "anthropic_beta": ["context-1m-2025-08-07"],
            "system": [
                {"type": "text", "text": "Be short.", "cache_control": {"type": "ephemeral"}}
            ],
            "messages": [
                *SAYS,
                {
                    "role": "assistant",
                    "content": [{"type": "tool_use", "id": "c1", "name": "price", "input": {}}],
                },
                {
                    "role": "user",
                    "content": [
                        {"type": "tool_result", "tool_use_id": "c1", "content": "3"},
                        {"type": "image", "source": {"type": "base64", "data": "AAAA"}},
                    ],
                },
            ],
            "temperature": 0.5,
            "top_p": 0.9,
            "top_k": 5,
            "stop_sequences": ["\n"],
            "tools": [TOOL],
            "tool_choice": {"type": "auto"},
            "thinking": {"type": "disabled"},
            "output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}},
        },
    ),
    (
        "nova",
        NOVA
        | {
            "system": [{"text": "Be short."}],
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"text": "Look"},
                        {"image": {"format": "png", "source": {"bytes": "AAAA"}}},
                    ],
                }
            ],
            "inferenceConfig": {
                "max_new_tokens": 100,
                "temperature": 0,
                "topP": 0.9,
                "topK": 20,
                "stopSequences": ["x"],
            },
            "toolConfig": {"tools": [{"toolSpec": {"name": "price", "inputSchema": {"json": {}}}}]},
        },
    ),
    (
        "titan_text",
        {
            "inputText": "Hello",
            "textGenerationConfig": {
                "maxTokenCount": 100,
                "temperature": 0,
                "topP": 0.9,
                "stopSequences": ["User:"],
            },
        },
    ),
    ("titan_embed", TITAN_EMBED | {"embeddingTypes": ["float", "binary"]}),
    ("llama", LLAMA | {"images": ["AAAA"], "temperature": 0.5, "top_p": 0.9}),
    ("mistral", MISTRAL | {"stop": ["x"], "temperature": 0.5, "top_p": 0.9, "top_k": 50}),
    (
        "cohere",
        COMMAND_R
        | {
            "chat_history": [
                {"role": "USER", "message": "Hi"},
                {"role": "CHATBOT", "message": "Hello"},
            ],
            "documents": [{"title": "Menu", "snippet": "Latte 3"}],
            "search_queries_only": False,
            "preamble": "Be short.",
            "temperature": 0.5,
            "p": 0.9,
            "k": 5,
            "prompt_truncation": "OFF",
            "frequency_penalty": 0.1,
            "presence_penalty": 0.1,
            "seed": 7,
            "return_prompt": False,
            "tools": [{"name": "price", "description": "A price."}],
            "tool_results": [{"call": {"name": "price"}, "outputs": [{"text": "3"}]}],
            "stop_sequences": ["x"],
            "raw_prompting": False,
        },
    ),
    (
        "cohere",
        COMMAND
        | {
            "temperature": 1,
            "k": 5,
            "stop_sequences": ["x"],
            "return_likelihoods": "NONE",
            "num_generations": 1,
            "logit_bias": {"11": 1},
            "truncate": "END",
            "stream": False,
        },
    ),
    ("cohere_embed", COHERE_EMBED | {"truncate": "END", "embedding_types": ["float", "int8"]}),
    (
        "cohere_embed",
        {
            "inputs": [{"content": [{"type": "text", "text": "Hello"}]}],
            "input_type": "search_query",
            "output_dimension": 256,
            "max_tokens": 1000,
        },
    ),
    (
        "openai",
        GPT_OSS
        | {
            "messages": [
                {"role": "user", "content": [{"type": "text", "text": "Hi"}]},
                CALLING,
                {"role": "tool", "tool_call_id": "c1", "content": "3"},
            ],
            "temperature": 1.5,
            "top_p": 0.9,
            "stop": ["x"],
            "seed": 7,
            "frequency_penalty": 0.5,
            "presence_penalty": -0.5,
            "reasoning_effort": "low",
            "response_format": {"type": "text"},
            "tools": [FUNCTION],
            "tool_choice": "auto",
            "parallel_tool_calls": False,
            "n": 1,
            "stream": False,
        },
    ),
]

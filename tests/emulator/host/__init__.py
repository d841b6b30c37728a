"""The model host: Bedrock's runtime API on loopback, with real quotas, faults on demand and a ledger of its calls.

`python -m tests.emulator.host --port 0 --engine llama` starts it and prints `{"port": n}`.
"""

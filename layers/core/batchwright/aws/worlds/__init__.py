"""Ports to adapters, one file a step, so that a function loads only what it needs."""

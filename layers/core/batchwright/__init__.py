"""Serverless batch processing of large language model prompts on AWS."""

__version__ = "0.1.0"

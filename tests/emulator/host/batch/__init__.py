"""Bedrock's batch inference: jobs over files in S3, their life, and the events that tell of it."""

"""SageMaker's asynchronous endpoints: a queue before a container, files in S3, notifications."""

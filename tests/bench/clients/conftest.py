# Their libraries are in the peers' environment only.
collect_ignore = ["litellm_bedrock.py", "zae.py"]

"""The verbs, one a file: each takes ports, and none imports AWS."""

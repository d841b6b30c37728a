"""What can answer a call: the port, and one module for each engine."""

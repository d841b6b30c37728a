"""What personal data looks like, a family a file. To add a kind, add it to its family; see docs/filters.md."""

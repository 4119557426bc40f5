"""Rules of the house that no linter knows, for `make lint`. `python -m deploy.checks` prints a line for each fault."""

"""`python -m common.cli`: the command where the distribution is not installed."""

from __future__ import annotations

from common.cli.main import main

if __name__ == "__main__":
    main()

"""`make run`: the whole suite on this machine. `python -m deploy.local --port 8000`"""

from __future__ import annotations

import sys

import click

from deploy.local.run import run


@click.command()
@click.option("--port", default=8000, show_default=True, help="Port of the console; the others follow from it.")
def main(port: int) -> None:
    """Start everything, show where it is, and stop it at Ctrl-C."""
    sys.exit(run(port))


if __name__ == "__main__":
    main()

"""The console as a program: `python -m services.console`."""

from __future__ import annotations

from common.http.server import serve
from common.settings import load_or_exit
from services.console.app import create_app
from services.console.settings import ConsoleSettings


def main() -> None:
    settings = load_or_exit(ConsoleSettings)
    serve(lambda: create_app(settings), name="Console", host=settings.host, port=settings.port, settings=settings)


if __name__ == "__main__":
    main()

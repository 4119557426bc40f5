"""Notify's API as a program: `python -m services.notify.api`."""

from __future__ import annotations

from common.http.server import serve
from common.settings import load_or_exit
from services.notify.app import create_app
from services.notify.settings import ApiSettings


def main() -> None:
    settings = load_or_exit(ApiSettings)
    serve(lambda: create_app(settings), name="Notify API", host=settings.host, port=settings.port, settings=settings)


if __name__ == "__main__":
    main()

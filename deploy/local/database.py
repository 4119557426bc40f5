"""`make migrate` and `make seed`: work on DATABASE_URL, or on the data in `var/`, whether the suite runs or not."""

from __future__ import annotations

import sys
from collections.abc import Callable

import click

from deploy.local import seed as demonstration
from deploy.local.keyfiles import make_key_files
from deploy.local.layout import Folders, StartRefused
from deploy.local.preflight import make_folders
from deploy.local.run import migrate_database
from deploy.local.servers import Servers


def _with_database(work: Callable[[str, Folders], None]) -> None:
    folders = Folders.usual()
    try:
        make_folders(folders)
        servers = Servers(folders)
        servers.join_or_start_database()
        try:
            migrate_database(servers, click.echo)
            work(servers.admin_url, folders)
        finally:
            servers.stop()
    except StartRefused as refusal:
        print(f"colonnade: {refusal}", file=sys.stderr)
        sys.exit(1)


@click.group()
def main() -> None:
    """Work on the suite's database."""


@main.command("migrate")
def migrate_command() -> None:
    """Run the waiting migrations."""
    _with_database(lambda _url, _folders: click.echo("The database is up to date."))


@main.command("seed")
def seed_command() -> None:
    """Make the demonstration organisation, service and keys; those that are there stay."""

    def seed(url: str, folders: Folders) -> None:
        known = demonstration.known_keys(folders.suite_file)
        seeded = demonstration.seed(url, make_key_files(folders), known)
        click.echo(f"{seeded.service_name}: {seeded.service_id}")
        for kind, key in seeded.keys.items():
            click.echo(f"  {kind} key: {key}")

    _with_database(seed)


if __name__ == "__main__":
    main()

"""Run every check: a line for each fault, exit code 1 if there is any."""

from __future__ import annotations

import sys
from pathlib import Path

from deploy.checks import addresses, generated, links, migrations, requirements, sizes
from deploy.docs import pages

_ROOT = Path(__file__).resolve().parent.parent.parent


def _page_faults(root: Path) -> list[str]:
    try:
        wanted = pages.generated()
    except Exception as error:  # whatever keeps the code from being read, the other checks still run
        return [f"docs: the pages cannot be made ({type(error).__name__}: {error}); see `python -m deploy.docs`"]
    return generated.faults(root, wanted)


def main(root: Path = _ROOT) -> int:
    found = [
        *_page_faults(root),
        *requirements.faults(root),
        *addresses.faults(root),
        *migrations.faults(root),
        *sizes.faults(root),
        *links.faults(root),
    ]
    for fault in found:
        print(fault, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

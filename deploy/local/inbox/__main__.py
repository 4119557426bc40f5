"""Start the local inbox: `python -m deploy.local.inbox`."""

from __future__ import annotations

import sys

from deploy.local.inbox.program import main

if __name__ == "__main__":
    sys.exit(main())

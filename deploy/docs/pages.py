"""All generated pages, by their path below the root of the repository."""

from __future__ import annotations

from deploy.docs import configuration, errors, openapi


def generated() -> dict[str, bytes]:
    """What each page must hold now."""
    return {
        "docs/configuration.md": configuration.page().encode(),
        "docs/errors.md": errors.page().encode(),
        **{f"docs/openapi/{service}.json": openapi.document(service) for service in openapi.services()},
    }

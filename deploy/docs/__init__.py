"""Pages of docs/ that are made from the code (configuration, errors, OpenAPI): `python -m deploy.docs` writes them."""

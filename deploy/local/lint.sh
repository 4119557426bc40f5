#!/usr/bin/env bash
# All checks that need no running service; each is named before it runs, and the first that fails ends it.
set -euo pipefail
cd "$(dirname "$0")/../.."
bin=.venv/bin

step() {
    echo "· $1"
    shift
    "$@"
}

check_migrations() {
    local folder
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' RETURN
    "$bin/python" -m deploy.local.print_migrations "$folder"
    "$bin/squawk" --config deploy/local/squawk.toml "$folder"/*.sql
}

step "ruff check" "$bin/ruff" check --quiet .
step "ruff format" "$bin/ruff" format --check --quiet .
step "mypy --strict" "$bin/mypy" --strict
if [ -e deploy/checks.py ] || [ -e deploy/checks/__main__.py ]; then
    step "rules of the house" "$bin/python" -m deploy.checks
fi
step "migrations (squawk)" check_migrations
echo "lint: all checks passed"

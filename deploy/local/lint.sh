#!/usr/bin/env bash
# All checks that need no running service. Each is named before it runs; all run, and one that fails fails the whole.
set -euo pipefail
cd "$(dirname "$0")/../.."
bin=.venv/bin

failed=()

step() {
    local name=$1
    shift
    echo "· $name"
    "$@" || failed+=("$name")
}

check_migrations() {
    local folder code=0
    folder=$(mktemp -d)
    # no `set -e` in here: bash turns it off in a function that stands left of ||
    { "$bin/python" -m deploy.local.print_migrations "$folder" &&
        "$bin/squawk" --config deploy/local/squawk.toml "$folder"/*.sql; } || code=1
    rm -rf "$folder"
    return "$code"
}

step "ruff check" "$bin/ruff" check --quiet .
step "ruff format" "$bin/ruff" format --check --quiet .
step "mypy --strict" "$bin/mypy" --strict
if [ -e deploy/checks.py ] || [ -e deploy/checks/__main__.py ]; then
    step "rules of the house" "$bin/python" -m deploy.checks
fi
step "migrations (squawk)" check_migrations
if [ ${#failed[@]} -gt 0 ]; then
    printf 'lint: %s failed\n' "${failed[@]}" >&2
    exit 1
fi
echo "lint: all checks passed"

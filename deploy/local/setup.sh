#!/usr/bin/env bash
# Make .venv and install the pinned packages: `setup.sh run` for what runs, `setup.sh dev` for tests and checks as well.
set -euo pipefail
cd "$(dirname "$0")/../.."

kind=${1:?run or dev}
lock=requirements.lock
[ "$kind" = dev ] && lock=requirements-dev.lock

fail() {
    echo "colonnade: $*" >&2
    exit 1
}

# Runs each candidate: a name on PATH may be a stand-in (pyenv) for a version that is not installed.
find_python() {
    local candidate
    for candidate in ${PYTHON:-} python3.12 python3.11 python3; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
            echo "$candidate"
            return
        fi
    done
    return 1
}

make_venv() {
    local python
    python=$(find_python) || fail "Python 3.11 or 3.12 was not found: install it (Debian: apt install python3 python3-venv)," \
        "or name one with PYTHON=/path/to/python3.12."
    "$python" -c 'import ensurepip, venv' >/dev/null 2>&1 ||
        fail "$python has no venv module: install it (Debian: apt install python3-venv)."
    echo "Making .venv with $("$python" --version) …"
    "$python" -m venv --clear .venv || fail ".venv could not be made: is $(pwd) writable?"
}

# pip's own lines become one that counts; all of them are kept in the log.
show_progress() {
    local total=$1 line count=0
    while IFS= read -r line; do
        echo "$line" >>"$log"
        case $line in
        Collecting* | "Requirement already satisfied"*)
            count=$((count + 1))
            if [ -t 1 ]; then
                printf '\r  fetched %d of at most %d packages' "$count" "$total"
            elif [ $((count % 25)) -eq 0 ]; then
                echo "  fetched $count of at most $total packages"
            fi
            ;;
        "Installing collected"*)
            [ -t 1 ] && echo
            echo "  unpacking …"
            ;;
        esac
    done
    [ -t 1 ] && echo
    return 0
}

install() {
    local total
    total=$(grep -c '^[A-Za-z0-9].*==' "$lock")
    echo "Installing the packages of $lock …"
    : >"$log"
    .venv/bin/python -m pip install --no-input --disable-pip-version-check --progress-bar off \
        --require-hashes -r "$lock" 2>&1 | show_progress "$total" || broken
    .venv/bin/python -m pip install --no-input --disable-pip-version-check --quiet \
        --no-deps --no-build-isolation -e . >>"$log" 2>&1 || broken
}

broken() {
    grep -i error "$log" | tail -n 3 >&2 || true
    fail "the packages could not be installed (log: $log)."
}

# a venv that lost its Python (an upgraded system, a moved folder) is made again
works() {
    .venv/bin/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 &&
        .venv/bin/python -m pip --version >/dev/null 2>&1
}

works || make_venv
log=.venv/install.log
install
touch ".venv/.ready-$kind"
# the development set holds all that runs
if [ "$kind" = dev ]; then touch .venv/.ready-run; fi

#!/usr/bin/env bash
# Runs once, when the database is made: the programs' roles with their passwords. Migrations give them their rights.
set -euo pipefail

for role in notify console; do
    psql --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" \
        --set role="colonnade_$role" --set password="$(cat "/run/secrets/${role}_password")" <<'SQL'
create role :"role" login password :'password';
SQL
done

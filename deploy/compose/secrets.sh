#!/usr/bin/env bash
# Make the secrets that compose.yaml mounts, in ./secrets; those that are there stay.
set -euo pipefail
cd "$(dirname "$0")"

mkdir -p secrets
chmod 700 secrets # the files below are readable for the containers' account; this folder closes them to others

random() { openssl rand -hex 24; }

put() { # name, value
    [ -e "secrets/$1" ] && return
    printf '%s' "$2" >"secrets/$1"
    chmod 644 "secrets/$1"
    echo "made secrets/$1"
}

url() { # role, file of its password
    printf 'postgresql://%s:%s@postgres:5432/colonnade' "$1" "$(cat "secrets/$2")"
}

put postgres_password "$(random)"
put notify_password "$(random)"
put console_password "$(random)"
put owner_database_url "$(url postgres postgres_password)"
put notify_database_url "$(url colonnade_notify notify_password)"
put console_database_url "$(url colonnade_console console_password)"
put keys "{\"encryption\":{\"1\":\"$(openssl rand -base64 32)\"},\"index\":{\"1\":\"$(openssl rand -base64 32)\"}}"
put operator_signing_key "$(openssl rand -base64 32)"
put receipts_token "$(random)"
[ -e secrets/smtp_password ] || put smtp_password ""
[ -e secrets/sms_gateway_key ] || put sms_gateway_key ""
echo "Put the relay's password into secrets/smtp_password and the gateway's key into secrets/sms_gateway_key."

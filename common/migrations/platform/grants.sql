-- What the programs' own roles may read of identity. One program writes it: the console (and the command line).
grant usage on schema platform to {every_role};
grant select on platform.organisations, platform.services, platform.members, platform.api_keys,
    platform.token_keys, platform.operator_sessions to {every_role};
grant insert, update on platform.organisations, platform.services, platform.members, platform.api_keys,
    platform.token_keys, platform.operator_sessions to colonnade_console;
grant select, insert, update, delete on platform.work, platform.work_dead, platform.idempotency,
    platform.connections to colonnade_console;
grant select, insert on platform.audit_events to colonnade_console;

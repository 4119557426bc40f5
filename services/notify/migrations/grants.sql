grant usage on schema notify to colonnade_notify;
grant select, insert, update, delete on all tables in schema notify to colonnade_notify;
revoke update, delete, truncate on notify.audit_events from colonnade_notify;
revoke insert, update, delete on notify.schema_version from colonnade_notify;
grant execute on function notify.make_partitions(integer), notify.drop_partitions(timestamptz) to colonnade_notify;
revoke execute on function notify.make_partitions(integer), notify.drop_partitions(timestamptz) from public;

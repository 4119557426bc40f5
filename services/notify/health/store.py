"""The SQL of /_status."""

from __future__ import annotations

from common.db import Tx

_VERSION = "select version_num from notify.schema_version"
# partitions are named messages_<ISO year>w<week>; the last one says how far ahead messages can be stored
_LAST_PARTITION = """
select max(substr(c.relname, 10))
from pg_inherits i
join pg_class c on c.oid = i.inhrelid
where i.inhparent = 'notify.messages'::regclass
"""


async def version(tx: Tx) -> str:
    """The migration step the schema stands at."""
    return str(await tx.fetchval(_VERSION))


async def last_partition(tx: Tx) -> str:
    """The last week that has a partition, such as 2027w03."""
    return str(await tx.fetchval(_LAST_PARTITION))

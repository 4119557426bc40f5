"""PostgreSQL: the pool, transactions at the edge, rows into Structs."""

from common.db.pool import Database, Tx, many, maybe, one

__all__ = ["Database", "Tx", "many", "maybe", "one"]

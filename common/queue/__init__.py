"""Work lists in PostgreSQL, a doorbell and ticks through arq."""

from common.queue.claim import Work
from common.queue.work import DeadWork, LaneStats, NewWork, WorkList

__all__ = ["DeadWork", "LaneStats", "NewWork", "Work", "WorkList"]

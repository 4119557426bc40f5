"""Work lists in PostgreSQL, a doorbell and ticks through arq.

Programs that accept work need WorkList and Doorbell; workers import `common.queue.worker` too.
"""

from common.queue.backoff import Backoff
from common.queue.claim import Work
from common.queue.doorbell import Doorbell
from common.queue.work import DeadWork, LaneStats, NewWork, WorkList

__all__ = ["Backoff", "DeadWork", "Doorbell", "LaneStats", "NewWork", "Work", "WorkList"]

"""What the queue tells Prometheus. `schema` says whose queue it is; nothing here names a service or a person."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

RINGS = Counter(
    "colonnade_doorbell_rings_total", "Doorbell rings by outcome: rung, pending, failed.", ["schema", "lane", "outcome"]
)
BELLS = Counter("colonnade_doorbell_bells_total", "Bells that woke a worker.", ["schema", "lane"])
REDIS_LOST = Counter("colonnade_queue_redis_lost_total", "Times a worker lost Redis and went on by ticks.", ["schema"])
CLAIMED = Counter("colonnade_queue_claimed_total", "Rows claimed and worked on.", ["schema", "lane"])
DRAIN_FAULTS = Counter("colonnade_queue_drain_faults_total", "Batches that ended in an exception.", ["schema", "lane"])
TICKS = Counter(
    "colonnade_queue_ticks_total",
    "Maintenance ticks by outcome: ran, elsewhere, failed.",
    ["schema", "tick", "outcome"],
)

_LANE = ["schema", "lane"]
WAITING = Gauge("colonnade_work_waiting", "Rows on the work list, scheduled and leased ones included.", _LANE)
DUE = Gauge("colonnade_work_due", "Rows that could be claimed now.", _LANE)
OLDEST_DUE = Gauge("colonnade_work_oldest_due_age_seconds", "How late the oldest due row is.", _LANE)
LEASED = Gauge("colonnade_work_leased", "Rows held by workers.", _LANE)
DEAD = Gauge("colonnade_work_dead", "Rows given up and buried.", _LANE)

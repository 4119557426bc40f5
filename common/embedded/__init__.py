"""Real PostgreSQL and Redis of our own, for `make run` and for tests; production brings its own servers."""

from common.embedded.binaries import EmbeddedError
from common.embedded.postgres import EmbeddedPostgres
from common.embedded.redis import EmbeddedRedis

__all__ = ["EmbeddedError", "EmbeddedPostgres", "EmbeddedRedis"]

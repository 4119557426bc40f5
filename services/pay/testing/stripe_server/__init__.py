"""A Stripe of our own over real HTTP, for tests: the endpoints that our adapter uses, as strict as Stripe's.

Written from Stripe's public documentation of API version 2026-10-28.endive. State is in memory.
"""

from services.pay.testing.stripe_server.server import StripeServer

__all__ = ["StripeServer"]

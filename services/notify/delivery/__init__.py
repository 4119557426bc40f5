"""Delivery: accepted messages leave by their channel, at least once and never knowingly twice (docs/adr/0003)."""

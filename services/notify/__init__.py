"""Notify: messages accepted, rendered, delivered and reported."""

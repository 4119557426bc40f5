"""Receipts: what providers report about messages they took."""

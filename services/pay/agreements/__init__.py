"""Agreements: a payer lets a service charge a stored card again."""

"""Payments: taken by card, authorised, captured."""

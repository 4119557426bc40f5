"""Disputes: a payer asks the bank to take a payment back."""

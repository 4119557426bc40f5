"""The sandbox's own ledger, disputes and payouts."""

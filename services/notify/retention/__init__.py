"""Retention: personal data is kept as long as the service asks (3 to 90 days), then blanked."""

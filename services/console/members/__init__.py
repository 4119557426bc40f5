"""Who works for a service."""

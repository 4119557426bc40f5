"""Messages: accepted, read, delivered."""

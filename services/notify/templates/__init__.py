"""Templates: what messages are made from, each edit a version of its own."""

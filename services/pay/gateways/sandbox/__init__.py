"""The sandbox: a provider of its own, with its own books, that needs nobody outside."""

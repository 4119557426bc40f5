"""How Notify reaches the outside world: e-mail by SMTP, texts by an HTTP gateway."""

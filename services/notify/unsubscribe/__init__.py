"""One click out of a service's e-mails (RFC 8058), and the page for those who follow the link in a browser."""

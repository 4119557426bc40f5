"""The local inbox: a mail server, a text gateway and a web page that show what the suite sends, on loopback only."""

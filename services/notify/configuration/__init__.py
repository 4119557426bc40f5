"""What sending needs around it: a service's settings, senders, reply-to addresses and guest list."""

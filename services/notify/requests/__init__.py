"""What a caller may ask of Notify: bodies and query parameters, read once and refused with every fault at a time."""

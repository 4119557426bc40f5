"""What a caller may ask of Pay: bodies and query parameters, read once, refused with the first fault only."""

"""What tests of Pay stand on; nothing here runs in a service."""

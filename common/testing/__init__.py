"""What tests of all services stand on: real servers and databases of their own."""

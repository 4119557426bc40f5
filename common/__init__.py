"""What two services need, and no business word in any name (docs: architecture of the house)."""

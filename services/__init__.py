"""The independent programs of the suite. A service imports `common`, never a sibling."""

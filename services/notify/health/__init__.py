"""What /_status tells of Notify."""

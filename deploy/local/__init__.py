"""The whole suite on one machine, for people who try it and people who build it."""

"""Every test may ask for real servers: see common/testing/plugin.py."""

pytest_plugins = ["common.testing.plugin"]

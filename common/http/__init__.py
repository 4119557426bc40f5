"""The HTTP base of every program.

Import from its modules: a worker that only wants `trace` must not load a web framework.
"""

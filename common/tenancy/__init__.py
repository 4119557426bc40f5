"""Organisations, their services, who works for them, and the keys they call with.

Only one program writes these: the console, and until it exists the command line.
"""

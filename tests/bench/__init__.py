"""`make bench`: how fast Notify accepts and delivers on this machine, beside what the machine itself allows.

The yardsticks are those of ../shared/design/decisions.md; docs/performance.md says how to read the table.
"""

"""The `colonnade` command: all that an operator needs before there is a console, and in scripts after it."""

"""What pytest is not to import here."""

collect_ignore = ["expressions.py"]  # a script, which tests run in a process of its own

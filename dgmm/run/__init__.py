"""A run: its configuration, cluster, stages and progress."""

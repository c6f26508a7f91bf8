"""Jobs of several runs, for schedulers: ``python -m pipelines.NAME CONFIG``."""

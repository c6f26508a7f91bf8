"""Jobs of several runs of dgmm, for schedulers: ``python -m pipelines.NAME CONFIG``."""

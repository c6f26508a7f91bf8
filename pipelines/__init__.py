"""Jobs of several runs, for schedulers: ``dgmm NAME CONFIG``."""

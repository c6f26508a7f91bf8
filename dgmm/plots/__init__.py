"""Drawings of mixtures and sweeps on axes of Matplotlib, for reports and at the prompt."""

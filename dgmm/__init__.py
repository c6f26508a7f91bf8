"""Gaussian mixture models, fitted exactly by EM, on datasets bigger than memory."""

__version__ = "0.1.0"

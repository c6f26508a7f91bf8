"""The mathematics of Gaussian mixtures: NumPy and SciPy only, pure functions, frozen values."""

"""Bayesian mixtures by variational inference, on the sums of an E-step."""

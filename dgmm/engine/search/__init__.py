"""The search for the best mixture of each model, on rows that the driver holds."""

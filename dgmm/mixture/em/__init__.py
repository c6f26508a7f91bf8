"""EM and what makes it fewer steps: exact, stepwise, quasi-Newton, by a surrogate."""

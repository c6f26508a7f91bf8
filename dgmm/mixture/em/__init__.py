"""EM and its accelerations: exact, stepwise, quasi-Newton, surrogate."""

"""Examples that Hypothesis draws are the same in every run, however busy the machine is.

Others are tried with ``pytest --hypothesis-profile=default``.
"""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "repeatable", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("repeatable")

"""The settings that every part of a cluster needs, for those that start elsewhere."""

from dgmm.run.resilience import SETTINGS


def environment() -> dict[str, str]:
    """Environment variables under which Dask starts with dgmm's settings.

    >>> environment()["DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT"]
    '5s'
    """
    return {
        "DASK_" + name.upper().replace(".", "__").replace("-", "_"): str(value)
        for name, value in SETTINGS.items()
    }

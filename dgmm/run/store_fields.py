"""Locations and options of object stores in a configuration, which no secret enters."""

import math
import re
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator

from dgmm.errors import ConfigurationError
from dgmm.io.location import check_url
from dgmm.run.fields import Path
from dgmm.run.mistakes import conflict

_SECRET = re.compile("key|secret|token|passw|credential|connection_?string|sas|sign", re.I)
_NO_SECRETS = (("token", "anon"), ("token", "cloud"), ("token", "google_default"))  # ways to log in


def _known_url(location: str) -> str:
    """The location, if it is a path or a URL that dgmm can open."""
    if "://" not in location or location.startswith(("package://", "file://")):
        return location
    try:
        check_url(location)
    except ConfigurationError as error:
        raise conflict(str(error)) from error
    return location


def _plain_options(options: object) -> object:
    """Options as fsspec takes them: keys with scalars, or with keys in turn; none is a secret."""
    match options:
        case dict():
            for name, value in options.items():
                _refuse_secret(str(name), value)
            return {str(name): _plain_options(value) for name, value in options.items()}
        case str():
            return str(options)  # what came out of the environment as any other text
        case int() | None:
            return options
        case float() if math.isfinite(options):
            return options
    raise conflict("found a list or no number, expected keys with text, numbers, true or false")


def _refuse_secret(name: str, value: object) -> None:
    if _SECRET.search(name) and (name, value) not in _NO_SECRETS:
        raise conflict(
            f"found {name!r}, which may be a secret, expected none here: credentials come from the "
            "environment, such as AWS_SECRET_ACCESS_KEY, GOOGLE_APPLICATION_CREDENTIALS or "
            "AZURE_STORAGE_ACCOUNT_KEY, or from the provider's own files"
        )


def _mapping(options: object) -> object:
    if not isinstance(options, dict):
        raise conflict("expected keys with values, such as {endpoint_url: https://host}")
    return _plain_options(options)


Location = Annotated[Path, AfterValidator(_known_url)]
StorageOptions = Annotated[dict[str, Any], BeforeValidator(_mapping)]

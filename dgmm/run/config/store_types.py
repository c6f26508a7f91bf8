"""Field types for locations and options of object stores, which refuse secrets."""

import math
import re
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator
from pydantic_core import PydanticCustomError

from dgmm.errors import ConfigurationError
from dgmm.io.storage.location import check_url
from dgmm.run.config.field_types import Path, validation_error
from dgmm.run.config.yaml import read

_SECRET = re.compile("key|secret|token|passw|credential|connection_?string|sas|sign", re.I)
_NO_SECRETS = (("token", "anon"), ("token", "cloud"), ("token", "google_default"))  # ways to log in


def _known_url(location: str) -> str:
    """The location, if it is a path or a supported URL."""
    if "://" not in location or location.startswith(("package://", "file://")):
        return location
    try:
        check_url(location)
    except ConfigurationError as error:
        raise validation_error(str(error)) from error
    return location


def _plain_options(options: object) -> object:
    """Options for fsspec: keys with scalars or mappings, without secrets."""
    match options:
        case dict():
            return _plain_keys(options)
        case str():
            return str(options)  # values of variables as plain text
        case int() | None:
            return options
        case float() if math.isfinite(options):
            return options
    raise validation_error(
        "found a list or no number, expected keys with text, numbers, true or false"
    )


def _plain_keys(options: dict[Any, object]) -> dict[str, Any]:
    for name, value in options.items():
        _refuse_secret(str(name), value)
    return {str(name): _plain_options(value) for name, value in options.items()}


def _refuse_secret(name: str, value: object) -> None:
    if _SECRET.search(name) and (name, value) not in _NO_SECRETS:
        raise validation_error(
            f"found {name!r}, which may be a secret, expected none here: credentials come from the "
            "environment, such as AWS_SECRET_ACCESS_KEY, GOOGLE_APPLICATION_CREDENTIALS or "
            "AZURE_STORAGE_ACCOUNT_KEY, or from the provider's own files"
        )


def _mapping(options: object) -> dict[str, Any]:
    if not isinstance(options, dict):
        raise validation_error("expected keys with values, such as {endpoint_url: https://host}")
    return _plain_keys(options)


def parse_options(text: str) -> dict[str, Any]:
    """Options of an object store in the syntax of a configuration, without variables.

    Parameters
    ----------
    text : str
        YAML.

    Raises
    ------
    ConfigurationError
        If they are not keys with values, or if one may be a secret.

    Examples
    --------
    >>> parse_options("{anon: true, client_kwargs: {region_name: eu-1}}")
    {'anon': True, 'client_kwargs': {'region_name': 'eu-1'}}
    """
    document = read(text)
    try:
        for problem in document.problems:
            raise validation_error(problem.text)
        return _mapping(document.value)
    except PydanticCustomError as error:
        raise ConfigurationError(f"--storage-options: {error.message()}") from error


Location = Annotated[Path, AfterValidator(_known_url)]
StorageOptions = Annotated[dict[str, Any], BeforeValidator(_mapping)]

"""Validate a file: a section, or a list of every mistake with its line."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from pydantic import ValidationError

from dgmm.errors import ConfigurationError, UsageError
from dgmm.run.config.diagnostics import ConfigIssue, describe_issues, from_validation_error
from dgmm.run.config.field_types import Section
from dgmm.run.config.raw_config import RawConfig, merge_overrides
from dgmm.run.config.yaml import MAX_BYTES, KeyPath
from dgmm.run.redaction import Redactor

SectionT = TypeVar("SectionT", bound=Section)


@dataclass(frozen=True, slots=True)
class ValidatedSection(Generic[SectionT]):
    """A validated section, its text, and its redactor."""

    section: SectionT
    settings: RawConfig
    redactor: Redactor

    def references(self, place: KeyPath) -> dict[KeyPath, object]:
        """The texts at and below ``place`` that refer to variables.

        Keys are relative to the place and at most two levels deep, as sections of sections are.
        """
        inside = (path for path in self.settings.expanded if path[: len(place)] == place)
        keys = {path[len(place) :][:2] for path in inside}
        return {key: self.settings.written_value((*place, *key)) for key in keys}


def read_text(path: str | os.PathLike[str]) -> str:
    """The text of a configuration file, cut off beyond the limit that the reader refuses.

    Raises
    ------
    UsageError
        If there is no such file, or it cannot be read.
    ConfigurationError
        If it is not UTF-8.
    """
    try:
        with open(path, "rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise UsageError(f"cannot read the configuration {path}: {error.strerror}") from error
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if len(content) <= MAX_BYTES:
            raise ConfigurationError(
                f"{path}: found bytes that are no UTF-8 text ({error.reason}), expected a "
                f"configuration in YAML. `dgmm init INPUT` writes one for data."
            ) from error
        return content.decode(errors="replace")


def validate(
    model: type[SectionT], text: str, overrides: Sequence[str], name: str
) -> ValidatedSection[SectionT]:
    """Validate a text and its overrides.

    Parameters
    ----------
    model : type
        A section with everything that may be written.
    text : str
        YAML.
    overrides : sequence of str
        ``KEY=VALUE``.
    name : str
        Stands for the text in the message of an error.

    Raises
    ------
    ConfigurationError
        If anything is wrong; the message lists every mistake.
    """
    settings = merge_overrides(text, overrides, os.environ)
    redactor = Redactor.from_environment(settings.variables, os.environ)
    mistakes = list(settings.mistakes)
    if settings.is_readable:
        try:
            section = model.model_validate(settings.values)
        except ValidationError as error:
            known = {mistake.path[:2] for mistake in mistakes if mistake.path}
            found = (
                _add_place(m, settings)
                for m in from_validation_error(error, model, settings.written_value)
            )
            mistakes += [mistake for mistake in found if mistake.path[:2] not in known]
        else:
            if not mistakes:
                return ValidatedSection(section, settings, redactor)
    raise ConfigurationError(redactor(describe_issues(name, mistakes)))


def _add_place(mistake: ConfigIssue, settings: RawConfig) -> ConfigIssue:
    path = mistake.path
    if path and isinstance(path[-1], int) and path not in settings.places:
        path = path[:-1]  # the only item of a list that is written without brackets
    return replace(mistake, path=path, place=settings.place(path))

"""The configuration of a run: keys, defaults and limits, and how to load a file.

Relative paths are relative to the current directory, as in a shell command.
"""

import os
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, PrivateAttr, model_validator

from dgmm.run.config.cluster_options import Cluster, LocalCluster
from dgmm.run.config.drift_section import DriftLimits
from dgmm.run.config.environment import escape
from dgmm.run.config.field_types import (
    Assignment,
    Count,
    Many,
    Section,
    Share,
    validation_error,
)
from dgmm.run.config.input_section import STORAGE_OPTIONS, Input
from dgmm.run.config.model_section import Model, Prepare
from dgmm.run.config.store_types import Location, StorageOptions
from dgmm.run.config.validation import SectionT, read_text, validate
from dgmm.run.redaction import Redactor, redact_credentials


class Output(Section):
    """Where the results go, and which of them."""

    path: Location = Field(
        description="A directory that keeps every run, made if it is not there; or the URL of one "
        "in an object store."
    )
    storage_options: StorageOptions = Field(default_factory=dict, description=STORAGE_OPTIONS)
    assignments: Many[Assignment] = Field(
        default=("labels",), description="What to write for each row, one or a list."
    )
    merge: Literal["misclassification", "entropy"] = Field(
        default="misclassification",
        description="Which components are joined into clusters: those that are taken for each "
        "other (DEMP, Hennig 2010), or those between which assignments are uncertain (Baudry et "
        "al. 2010).",
    )
    n_clusters: Count | None = Field(
        default=None,
        description="How many clusters the components are joined to, at most as many as there are; "
        "null takes the rule of merge.",
    )
    report: bool = Field(
        default=True, description="Whether to end with a report, one HTML file for people."
    )
    most_probable: Count | None = Field(
        default=None,
        description="Keep only so many responsibilities of each row, the largest, with their "
        "components; null keeps all.",
    )
    outlier_quantile: Share = Field(
        default=0.01,
        description="Rows are outliers below this quantile of the log density; found on a sample, "
        "or in one more read of all rows if outlier is among the assignments.",
    )
    quantiles: Many[Share] = Field(
        default=(0.05, 0.25, 0.5, 0.75, 0.95),
        description="Of every feature in every component, found on a sample.",
    )


def _add_kind(value: object) -> object:
    return {"kind": "local", **value} if isinstance(value, dict) else value


class Configuration(Section):
    """A run of dgmm; relative paths are relative to the current directory.

    Examples
    --------
    >>> text = "{input: {path: x.npy}, output: {path: results}}"
    >>> configuration = loads(text, ["model.n_components=1:3"])
    >>> configuration.model.n_components, configuration.cluster.kind
    ((1, 2, 3), 'local')
    """

    input: Input
    prepare: Prepare = Field(default_factory=Prepare)
    model: Model = Field(default_factory=Model)
    output: Output
    drift: DriftLimits = Field(default_factory=DriftLimits)
    cluster: Annotated[Cluster, Field(discriminator="kind"), BeforeValidator(_add_kind)] = Field(
        default_factory=LocalCluster, description="What computes; local where no kind is named."
    )
    _written: dict[tuple[str | int, ...], object] = PrivateAttr(default_factory=dict)
    _redactor: Redactor = PrivateAttr(default_factory=Redactor)

    @model_validator(mode="after")
    def _check_paths_differ(self) -> Self:
        source, target = _real_path(self.input.path), _real_path(self.output.path)
        kind = self.cluster.kind
        if kind != "threads" and "memory://" in (source[:9], target[:9]):
            text = f"found memory:// and cluster.kind {kind}, expected kind threads: only the "
            text += "process that keeps a memory:// store sees it"
            raise validation_error(text)
        if target == source or target.startswith(os.path.join(source, "")):
            text = f"found output.path in input.path ({source}), expected a place outside it"
            raise validation_error(text)
        known, model = self.model.start_from, self.model
        key = "relevance" if model.relevance is not None else "fixed" if model.fixed else None
        if known is not None and key is not None and _real_path(known) == target:
            text = f"found model.{key}, and model.start_from is output.path, expected the output "
            text += "of another run: each run would build on the last one"
            raise validation_error(text)
        return self

    @model_validator(mode="after")
    def _check_inference(self) -> Self:
        rows, weights = self.input, self.input.weights
        if self.model.inference == "em":
            return self
        for key, is_set in (
            ("missing: marginalize", rows.missing == "marginalize"),
            ("labels", rows.labels is not None),
            ("weights.normalize", weights is not None and weights.normalize is not None),
        ):
            if is_set:
                text = f"found input.{key} with model.inference variational, expected complete "
                text += "rows without labels, whose weights count rows as they are"
                raise validation_error(text)
        return self

    @property
    def redactor(self) -> Redactor:
        """The redactor of the secrets in this configuration."""
        return self._redactor


def load(path: str | os.PathLike[str], overrides: Sequence[str] = ()) -> Configuration:
    r"""Read a configuration file and apply ``KEY=VALUE`` overrides.

    Parameters
    ----------
    path : str or path
    overrides : sequence of str, optional
        Keys are dotted, values YAML: ``"model.n_components=1:12"``.

    Raises
    ------
    UsageError
        If there is no such file, or it cannot be read.
    ConfigurationError
        If anything in it is wrong; the message lists every mistake.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
    ...     _ = file.write("input: {path: x.npy}\noutput: {path: results}")
    ...     file.flush()
    ...     load(file.name, ["model.n_components=1:3"]).model.n_components
    (1, 2, 3)
    """
    return load_as(Configuration, path, overrides)


def loads(
    text: str, overrides: Sequence[str] = (), *, name: str = "configuration"
) -> Configuration:
    r"""The same for a text; ``name`` stands for it in the message of an error.

    Examples
    --------
    >>> loads("input: {path: x.npy}\noutput: {path: results}").model.criterion
    'bic'
    """
    return _loads_as(Configuration, text, overrides, name)


def load_as(
    section: type[SectionT], path: str | os.PathLike[str], overrides: Sequence[str] = ()
) -> SectionT:
    """Read the file of a program that uses dgmm: its own keys, and whole configurations.

    Parameters
    ----------
    section : type
        A subclass of :class:`Section`: its keys with their types. Those of type
        :class:`Configuration` hold everything that a file of dgmm's may.
    path, overrides
        As for :func:`load`.

    Raises
    ------
    UsageError, ConfigurationError
        As :func:`load` does.

    Examples
    --------
    >>> from pathlib import Path
    >>> class Nightly(Section):
    ...     run: Configuration
    ...     keep: int = 7
    >>> _ = Path("nightly.yaml").write_text("run: {input: {path: x.npy}, output: {path: results}}")
    >>> load_as(Nightly, "nightly.yaml", ["keep=3"]).keep
    3
    """
    return _loads_as(section, read_text(path), overrides, os.fspath(path))


def _loads_as(section: type[SectionT], text: str, overrides: Sequence[str], name: str) -> SectionT:
    found = validate(section, text, overrides, name)
    parts: dict[tuple[str, ...], object] = {(key,): value for key, value in found.section}
    for place, part in ((), found.section), *parts.items():
        if isinstance(part, Configuration):
            part._written = found.references(place)
            part._redactor = found.redactor
    return found.section


def schema(section: type[Section] = Configuration) -> dict[str, Any]:
    """The JSON schema (draft 2020-12) of a configuration file, for editors and other programs.

    Parameters
    ----------
    section : type, optional
        The file of a program that uses dgmm, as for :func:`load_as`.
    """
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **section.model_json_schema(),
    }


def dump_resolved(configuration: Configuration) -> dict[str, Any]:
    r"""Every key with its value, defaults included, as JSON values without secrets.

    Variables stand as they are written; user and password in a URL are left out.

    Examples
    --------
    >>> dump_resolved(loads("input: {path: x.npy}\noutput: {path: results}"))["prepare"]["scale"]
    'none'
    """
    values = _map_text(configuration.model_dump(mode="json"), escape)
    for path, written in configuration._written.items():
        values[path[0]][path[1]] = written
    return _map_text(values, redact_credentials)


def _map_text(value: Any, change: Callable[[str], str]) -> Any:
    """The value with a function applied to all its texts."""
    match value:
        case str():
            return change(value)
        case list():
            return [_map_text(item, change) for item in value]
        case dict():
            return {key: _map_text(item, change) for key, item in value.items()}
    return value


def _real_path(path: str) -> str:
    return path.rstrip("/") if "://" in path else os.path.realpath(path)

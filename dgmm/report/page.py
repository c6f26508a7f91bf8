"""The report as one self-contained HTML page."""

from collections.abc import Sequence

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from dgmm.io.results.layout import run_name
from dgmm.io.results.record import Record, read_record
from dgmm.io.results.result import Result
from dgmm.io.results.variable_arrays import read_variables
from dgmm.report import figures, summary
from dgmm.report.choice_summary import summarize_choice
from dgmm.report.cluster_summary import summarize_clusters
from dgmm.report.drift_summary import summarize_drift
from dgmm.report.figure_style import Picture, figure_defaults
from dgmm.report.findings import collect_findings, select_warnings
from dgmm.report.image_labels import draw_image_labels
from dgmm.report.maps import draw_maps
from dgmm.report.pair_plot import draw_pair_plot
from dgmm.report.profiles import draw_profiles
from dgmm.report.projection import project
from dgmm.report.sample import Sample, apply_functions, evaluate_sample
from dgmm.report.widths import data_moments, fitted_moments


def render(result: Result) -> str:
    """The report of a result.

    Parameters
    ----------
    result : Result
        Of any version: parts that it lacks are left out.

    Returns
    -------
    str
        HTML that is well-formed XML, all text escaped, pictures as data URIs, no script.

    Raises
    ------
    StorageError
        If an array of the result is missing or damaged.
    """
    record = read_record(result.path / "record")
    sample = evaluate_sample(record, result.model, result.transform)
    is_bayesian = result.posterior is not None  # nothing was chosen then
    with figure_defaults():
        pictures = _draw_pictures(result, record, sample)
    return _template().render(
        title=f"{result.sweep.selected.candidate.name} of {run_name(result.path)}",
        sentence=summary.describe_run(result),
        numbers=summary.key_numbers(result, record),
        findings=collect_findings(result, record, sample),
        logged=select_warnings(record),
        changes=summarize_drift(result),
        choice=None if is_bayesian else summarize_choice(result),
        clusters=summarize_clusters(result),
        candidates=None if is_bayesian else summary.tabulate_candidates(result),
        components=summary.tabulate_components(result, sample),
        stages=None if record is None else summary.tabulate_stages(record),
        outlying=None if sample is None else summary.tabulate_outliers(result, sample),
        facts=summary.list_origins(result),
        configuration=summary.format_configuration(result),
        pictures=pictures,
    )


def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("dgmm.report", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html")


def _draw_pictures(
    result: Result, record: Record | None, sample: Sample | None
) -> dict[str, list[Picture]]:
    """The pictures of each section."""
    image = [] if record is None else [*draw_image_labels(result, record)]
    components, planes = _draw_mixture(result, record, sample)
    drawn: dict[str, Sequence[Picture | None]] = {
        "image": image,
        "map": [] if image else [*draw_maps(result)],
        "components": [components],
        "profiles": [_draw_profiles(result)],
        "planes": [planes],
        "candidates": _draw_fit(result),
        "rows": _draw_rows(result, sample),
    }
    return {
        name: [picture for picture in some if picture is not None] for name, some in drawn.items()
    }


def _draw_mixture(
    result: Result, record: Record | None, sample: Sample | None
) -> tuple[Picture, Picture | None]:
    """The components by feature, and in planes of features."""
    mixture, names, transform = result.model, result.feature_names, result.transform
    labels, shown = result.labelling.labels, sample
    mean, deviations = data_moments(record, mixture, transform)
    if transform is not None and transform.functions is not None:
        names, shown = transform.functions.describe(names), apply_functions(sample, transform)
        mean, deviations = fitted_moments(shown, mixture, transform)
        transform = transform.linear
    means = mixture.means if transform is None else transform.inverse_means(mixture)
    return (
        figures.draw_components(labels, mixture.weights, means, names, mean, deviations),
        draw_pair_plot(project(mixture, names, deviations, shown, transform, labels)),
    )


def _draw_profiles(result: Result) -> Picture | None:
    if result.components is None:
        return None
    variables = read_variables(result.path)
    return draw_profiles(variables, result.components.quantile, result.labelling.labels)


def _draw_fit(result: Result) -> list[Picture | None]:
    """The criteria and the convergence; of a Bayesian mixture the lower bound alone."""
    tol = result.attributes.get("configuration", {}).get("model", {}).get("tol")
    if result.posterior is not None:
        return [figures.draw_lower_bounds(result.posterior.state.lower_bounds)]
    return [*figures.draw_criteria(result.sweep), figures.draw_traces(result.sweep, tol)]


def _draw_rows(result: Result, sample: Sample | None) -> list[Picture | None]:
    if sample is None:
        return []
    is_mixed = result.model.n_components > 1
    return [
        figures.draw_certainty(sample, result.labelling.labels) if is_mixed else None,
        figures.draw_densities(sample),
    ]

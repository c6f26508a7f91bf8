# %% [markdown]
# # The classics of Gaussian mixtures, on real data
#
# Seven pictures that lectures on mixtures draw, each with its data and a few lines of dgmm. Run it
# as a script, `python docs/classics.py --output figures/`, or cell by cell: editors that know
# `# %%` cells open it as a notebook, and so does Jupyter with jupytext. It needs
# `pip install '.[docs]'`.
#
# To read along: C. M. Bishop, *Pattern Recognition and Machine Learning*, 2006, chapter 9;
# G. McLachlan and D. Peel, *Finite Mixture Models*, 2000; C. Fraley and A. E. Raftery,
# *Model-Based Clustering, Discriminant Analysis, and Density Estimation*, JASA 97, 2002.
# Where the data are from: `docs/data/README.md`.

# %%
import argparse
import json
import sys
import warnings
from pathlib import Path
from typing import Any

import dask.array as da
import drawing
import numpy as np
import sklearn.mixture
from sklearn.cluster import KMeans
from sklearn.datasets import load_breast_cancer, load_iris, load_sample_image, load_wine
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_rand_score, roc_auc_score
from sklearn.model_selection import train_test_split

import dgmm

parser = argparse.ArgumentParser(description="Draw the classics of Gaussian mixtures.")
parser.add_argument("--output", type=Path, default=Path("results/classics"), metavar="DIRECTORY")
is_notebook = "ipykernel" in sys.modules  # whose arguments are not ours
output = parser.parse_args([] if is_notebook else None).output

data = Path(globals().get("__file__", "classics.py")).parent / "data"
old_faithful = np.loadtxt(data / "old_faithful.csv", delimiter=",", skiprows=1)

facts: dict[str, dict[str, Any]] = {}


def state(section: str, found: dict[str, Any]) -> None:
    """Print what was found, and keep it for `facts.json`."""
    facts[section] = found
    print(f"\n{section}")
    for name, value in found.items():
        print(f"  {name}: {value:.7g}" if isinstance(value, float) else f"  {name}: {value}")


# %% [markdown]
# ## 1. Hard and soft clustering
#
# A Gaussian mixture is a density, a weighted sum of $K$ bells:
#
# $$p(x) = \sum_k w_k\, N(x \mid \mu_k, \Sigma_k), \qquad \sum_k w_k = 1.$$
#
# Read it as a story: nature first draws a component $k$ with probability $w_k$, then a row from its
# bell. Given the row, Bayes' rule says how probable each component is, its *responsibility*:
#
# $$r_k(x) = w_k\, N(x \mid \mu_k, \Sigma_k) \,/\, p(x).$$
#
# `predict_proba` gives the responsibilities: soft clustering. `predict` gives the place of the
# largest: hard clustering, which hides how close the call was.
#
# The geyser Old Faithful erupts briefly or for long. BIC (section 4) prefers three components that
# share one covariance: the long eruptions are skewed, and two bells describe them better than one.
# Between those two a hard border is arbitrary, and the soft colours say so.

# %%
mixture = dgmm.GaussianMixture(3, covariance_type="tied", random_state=0).fit(old_faithful)
responsibilities = mixture.predict_proba(old_faithful)

figure, panels = drawing.grid("ab", (10, 4.4), sharey=True)
drawing.hard(panels["a"], old_faithful, mixture.predict(old_faithful))
drawing.soft(panels["b"], old_faithful, responsibilities)
for axes in panels.values():
    drawing.ellipses(axes, mixture)
drawing.label(panels["a"], "Hard: the most probable component", "eruption (minutes)")
drawing.label(panels["b"], "Soft: colours mixed by responsibility", "eruption (minutes)")
panels["a"].set_ylabel("wait for the next (minutes)")
drawing.save(figure, output / "hard_and_soft.png")

# Its defaults are one start, and to stop at the first change below 1e-3.
theirs = sklearn.mixture.GaussianMixture(3, covariance_type="tied", random_state=0)
state(
    "hard and soft clustering",
    {
        "BIC": mixture.bic_,
        "ICL": mixture.icl_,
        "BIC by scikit-learn's defaults": theirs.fit(old_faithful).bic(old_faithful),
        "rows": len(old_faithful),
        "rows less than 95 % certain": int((responsibilities.max(axis=1) < 0.95).sum()),
    },
)

# %% [markdown]
# ## 2. The fit, iteration by iteration
#
# No formula gives the best parameters, but each half of the problem has one. If we knew the
# responsibilities, each component would be a weighted mean and covariance (the M-step):
#
# $$n_k = \sum_i r_{ik}, \quad w_k = n_k / n, \quad \mu_k = \tfrac{1}{n_k} \sum_i r_{ik} x_i, \quad
# \Sigma_k = \tfrac{1}{n_k} \sum_i r_{ik} (x_i - \mu_k)(x_i - \mu_k)^\top.$$
#
# If we knew the parameters, Bayes' rule would give the responsibilities (the E-step). EM takes
# turns, and no turn lowers the likelihood (Dempster, Laird and Rubin 1977).
#
# We start badly on purpose, with both components wide and close together, and stop after `max_iter`
# iterations to look. For ten iterations almost nothing happens: EM is leaving a saddle, where both
# components are the same. Whoever stops at the first small change stops here, as scikit-learn does
# with its default `tol`, and calls it converged. dgmm estimates how much is left to gain (Aitken's
# method): on a saddle the steps grow, so there is no end in sight, and it goes on.

# %%
start = {
    "weights_init": [0.5, 0.5],
    "means_init": [[3.0, 75.0], [4.0, 65.0]],
    "precisions_init": [np.diag(1 / old_faithful.var(axis=0))] * 2,
}
whole = dgmm.GaussianMixture(2, **start).fit(old_faithful)
theirs = sklearn.mixture.GaussianMixture(2, **start).fit(old_faithful)
ended = theirs.n_iter_, theirs.score(old_faithful)

figure, panels = drawing.grid("abcd\nefgh\nzzzz", (12, 9))
for place, n_iterations in zip("abcdefgh", (0, 1, 2, 5, 10, 15, 20, whole.n_iter_), strict=True):
    stage = dgmm.GaussianMixture(2, max_iter=n_iterations, **start)
    with warnings.catch_warnings(action="ignore", category=ConvergenceWarning):
        stage.fit(old_faithful)  # it says, truly, that it did not converge
    drawing.soft(panels[place], old_faithful, stage.predict_proba(old_faithful), size=12)
    drawing.ellipses(panels[place], stage)
    panels[place].set(xlim=(0.5, 6.5), ylim=(35, 105))
    drawing.label(panels[place], f"iteration {n_iterations}" if n_iterations else "the start")
for place in "ae":
    panels[place].set_ylabel("wait (minutes)")
for place in "efgh":
    panels[place].set_xlabel("eruption (minutes)")
trace, blue, red = panels["z"], drawing.BLUE, drawing.RED
trace.plot(range(1, whole.n_iter_ + 1), whole.lower_bounds_, "o-", color=blue, markersize=4)
trace.plot(*ended, "X", color=red, markersize=11)
trace.text(ended[0], ended[1] + 0.04, "scikit-learn's defaults stop", color=red)
trace.text(whole.n_iter_, whole.lower_bound_ - 0.07, "dgmm stops", color=blue, ha="right")
drawing.label(trace, "", "iteration", "log-likelihood\nper row (nats)")
drawing.save(figure, output / "iterations.png")

state(
    "the fit, iteration by iteration",
    {
        "iterations": whole.n_iter_,
        "largest fall of the log-likelihood": max(0.0, float(-np.diff(whole.lower_bounds_).min())),
        "log-likelihood": whole.lower_bound_ * len(old_faithful),
        "BIC": whole.bic_,
        "ICL": whole.icl_,
        "scikit-learn says it converged": theirs.converged_,
        "scikit-learn's iterations": ended[0],
        "scikit-learn's log-likelihood": ended[1] * len(old_faithful),
    },
)

# %% [markdown]
# ## 3. Four shapes of covariance
#
# $\Sigma_k$ decides what a component can look like, and what it costs. With $d$ features:
#
# | `covariance_type` | each component | numbers for covariances |
# |---|---|---|
# | `full` | its own ellipse, any way round | $K d (d + 1) / 2$ |
# | `tied` | one ellipse that all share | $d (d + 1) / 2$ |
# | `diag` | its own, along the axes | $K d$ |
# | `spherical` | its own circle | $K$ |
#
# In the plane the ellipse at one standard deviation holds 39 % of a component, that at two 86 %
# ($1 - e^{-s^2/2}$); `drawing.py` has the formula for its axes. A circle is one in the units of the
# data only: measure one feature in other units, and `spherical` finds something else.
#
# 178 wines from three cultivars, by two of their thirteen measurements. By BIC (the next section;
# smaller is better) they are worth what the freest ellipses cost.

# %%
wine = load_wine(as_frame=True).data[["flavanoids", "color_intensity"]]

figure, panels = drawing.grid("abcd", (12, 6), sharex=True, sharey=True)
bic = {}
for shape, axes in zip(("full", "tied", "diag", "spherical"), panels.values(), strict=True):
    mixture = dgmm.GaussianMixture(3, covariance_type=shape, random_state=0).fit(wine)
    bic[shape] = mixture.bic_
    colours = drawing.by_rank(mixture.means_[:, 1])
    drawing.soft(axes, wine.to_numpy(), mixture.predict_proba(wine), colours)
    drawing.ellipses(axes, mixture, colours)
    drawing.label(axes, f"{shape}: BIC {mixture.bic_:.1f}", "flavanoids")
    axes.set_aspect("equal")
panels["a"].set_ylabel("colour intensity")
drawing.save(figure, output / "covariance_shapes.png")

state("four shapes of covariance", {f"BIC, {shape}": value for shape, value in bic.items()})

# %% [markdown]
# ## 4. How many components?
#
# More components always fit better, so the likelihood $L$ cannot choose. Criteria charge for the
# number $m$ of free parameters; here, as in scikit-learn, smaller is better:
#
# $$\mathrm{BIC} = m \log n - 2 \log L, \qquad \mathrm{AIC} = 2 m - 2 \log L.$$
#
# AIC charges little and asks which density predicts best; BIC asks which model is most probable.
# ICL is BIC with uncertain rows counted against the model: for Old Faithful it prefers the two
# components of section 2 to the three of section 1. The silhouette (Rousseeuw 1987) knows no model:
# are rows nearer to their own cluster than to the next? Larger is better.
#
# `dgmm.sweep` fits all candidates together: one pass over the data serves every one that still
# runs, which is what counts when the data are on a disk.
#
# The 150 irises are of three species, but two of them overlap: BIC, ICL and silhouette see two
# clusters, AIC six, with a parameter for every one or two flowers. Criteria
# are advice. (R's mclust finds the same BIC, in its sign: -574.0178 for two, -580.8389 for three.)

# %%
irises = load_iris()
counts = range(1, 7)
result = dgmm.sweep(irises.data, counts, criterion="silhouette", random_state=0)
table = result.to_xarray()

figure, panels = drawing.grid("ab\ncd", (10, 7.4))
chosen = {}
for criterion, axes in zip(("bic", "aic", "icl", "silhouette"), panels.values(), strict=True):
    values = table[criterion]
    for shape, style in zip(bic, drawing.STYLES, strict=True):
        axes.plot(counts, values.sel(covariance_type=shape), **style, markersize=5, label=shape)
    cost = -values if criterion == "silhouette" else values
    best = values.isel(cost.argmin(cost.dims))
    chosen[criterion] = f"{best.covariance_type.item()}-{best.n_components.item()}"
    axes.plot(best.n_components, best, "o", markersize=15, fillstyle="none", color="black")
    axes.set_xticks(counts)
    if criterion == "silhouette":
        drawing.label(axes, "Silhouette: larger is better", "components")
    else:
        drawing.label(axes, f"{criterion.upper()}: smaller is better", "components")
        axes.set_ylim(400, 1100)
panels["a"].legend()
drawing.save(figure, output / "how_many.png")

state(
    "how many components",
    {
        **{f"by {criterion}": name for criterion, name in chosen.items()},
        "BIC of full-2": result.model("full", 2).bic_,
        "BIC of full-3": result.model("full", 3).bic_,
        "passes over the data": result.n_passes,
        "iterations of all candidates": sum(found.n_iter for found in result.results),
    },
)

# %% [markdown]
# ## 5. K-means beside a mixture, on stretched clusters
#
# K-means is the mixture's limit for equal weights and equal circles that shrink to points: every
# row goes to the nearest mean. It cuts long clusters across, and its answer depends on the units,
# for distance does. `full` covariances adapt to both.
#
# Irises by sepal length and petal width: each species is a streak. The adjusted Rand index compares
# clusters with species: 1 for the same, 0 for chance. Measure the sepals in millimetres, and
# K-means finds other clusters; the mixture does not notice.

# %%
streaks = irises.data[:, [0, 3]]
in_millimetres = streaks * [10, 1]
models = {
    "K-means": KMeans(3, n_init=20, random_state=0),
    "Mixture": dgmm.GaussianMixture(3, random_state=0),
}

figure, panels = drawing.grid("abc", (12, 4.4), sharex=True, sharey=True)
drawing.hard(panels["a"], streaks, irises.target)
drawing.label(panels["a"], "Species", "sepal length (cm)", "petal width (cm)")
agreement = {}
for (name, model), axes in zip(models.items(), (panels["b"], panels["c"]), strict=True):
    elsewhere = model.fit_predict(in_millimetres)
    labels = model.fit_predict(streaks)
    agreement[name] = float(adjusted_rand_score(irises.target, labels))
    agreement[f"{name}, sepals in mm"] = float(adjusted_rand_score(irises.target, elsewhere))
    colours = drawing.by_rank([streaks[labels == k, 1].mean() for k in range(3)])
    drawing.hard(axes, streaks, labels, colours)
    drawing.label(axes, f"{name}: agreement {agreement[name]:.2f}", "sepal length (cm)")
drawing.ellipses(panels["c"], models["Mixture"], colours)
drawing.save(figure, output / "k_means.png")

state("agreement of clusters with species", agreement)

# %% [markdown]
# ## 6. Anomalies by likelihood
#
# A mixture is a density, so it knows what is ordinary. Fit it to ordinary rows alone; a new row is
# an anomaly if its log-density, `score_samples`, is below what nearly all ordinary rows reach.
#
# Breast tumours by two measurements of their cells: half of the benign ones are the ordinary rows,
# and the border leaves out 5 % of them. No malignant tumour was shown to the fit. (Two features of
# thirty, so that they can be drawn, and chosen with hindsight: a study must not do that.)

# %%
tumours = load_breast_cancer(as_frame=True)
features = ["worst area", "worst compactness"]
benign = tumours.data.loc[tumours.target == 1, features].to_numpy()
malignant = tumours.data.loc[tumours.target == 0, features].to_numpy()
ordinary, others = train_test_split(benign, test_size=0.5, random_state=0)
density = dgmm.sweep(ordinary, range(1, 4), ("full", "tied"), random_state=0).best
border = np.quantile(density.score_samples(ordinary), 0.05)
scores = density.score_samples(others), density.score_samples(malignant)

figure, (plane, histogram) = drawing.plane_and_histogram(
    density, border, {"benign, not fitted": others, "malignant": malignant}
)
drawing.label(plane, "Inside the border: ordinary", *features)
drawing.label(histogram, "Right of the border: ordinary", "log-density (nats)", "rows")
drawing.save(figure, output / "anomalies.png")

truth = np.repeat([0, 1], [len(others), len(malignant)])
state(
    "anomalies by likelihood",
    {
        "mixture": f"{density.covariance_type}-{density.n_components}",
        "area under the ROC curve": float(roc_auc_score(truth, -np.concatenate(scores))),
        "benign called anomalies": float((scores[0] < border).mean()),
        "malignant called anomalies": float((scores[1] < border).mean()),
    },
)

# %% [markdown]
# ## 7. Soft segmentation of a photograph
#
# Every pixel is a row of three colours. A mixture of four components, with no idea of place, finds
# sky, haze over the lake, and land in light and in shade. Where the sky passes into haze the
# responsibilities pass from one to the other; a hard segmentation draws an edge that is not there.
#
# Here the pixels are a Dask array in blocks of 50,000 rows: they might as well be 50 million on a
# disk. What `predict_proba` gives is lazy until asked for. And many pixels are of the same colour:
# a row of `sample_weight` 2 counts as two rows, so the distinct colours, weighted by how often they
# occur, have the same likelihood. scikit-learn's mixture takes neither.

# %%
photograph = load_sample_image("china.jpg")  # danielbuechele, CC BY 2.0
pixels = da.from_array(photograph.reshape(-1, 3), chunks=(50_000, 3))
mixture = dgmm.GaussianMixture(4, random_state=0).fit(pixels)
responsibilities = mixture.predict_proba(pixels).compute()
certainty = responsibilities.max(axis=1)

figure, panels = drawing.grid("abcd\nefgh", (15, 5.8))
means = mixture.means_ / 255
pictures = {
    "Photograph: danielbuechele, CC BY 2.0": photograph.reshape(-1, 3),
    "Hard: the component's mean": means[responsibilities.argmax(axis=1)],
    "Soft: means, mixed": responsibilities @ means,
    "Largest responsibility": certainty,
}
for weight, share in zip(mixture.weights_, responsibilities.T, strict=True):
    pictures[f"Component of weight {weight:.3f}"] = share
for (title, values), axes in zip(pictures.items(), panels.values(), strict=True):
    image = drawing.picture(axes, values, photograph.shape, title)
figure.colorbar(image, ax=[panels["d"], panels["h"]], label="responsibility")
drawing.save(figure, output / "photograph.png")

distinct, occurrences = np.unique(photograph.reshape(-1, 3), axis=0, return_counts=True)
again = dgmm.GaussianMixture(
    4,
    weights_init=mixture.weights_,
    means_init=mixture.means_,
    precisions_init=mixture.precisions_,
).fit(distinct, sample_weight=occurrences)
state(
    "soft segmentation of a photograph",
    {
        "pixels": len(pixels),
        "distinct colours": len(distinct),
        "log-likelihood per pixel": mixture.lower_bound_,
        "the same by weighted colours": again.lower_bound_,
        "pixels less than 95 % certain": int((certainty < 0.95).sum()),
    },
)

# %% [markdown]
# ## What else there is
#
# `marginal` and `condition` give the mixture of some features, whatever the others are or given
# their values; `sample` draws rows; xarray and pandas go in and come out with their labels; and
# `dgmm run` does all of this from one file of settings, with results in Zarr: see `README.md`.

# %%
(output / "facts.json").write_text(json.dumps(facts, indent=2) + "\n")
print(f"\nFigures and facts.json are in {output}")

#!/bin/sh
# KMeans.predict of the training rows gives other clusters than labels_, for coordinates of maps and times.
#
# Expected: labels_ and predict(X) agree on the rows of the fit: fit_predict is documented as
#   "equivalent to calling fit(X) followed by predict(X)".
# Found: fit takes the mean away before it computes distances as c^2 - 2 x c, predict does not. Three
#   clusters 200 m apart at 500 km east and 5000 km north in float32, or 10 s apart in seconds since 1970 in
#   float64: labels_ are all right, predict agrees with them no better than chance, and in float32 puts
#   all rows into one cluster. MiniBatchKMeans does not take the mean away in fit either, so that its
#   labels_ are as wrong. No warning.
# Versions: scikit-learn 1.9.1, numpy 2.4.6, scipy 1.17.1. The digits depend on the BLAS of the machine.
# Why it matters: a sample is clustered and checked by its labels_, then predict labels the rest, wrongly.
#   Centre the data first, or use StandardScaler.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
    scikit-learn==1.9.1 numpy==2.4.6 scipy==1.17.1
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
from importlib.metadata import version

import numpy as np
from sklearn.cluster import KMeans, MiniBatchKMeans
from sklearn.metrics import adjusted_rand_score

print(*(f"{name} {version(name)}" for name in ("scikit-learn", "numpy", "scipy")))
random = np.random.default_rng(0)
truth = random.integers(0, 3, 3000)
shape = np.array([[0, 0], [20, 0], [0, 20]])[truth] + random.normal(size=(3000, 2))
cases = {
    "float32, m of a map": (10 * shape + [5e5, 5e6]).astype("f4"),
    "float64, s since 1970": 0.5 * shape + 1.7e9,
}
for name, X in cases.items():
    exact = X.astype("f8") - X[0]
    model = KMeans(3, n_init=3, random_state=0).fit(X)
    centred = KMeans(3, n_init=3, random_state=0).fit(exact)
    batches = MiniBatchKMeans(3, n_init=3, random_state=0).fit(X)
    labels = {
        "labels_": model.labels_,
        "predict": model.predict(X),
        "centred, predict": centred.predict(exact),
        "MiniBatchKMeans": batches.labels_,
    }
    agreement = {way: adjusted_rand_score(truth, found) for way, found in labels.items()}
    for way, found in labels.items():
        sizes = np.bincount(found, minlength=3)
        print(f"{name:21} {way:16} agreement with the truth {agreement[way]:.3f} sizes {sizes}")
    assert agreement["labels_"] == agreement["centred, predict"] == 1
    assert agreement["predict"] < 0.9, "the behaviour has changed"
    assert agreement["MiniBatchKMeans"] < 0.9, "the behaviour of MiniBatchKMeans has changed"
PYTHON

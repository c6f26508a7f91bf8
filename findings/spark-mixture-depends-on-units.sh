#!/bin/sh
# Spark's GaussianMixture finds clusters in metres and loses them in millimetres, or in 40 features.
#
# Expected: a mixture with full covariances does not depend on units: from the same start EM takes the same
#   steps, and a row far from all components belongs to the nearest with a probability of 1.
# Found: the E-step adds 2.2e-16 to every weighted density. A density has a unit: beside those of metres this is
#   nothing, and where values are large, or features many, it is more than the density. Rows are then
#   shared out equally, and the components become one. Two clusters, eight standard deviations apart in
#   each of three coordinates: all rows are right in metres, 82 % in millimetres. Two in 40 standardised
#   features: chance; the same numbers divided by ten, from the same seed: all right.
#   A row ten standard deviations out has probabilities of 0.5 and 0.5, whatever the weights. No warning.
# Versions: pyspark 4.3.0, numpy 2.4.6; Java 17 or later.
# Why it matters: 40 or 50 principal components, standardised, are a usual table of cells. Rows that belong to
#   nothing look like rows between two clusters.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check pyspark==4.3.0 numpy==2.4.6
cat > "$work/units.py" <<'PYTHON'
import itertools

import numpy as np
import pyspark
from pyspark.ml.clustering import GaussianMixture
from pyspark.ml.feature import VectorAssembler
from pyspark.sql import SparkSession

builder = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
spark = builder.config("spark.ui.showConsoleProgress", "false").getOrCreate()
spark.sparkContext.setLogLevel("ERROR")
print("pyspark", pyspark.__version__, "numpy", np.__version__)

numbers = itertools.count()


def read(X):
    names = [f"x{i}" for i in range(X.shape[1])]
    path = f"{next(numbers)}.csv"
    np.savetxt(path, X, delimiter=",")
    schema = ", ".join(f"{name} double" for name in names)
    frame = spark.read.csv(path, schema=schema)
    assembled = VectorAssembler(inputCols=names, outputCol="features").transform(frame)
    return assembled.select("features").cache()


def fit(X):
    frame = read(X)
    model = GaussianMixture(k=2, seed=1, maxIter=20).fit(frame)
    rows = model.transform(frame).select("prediction", "probability").collect()
    return model, np.array([row.prediction for row in rows])


random = np.random.default_rng(0)
truth = np.repeat([0, 1], 1000)
place = 100 * (random.normal(size=(2000, 3)) + 8 * truth[:, None])
wide = random.normal(size=(2000, 40)) + 4 * truth[:, None]
wide = (wide - wide.mean(axis=0)) / wide.std(axis=0)
cases = {
    "3 coordinates in m": place,
    "3 coordinates in mm": 1000 * place,
    "20 standardised features": wide[:, :20],
    "40 standardised features": wide,
    "40, divided by 10": wide / 10,
}
right = {}
for name, X in cases.items():
    model, labels = fit(X)
    share = np.mean(labels == truth)
    right[name] = max(share, 1 - share)
    print(f"{name:24}: {right[name]:.3f} of the rows right, {model.summary.numIter} iterations")
X = np.vstack([random.normal(size=(900, 2)), random.normal(8, 1, (100, 2))])
model, _ = fit(X)
large, small = np.argmax(model.weights), np.argmin(model.weights)
far = [[0, 0], [-6, -6], [-10, -10], [20, 20]]
rows = model.transform(read(np.array(far))).select("probability").collect()
found = np.array([row.probability.toArray() for row in rows])[:, [large, small]]
for place, probabilities in zip(far, found, strict=True):
    print(f"clusters of 900 rows at (0, 0) and 100 at (8, 8): {place} has {probabilities.round(3)}")
spark.stop()
assert right["3 coordinates in m"] == right["40, divided by 10"] == 1
assert right["20 standardised features"] == 1
assert right["3 coordinates in mm"] < 0.9, "the behaviour has changed"
assert right["40 standardised features"] < 0.6, "the behaviour has changed"
assert found[0, 0] > 0.999
np.testing.assert_allclose(found[2:], 0.5, atol=1e-6, err_msg="the behaviour has changed")
PYTHON
cd "$work"
SPARK_LOCAL_IP=127.0.0.1 "$work/venv/bin/python" units.py

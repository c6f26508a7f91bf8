"""
Clusters that are not Gaussian
==============================

A skewed cluster is not one Gaussian. BIC then chooses several components for each cluster. Merging
joins the components that are taken for each other.
"""

# %%
# Three clusters, each from a gamma distribution.

import matplotlib.pyplot as plt
import numpy as np

import dgmm

rng = np.random.default_rng(0)
clusters = [rng.gamma(2.0, 1.0, size=(3_000, 2)) + offset for offset in ((0, 0), (14, 0), (0, 14))]
X = np.concatenate(clusters)
sweep = dgmm.sweep(X, range(1, 9), covariance_type="full", random_state=0)
print(f"BIC chooses {sweep.best.n_components} components")

# %%
# ``merge`` finds three clusters.

merged = sweep.best.merge(X)
print(f"{merged.n_clusters} clusters; cluster of each component: {merged.clusters.tolist()}")

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 4), layout="constrained", sharey=True)
left.scatter(*X.T, c=sweep.best.predict(X), s=4, cmap="tab10")
left.set_title("components")
right.scatter(*X.T, c=merged.predict(X), s=4, cmap="tab10")
right.set_title("clusters")

"""
The number of components
========================

``dgmm.sweep`` fits all numbers of components and covariance types in the same passes over the data.
Here the rows are 150 irises of three species, measured by four lengths.
"""

# %%
# Ten numbers of components and four covariance types are forty candidates. A table lists them, best
# first.

from sklearn.datasets import load_iris

import dgmm

X = load_iris().data
sweep = dgmm.sweep(X, range(1, 8), random_state=0)
sweep.to_pandas()[["covariance_type", "n_components", "bic", "icl", "status"]].head()

# %%
# The smallest BIC is at two components: two of the three species overlap.

sweep.plot.criteria()

# %%
# The chosen mixture, drawn in the plane of two of the features.

sweep.plot.ellipses(2, 3)

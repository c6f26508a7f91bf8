"""
Rows that are unlike the others
===============================

A mixture is a density. Rows with a low density are anomalies. Here the mixture learns healthy cells
only, and is shown both kinds.
"""

# %%
# Two features of 569 breast tumours, of which 357 are benign. The mixture learns half of these.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split

import dgmm

data = load_breast_cancer()
X = data.data[:, [20, 27]]  # worst radius, worst concave points
known, new = train_test_split(X[data.target == 1], test_size=0.5, random_state=0)
malignant = X[data.target == 0]

# %%
# The border is the log density that 5 % of the known rows fall below.

mixture = dgmm.sweep(known, range(1, 4), random_state=0).best
border = np.quantile(mixture.score_samples(known), 0.05)
for name, rows in (("new benign", new), ("malignant", malignant)):
    share = np.mean(mixture.score_samples(rows) < border)
    print(f"{name}: {share:.0%} are anomalies")

# %%
# The line is the border.

x, y = np.meshgrid(np.linspace(5, 38, 200), np.linspace(-0.02, 0.3, 200))
density = mixture.score_samples(np.stack([x.ravel(), y.ravel()], axis=1)).reshape(x.shape)
figure, axes = plt.subplots(figsize=(7, 4.5), layout="constrained")
axes.contour(x, y, density, [border], colors="black")
axes.scatter(*new.T, s=12, label="new benign")
axes.scatter(*malignant.T, s=12, marker="^", label="malignant")
axes.set(xlabel=data.feature_names[20], ylabel=data.feature_names[27])
axes.legend()

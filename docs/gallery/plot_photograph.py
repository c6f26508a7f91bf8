"""
A photograph in five colours
============================

Each pixel is a row of three features: red, green and blue. A mixture of five components gives
every pixel five probabilities. Equal pixels are counted once, by ``sample_weight``, which gives the
same mixture.
"""

# %%
# Many of the 273,280 pixels have the same colour.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_sample_image

from dgmm import GaussianMixture

photograph = load_sample_image("china.jpg")[::2, ::2]
pixels = photograph.reshape(-1, 3)
colours, index, counts = np.unique(pixels, axis=0, return_inverse=True, return_counts=True)
print(f"{len(pixels):,} pixels, {len(colours):,} colours")

# %%
# One fit on the distinct colours, weighted by how often they occur.

mixture = GaussianMixture(5, random_state=0).fit(colours, sample_weight=counts)
probabilities = mixture.predict_proba(colours)
blended = probabilities @ mixture.means_

# %%
# Pixels are drawn in the mean colours, mixed by their probabilities.

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
left.imshow(photograph)
left.set_title("photograph")
right.imshow(blended[index.ravel()].reshape(photograph.shape) / 255)
right.set_title("five components")
for axes in (left, right):
    axes.set_axis_off()

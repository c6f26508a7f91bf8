"""
Classes of ocean profiles on a map
==================================

A profile is a column of temperatures. Profiles are rows, depths are features. The classes of a
mixture are regions of similar water. The data here are simulated.
"""

# %%
# Temperatures at twelve depths on a grid of latitudes and longitudes, with labels.

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr

import dgmm

rng = np.random.default_rng(0)
lat, lon = np.arange(-60.0, 61, 2), np.arange(0.0, 120, 2)
depth = np.linspace(5, 1_000, 12)
surface = 28 - 0.009 * lat**2 + 2 * np.sin(np.radians(3 * lon))[:, None]
decay = 150 + 250 * np.exp(-(((np.abs(lat) - 30) / 10) ** 2))
temperature = 2 + (surface[..., None] - 2) * np.exp(-depth / decay[:, None])
temperature += rng.normal(0, 0.2, temperature.shape)
profiles = xr.DataArray(
    temperature, {"lon": lon, "lat": lat, "depth": depth}, ("lon", "lat", "depth"), "temperature"
)

# %%
# Samples keep their dimensions: labels come back as a map.

mixture = dgmm.GaussianMixture(5, covariance_type="diag", random_state=0, feature_dim="depth")
labels = mixture.fit(profiles).predict(profiles)
labels.transpose("lat", "lon").plot(cmap="tab10", vmin=-0.5, vmax=9.5, add_colorbar=False)

# %%
# The mean profile of each class, with one standard deviation.

figure, axes = plt.subplots(figsize=(5, 5), layout="constrained")
for k in range(mixture.n_components):
    deviation = np.sqrt(mixture.covariances_[k])
    axes.plot(mixture.means_[k], depth, color=f"C{k}", label=f"class {k}")
    low, high = mixture.means_[k] - deviation, mixture.means_[k] + deviation
    axes.fill_betweenx(depth, low, high, color=f"C{k}", alpha=0.2)
axes.set(xlabel="temperature (°C)", ylabel="depth (m)")
axes.invert_yaxis()
axes.legend()

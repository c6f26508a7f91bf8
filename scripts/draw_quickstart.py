"""Draw the picture of the README from the result of ``dgmm run configs/quickstart.yaml``.

python scripts/draw_quickstart.py results/quickstart docs/images/quickstart.jpg
"""

import argparse

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_sample_image

import dgmm

WIDTH, HEIGHT = 10.0, 2.55  # inches


def draw(result: str, picture: str) -> None:
    """The photograph, its components in their mean colours, and the criterion."""
    found = dgmm.open_result(result)
    labels, means = np.asarray(found.assignments["labels"]), found.model.means
    sizes = {"figsize": (WIDTH, HEIGHT), "layout": "constrained", "width_ratios": (6, 6, 5)}
    figure, (photograph, components, criterion) = plt.subplots(1, 3, **sizes)
    photograph.imshow(load_sample_image("china.jpg"))
    photograph.set_title(f"{labels.size:,} pixels", fontsize=9)
    components.imshow(np.clip(means, 0, 255).astype(np.uint8)[labels])
    components.set_title(f"{len(means)} components, each in its mean colour", fontsize=9)
    found.plot.criteria(ax=criterion)
    criterion.set_title(f"BIC of {len(found.sweep.results)} mixtures", fontsize=9)
    criterion.tick_params(labelsize=8)
    for axes in (photograph, components):
        axes.set_axis_off()
    figure.savefig(picture, dpi=100, pil_kwargs={"quality": 82})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("result", help="output of dgmm run")
    parser.add_argument("picture", help="file to write")
    draw(**vars(parser.parse_args()))

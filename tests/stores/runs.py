"""Runs from a store into a store."""

import io
import json

import numpy as np
import zarr

from dgmm.io.storage.location import output_path


def clumps(n_rows=600, seed=0):
    rng = np.random.default_rng(seed)
    centres = np.array([[0.0, 0.0], [5.0, 0.0], [0.0, 5.0]])
    return centres[rng.integers(0, 3, n_rows)] + rng.normal(size=(n_rows, 2))


def write_zarr(url, options, rows, **how):
    """With zarr and fsspec alone."""
    zarr.create_array(url, data=rows, chunks=(100, 2), storage_options=options or None, **how)


def write_npy(url, options, rows):
    buffer = io.BytesIO()
    np.save(buffer, rows)
    put(url, options, buffer.getvalue())


def put(url, options, content):
    place = output_path(url, options)
    place.fs.pipe_file(place.path, content)


def configuration(source, output, options=None, extra=""):
    """The text of a run of one small model, so that there are few requests."""
    given = json.dumps(options or {})
    return f"""
        input: {{path: "{source}", partition_size: 3200, storage_options: {given}}}
        model: {{n_components: 3, covariance_type: spherical, n_init: 2, tol: 1e-4,
                 sample_size: 200{extra}}}
        output: {{path: "{output}", report: false, storage_options: {given}}}
        cluster: {{kind: threads, threads: 1}}
    """

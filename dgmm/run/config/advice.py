"""Remedies of errors, in terms of a configuration and of the commands that read it.

Keys are named without their section where several sections have them, such as the input and its
weights.
"""

from types import MappingProxyType

from dgmm.errors import Remedy

REMEDIES = MappingProxyType(
    {
        Remedy.DROP_MISSING: "`input.missing: drop` leaves out rows with NaN; "
        "`input.missing: marginalize` uses the values that they have.",
        Remedy.ENLARGE_SAMPLE: "Or set a larger `model.sample_size`.",
        Remedy.ENLARGE_BLOCKS: "If they are not, set a larger `input.partition_size`.",
        Remedy.USE_LESS_MEMORY: "Lower `input.partition_size`, or `cluster.threads_per_worker` or "
        "`cluster.threads`, or raise `cluster.memory_limit`.",
        Remedy.SEARCH_LESS: "Lower `model.sample_size` or `model.n_components`, or raise "
        "`cluster.memory_limit`.",
        Remedy.TRY_AGAIN: "Then run the same command again; it goes on from here.",
        Remedy.START_AGAIN: "Or start again with `dgmm run --fresh`.",
        Remedy.MIX_ARITHMETIC: "Start again with `dgmm run --fresh`, or continue nevertheless with "
        "`cluster.arithmetic: mixed`.",
        Remedy.CHOOSE_FORMAT: "Set `input.format`.",
        Remedy.CONVERT: "Make a Zarr store of it once: `dgmm ingest FILE --output STORE.zarr`.",
        Remedy.CHOOSE_VARIABLE: "Set `variable` to one of them.",
        Remedy.DENSIFY: "Set `variable` to one of them, or for AnnData by rows "
        "`input.densify: true`.",
        Remedy.CHOOSE_VARIABLES: "Set `input.variables` to some of them.",
        Remedy.CHOOSE_COLUMNS: "Set `input.columns`.",
        Remedy.CHOOSE_SAMPLE_DIMS: "Set `input.sample_dims: [NAME, ...]`.",
        Remedy.CHOOSE_CONCAT_DIM: "Set `input.concat_dim` to one of `input.sample_dims`.",
        Remedy.CHOOSE_WEIGHTS: "Set `input.weights: {path: PLACE}`.",
        Remedy.CHOOSE_LABELS: "Set `input.labels: {path: PLACE}`.",
        Remedy.NORMALIZE_WEIGHTS: "Set `input.weights.normalize`: 'rows' for survey weights, "
        "'kish' for unequal probabilities, 'counts' if the sum is meant.",
        Remedy.CHOOSE_LATITUDE: "Set `input.weights: {cell_area: NAME}`.",
        Remedy.OMIT_VARIABLE: "Remove `variable`; it names an array inside a group.",
        Remedy.OMIT_COLUMNS: "Remove `input.columns`.",
        Remedy.OMIT_SAMPLE_DIMS: "Remove `input.sample_dims`.",
        Remedy.FILL_CHUNKS: "Or set `input.missing_chunks: fill`, if missing chunks mean that.",
    }
)

#!/bin/sh
# GDAL 3.10.3 opens no Zarr v3 array that zarr-python writes, whatever its codecs.
#
# One would expect: GDAL has read Zarr v3 since 3.4, and its driver names gzip, blosc and zstd. An
# uncompressed array of zarr-python, codecs ["bytes"], is the simplest there is.
# What happens: "Unsupported codec: bytes" for every array, because that release knows the codec by the
# name "endian" of an early draft. (GDAL 3.12.2, in rasterio 1.5.2 for Python 3.12, reads bytes, zstd and
# gzip, and refuses crc32c and sharding_indexed, both in the final specification.)
# Why it matters: a store that every other reader opens is invisible to GIS programs; checksums have to be
# inside the frames of zstd to be read by later ones.
# Versions: rasterio 1.4.4 (GDAL 3.10.3), zarr 3.1.6, Python 3.11.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet rasterio==1.4.4 zarr==3.1.6 numpy==2.4.6
"$folder/venv/bin/python" - "$folder" <<'PYTHON'
import sys

import numpy as np
import rasterio
import zarr
from zarr.codecs import ZstdCodec

print(f"rasterio {rasterio.__version__}, GDAL {rasterio.__gdal_version__}, zarr {zarr.__version__}")
values = np.arange(12.0).reshape(3, 4)
found = set()
for name, compressors in (("plain", None), ("zstd", [ZstdCodec()])):
    path = f"{sys.argv[1]}/{name}.zarr"
    array = zarr.create_array(path, shape=(3, 4), chunks=(3, 4), dtype="f8", compressors=compressors)
    array[...] = values
    assert (zarr.open_array(path)[...] == values).all()
    try:
        with rasterio.open(f'ZARR:"{path}"') as image:
            found.add(str(image.read().shape))
    except rasterio.errors.RasterioIOError as error:
        found.add(str(error))
        print(f"{name}: {error}")
sys.exit(0 if found == {"Unsupported codec: bytes"} else f"the behaviour has changed: {found}")
PYTHON

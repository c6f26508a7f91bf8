#!/bin/sh
# Readers of FCS give different numbers for the same channel of the same file.
#
# Expected: the values of an event are its fluorescence on a linear scale, whatever reads them.
# Found: for a channel that was recorded with a logarithmic amplifier ($PnE 4,0) and one with a gain
#   ($PnG 2), FlowIO's `events` and fcsparser's data frame hold channel numbers as they were stored,
#   FlowIO's `as_array()` the linear values: 10^(4 * 512 / 1024) = 100 where the others say 512.
#   fcsparser has no option for it, and does not say which of both it gives.
# Versions: flowio 1.4.0, fcsparser 0.2.8, numpy 1.26.4, pandas 3.0.6.
# Why it matters: arcsinh or logicle of channel numbers is the logarithm of a logarithm, and gates and
#   mixtures of the one cannot be compared with those of the other.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
    flowio==1.4.0 fcsparser==0.2.8 six==1.17.0 numpy==1.26.4 pandas==3.0.6
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
from importlib.metadata import version
from pathlib import Path

import fcsparser
import flowio
import numpy as np

print(*(f"{name} {version(name)}" for name in ("flowio", "fcsparser", "numpy")))
events = np.array([[0, 0], [256, 100], [512, 200], [1023, 300]], "<u2")
keys = {"$MODE": "L", "$DATATYPE": "I", "$BYTEORD": "1,2,3,4", "$NEXTDATA": "0"}
keys |= {"$PAR": "2", "$TOT": str(len(events)), "$BEGINDATA": "0", "$ENDDATA": "0"}
for i, (name, amplification, gain) in enumerate((("FL1-H", "4,0", "1"), ("FSC-H", "0,0", "2")), 1):
    keys |= {f"$P{i}N": name, f"$P{i}B": "16", f"$P{i}R": "1024"}
    keys |= {f"$P{i}E": amplification, f"$P{i}G": gain}
text = "/" + "".join(f"{key}/{value}/" for key, value in keys.items())
data, start = events.tobytes(), 58 + len(text)
places = (58, start - 1, start, start + len(data) - 1, 0, 0)
header = "FCS2.0    " + "".join(f"{place:>8}" for place in places)
Path("x.fcs").write_bytes(header.encode() + text.encode() + data)

flow = flowio.FlowData("x.fcs")
raw = np.reshape(flow.events, (-1, 2))
linear = flow.as_array()
_, frame = fcsparser.parse("x.fcs")
by_parser = frame[["FL1-H", "FSC-H"]].to_numpy()
for name, found in (("FlowData.events", raw), ("fcsparser", by_parser), ("as_array()", linear)):
    print(f"{name:16}", found.tolist())
assert (raw == events).all() and (by_parser == events).all(), "the behaviour has changed"
expected = np.column_stack([10 ** (4 * events[:, 0] / 1024), events[:, 1] / 2])
np.testing.assert_allclose(linear, expected, rtol=1e-12)
PYTHON

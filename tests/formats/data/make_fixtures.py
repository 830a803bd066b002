# Writes the fixtures of this folder with NumPy 2: python make_fixtures.py
import io
import os

import numpy as np
from numpy.lib import format as npy_format

here = os.path.dirname(os.path.abspath(__file__))
names = ["b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "c8", "c16"]
arrays = {name: np.array([[0, 1, 2], [3, 4, 5]]).astype(name) for name in names}
arrays["text"] = np.array(["a", "b\u00e4r", "\u65e5\u672c"])
arrays["raw"] = np.array([b"ab", b"c"])
arrays["big"] = np.array([1, 2, 258], dtype=">i4")
arrays["fortran"] = np.asfortranarray(np.arange(24, dtype="f4").reshape(2, 3, 4))
arrays["scalar"] = np.float32(1.5)
arrays["empty"] = np.zeros((0, 3), dtype="i8")
arrays["void"] = np.array([0x3F80, 0x4000], dtype="u2").view("V2")
np.savez(os.path.join(here, "numpy.npz"), **arrays)
np.savez_compressed(os.path.join(here, "numpy_deflate.npz"), x=np.zeros(100, "f4"), y=np.arange(50, dtype="i8"))
for version in (2, 3):
    out = io.BytesIO()
    npy_format.write_array(out, np.arange(3, dtype="i4"), version=(version, 0))
    with open(os.path.join(here, f"version{version}.npy"), "wb") as file:
        file.write(out.getvalue())
np.save(os.path.join(here, "objects.npy"), np.array([{}, None], dtype=object), allow_pickle=True)
np.save(os.path.join(here, "records.npy"), np.zeros(2, dtype=[("a", "i4"), ("b", "f4")]))

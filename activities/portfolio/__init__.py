"""The debt of a whole portfolio on a day: the fold of rules.loan, compiled, over a million loans at once.

Compiled code is kept beside the sources under a name that follows from them, so that a change is never missed.
"""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path

_here = Path(__file__).parent
_sources = b"".join(file.read_bytes() for file in sorted(_here.glob("kernel*.py")))
KEPT = _here / "__pycache__" / f"kernel-{sha256(_sources).hexdigest()[:16]}"

CACHED = os.access(_here, os.W_OK)
if CACHED:
    os.environ["NUMBA_CACHE_DIR"] = str(KEPT)  # read when numba is imported

# How numba compiles. A whole works without Python's lock. Its parts are put into it, and leave the counting of
# references to it: counted by each of them, this alone costs four times as much as all the rest.
WHOLE = {"cache": CACHED, "nogil": True, "error_model": "numpy"}
PART = {"cache": CACHED, "error_model": "numpy", "forceinline": True, "_nrt": False}

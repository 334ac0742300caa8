"""The debt of a whole portfolio on a day: the fold of rules.loan, compiled, over a million loans at once.

Compiled code is kept beside the sources under a name that follows from them, so that a change is never missed.
"""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path

_here = Path(__file__).parent
_sources = b"".join(file.read_bytes() for file in sorted(_here.glob("kernel*.py")))
_kept = _here / "__pycache__" / f"kernel-{sha256(_sources).hexdigest()[:16]}"

CACHED = os.access(_here, os.W_OK)
if CACHED:
    os.environ["NUMBA_CACHE_DIR"] = str(_kept)  # read when numba is imported

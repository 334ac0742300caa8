"""Makes tests/support importable: a dependency installs a package named `tests`, which hides our folder."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

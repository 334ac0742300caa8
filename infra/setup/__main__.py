"""`python -m infra.setup [STATE]`."""

import sys
from pathlib import Path

from infra.settings import state_folder
from infra.setup.run import run

if __name__ == "__main__":
    sys.exit(run(Path(sys.argv[1]).absolute() if len(sys.argv) > 1 else state_folder()))

"""`python -m infra.setup [--tests] [STATE]`. --tests: also what only the tests need."""

import sys
from pathlib import Path

from infra.settings import state_folder
from infra.setup.run import run

if __name__ == "__main__":
    folders = [argument for argument in sys.argv[1:] if argument != "--tests"]
    sys.exit(run(Path(folders[0]).absolute() if folders else state_folder(), tests="--tests" in sys.argv))

"""The system libraries and fonts that no Python package carries."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Sequence

from infra.setup.errors import SetupFailed

PACKAGES = (
    "libpango-1.0-0",  # WeasyPrint: layout of the papers
    "libpangoft2-1.0-0",
    "libharfbuzz-subset0",
    "fonts-noto-core",  # Kazakh and Russian text
    "fonts-ocr-b",  # the machine-readable zone of identity cards
    "fonts-dejavu-core",
    "libnettle8",  # GOST digests and curves
    "libhogweed6",
    "libgmp10",
    "tesseract-ocr",  # reads the Cyrillic front of identity cards
    "tesseract-ocr-kaz",
    "tesseract-ocr-rus",
)

FOR_TESTS = (
    "chromium",  # Temporal UI behind our log-in, in a real browser
    "poppler-utils",  # a second opinion on the PDFs
    "openssl",  # a second opinion on signatures
)


def _missing(wanted: Sequence[str]) -> list[str]:
    command = ["dpkg-query", "--show", "--showformat=${Package} ${db:Status-Status}\n", *wanted]
    told = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    installed = {line.split()[0] for line in told.splitlines() if line.endswith(" installed")}
    return [name for name in wanted if name not in installed]


LANGUAGES = ("kaz", "rus")  # in which the fronts of identity cards are read


def _check_reader() -> None:
    """The reader of print answers and has its languages: packages that are there may still be broken."""
    try:
        command = ["tesseract", "--list-langs"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SetupFailed(f"tesseract does not start: {error}") from error
    missing = [name for name in LANGUAGES if name not in done.stdout.split()]
    if done.returncode or missing:
        raise SetupFailed(
            f"tesseract lacks {' and '.join(missing) or 'its languages'}: reinstall tesseract-ocr-kaz, -rus"
        )


def ensure(say: Callable[[str], None], *, tests: bool = False) -> None:
    """Install what is missing when root.

    Args:
        tests: also what only the tests need.

    Raises:
        SetupFailed: not root, not Debian, or apt failed; the message is the command to run.
    """
    wanted = PACKAGES + FOR_TESTS if tests else PACKAGES
    if not shutil.which("dpkg-query"):
        names = " ".join(wanted)
        raise SetupFailed(f"this is no Debian system: install what these packages carry, then run again:\n  {names}")
    missing = _missing(wanted)
    if not missing:
        _check_reader()
        say("Debian packages: complete")
        return
    install = ["apt-get", "install", "--yes", "--no-install-recommends", *missing]
    if os.geteuid() != 0:
        raise SetupFailed(f"run this, then run the set-up again:\n  sudo {' '.join(install)}")
    say(f"Debian packages: installing {' '.join(missing)}")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "update", "--quiet"], capture_output=True, check=False, env=environment)
    done = subprocess.run(install, capture_output=True, text=True, check=False, env=environment)
    if done.returncode or _missing(wanted):
        raise SetupFailed(f"apt failed:\n{done.stderr.strip()[-600:]}\nrun by hand:\n  {' '.join(install)}")
    _check_reader()

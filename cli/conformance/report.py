"""What a file's cases came to."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from rules.money import Money


@dataclass
class FileReport:
    """Cases of one file: each is exact, differs for a reason, or is not covered by our conventions for a reason."""

    exact: int = 0
    differing: list[dict[str, str]] = field(default_factory=list)
    not_covered: Counter[str] = field(default_factory=Counter)

    def compare(self, case: str, difference: str | None) -> None:
        """Count a covered case; difference: the first one found, None where there is none."""
        if difference is None:
            self.exact += 1
        else:
            self.differing.append({"id": case, "reason": difference})

    def skip(self, reason: str) -> None:
        """Count a case that our conventions do not cover."""
        self.not_covered[reason] += 1

    def as_json(self) -> dict[str, Any]:
        """The report as the command prints it."""
        covered = self.exact + len(self.differing)
        return {
            "cases": covered + self.not_covered.total(),
            "covered": covered,
            "exact": self.exact,
            "differing": self.differing,
            "not_covered": dict(sorted(self.not_covered.items())),
        }


def day(text: str) -> date:
    """A date of a file."""
    return date.fromisoformat(text)


def money(text: str | Decimal | int) -> Money:
    """An amount of a file, whose trailing zeros are missing."""
    return Money(Decimal(text).quantize(Decimal("0.01")))


def tiyn(text: str | Decimal | int) -> int:
    """The same in tiyn."""
    return money(text).tiyn

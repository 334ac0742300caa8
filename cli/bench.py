"""`nesie bench NAME`: figures from one run, printed as they are."""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from typing import Any

BENCHES = {
    "clocks": "bench.clocks",
    "face": "bench.face",
    "loan-maths": "bench.loan_maths",
    "mrz": "bench.mrz",
    "origination": "bench.origination",
    "payouts": "bench.payouts",
    "portfolio": "bench.portfolio",
    "signature": "bench.signature",
}
_WRONG = ("double", "lost", "wrong_amount", "failures", "accepted_wrong_protected", "accepted_wrong_name")


class _Parser(argparse.ArgumentParser):
    """Loads its benchmark only when that is the one asked for: their libraries would add to what it measures."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        bench = importlib.import_module(BENCHES[self.prog.split()[-1]])
        bench.arguments(self)
        self.set_defaults(run=lambda args: run(args, bench.run))
        return super().parse_known_args(args, namespace)


def register(subparsers: Any) -> None:
    """Add `nesie bench`; each benchmark adds its own options."""
    parser = subparsers.add_parser("bench", help="measure")
    names = parser.add_subparsers(dest="bench", required=True, parser_class=_Parser)
    for name in BENCHES:
        names.add_parser(name).add_argument("--json", action="store_true")


def run(args: argparse.Namespace, measure: Any) -> int:
    """Measure, print, and fail when something was lost, doubled, wrong or not finished."""
    result: dict[str, Any] = measure(args)
    if args.json:
        print(json.dumps(result, ensure_ascii=False))
    else:
        print(json.dumps(result, ensure_ascii=False, indent=2))
    wrong = [name for name in _WRONG if result.get(name)]
    if wrong:
        print(f"nesie bench: {', '.join(wrong)}", file=sys.stderr)
    return 1 if wrong else 0

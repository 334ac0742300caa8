"""`nesie bench NAME`: figures from one run, printed as they are."""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from typing import Any

BENCHES = {
    "clocks": "bench.clocks",
    "loan-maths": "bench.loan_maths",
    "origination": "bench.origination",
    "payouts": "bench.payouts",
    "portfolio": "bench.portfolio",
}


def register(subparsers: Any) -> None:
    """Add `nesie bench`; each benchmark adds its own options."""
    parser = subparsers.add_parser("bench", help="measure")
    names = parser.add_subparsers(dest="bench", required=True)
    for name, module in BENCHES.items():
        one = names.add_parser(name)
        one.add_argument("--json", action="store_true")
        bench = importlib.import_module(module)
        bench.arguments(one)
        one.set_defaults(run=lambda args, bench=bench: run(args, bench.run))


def run(args: argparse.Namespace, measure: Any) -> int:
    """Measure, print, and fail when something was lost, doubled, wrong or not finished."""
    result: dict[str, Any] = measure(args)
    if args.json:
        print(json.dumps(result, ensure_ascii=False))
    else:
        print(json.dumps(result, ensure_ascii=False, indent=2))
    wrong = [name for name in ("double", "lost", "wrong_amount", "failures") if result.get(name)]
    if wrong:
        print(f"nesie bench: {', '.join(wrong)}", file=sys.stderr)
    return 1 if wrong else 0

"""`nesie setup | up | down | status | logs`: the local stack."""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infra.settings import state_folder

if TYPE_CHECKING:
    from infra.stack import Stack


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the commands of the local stack."""
    setup = subparsers.add_parser("setup", help="prepare the machine: packages, server binaries, models")
    setup.set_defaults(run=set_up)
    up = subparsers.add_parser("up", help="start the local stack and keep it running until Ctrl-C")
    up.add_argument("--json", action="store_true", help="print one JSON object when it is ready")
    up.add_argument("--only", metavar="PART", action="append", help="start this part only; may be repeated")
    up.set_defaults(run=keep_up)
    down = subparsers.add_parser("down", help="stop the local stack")
    down.set_defaults(run=take_down)
    status = subparsers.add_parser("status", help="show each part and whether it is healthy")
    status.add_argument("--json", action="store_true")
    status.set_defaults(run=show_status)
    logs = subparsers.add_parser("logs", help="show the log of one part")
    logs.add_argument("name", help="postgres, temporal, archive, counterparties, worker, biometrics, api, supervisor")
    logs.add_argument("-f", "--follow", action="store_true", help="go on as it grows")
    logs.add_argument("-n", "--lines", type=int, default=50)
    logs.set_defaults(run=show_log)


def set_up(args: argparse.Namespace) -> int:
    """Prepare the machine; the same as the last step of `make setup`."""
    from infra.setup import run

    return run(state_folder())


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)


def _stop_signals() -> None:
    """SIGTERM ends like Ctrl-C, so that everything is stopped in order."""
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))


def keep_up(args: argparse.Namespace) -> int:
    """Start everything, print where to look, and stay until Ctrl-C (or `nesie down` elsewhere)."""
    from infra.stack import Stack

    _stop_signals()
    stack, began = Stack(state_folder(), report=_say), time.monotonic()
    try:
        stack.up(args.only)
        _print_ready(stack, time.monotonic() - began, args.json)
        while stack.supervisor_pid() is not None:
            time.sleep(1)
        _say("the stack was stopped")
    except KeyboardInterrupt:
        _say("stopping ...")
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        stack.down()
    return 0


def _print_ready(stack: Stack, seconds: float, as_json: bool) -> None:
    addresses = stack.addresses()
    if as_json:
        told = {"ok": True, "seconds": round(seconds, 1), "state": str(stack.state), "addresses": addresses}
        print(json.dumps({**told, "notes": stack.notes}), flush=True)
        return
    print(f"\nnesie is up after {seconds:.1f} s; state in {stack.state}")
    for name, title in _TITLES.items():
        print(f"  {title:<18} {addresses[name]}")
    print("Ctrl-C stops it.", flush=True)


_TITLES = {
    "api_docs": "API, with docs",
    "temporal_ui": "Temporal UI",
    "archive_console": "archive console",
    "archive": "archive (S3)",
    "counterparties": "counterparties",
    "temporal": "Temporal (gRPC)",
    "postgres": "PostgreSQL",
}


def take_down(args: argparse.Namespace) -> int:
    """Stop the stack of this state folder, whoever started it."""
    from infra.stack import Stack

    stack = Stack(state_folder())
    if not stack.leftovers():
        print(f"nothing runs in {stack.state}")
        return 0
    stack.down()
    print("stopped")
    return 0


def show_status(args: argparse.Namespace) -> int:
    """A table of the parts; exit code 0 when all that were started are healthy, 3 when the stack is down."""
    from infra.stack import Stack

    stack = Stack(state_folder())
    parts = stack.status()
    started = {name: part for name, part in parts.items() if part["state"] != "stopped"}
    ok = bool(started) and all(part["healthy"] for part in started.values())
    if args.json:
        print(json.dumps({"ok": ok, "running": bool(parts), "parts": parts, "addresses": stack.addresses()}))
    else:
        _print_parts(parts)
    return 0 if ok else 3


def _print_parts(parts: dict[str, dict[str, Any]]) -> None:
    if not parts:
        print("the stack is not running")
    for name, part in parts.items():
        health = "healthy" if part["healthy"] else "-"
        print(f"{name:<16} {part['state']:<10} {health:<8} pid {part['pid'] or '-':<8} {part['uptime_seconds']} s")


def show_log(args: argparse.Namespace) -> int:
    """The end of a log; `-f` follows it through rotations."""
    file: Path = state_folder() / "logs" / f"{args.name}.log"
    known = sorted(one.stem for one in file.parent.glob("*.log"))
    if args.name not in known:
        print(f"no log named {args.name}; there are: {', '.join(known) or 'none yet'}", file=sys.stderr)
        return 1
    command = ["tail", "-n", str(args.lines), *(["-F"] if args.follow else []), str(file)]
    return subprocess.run(command, check=False).returncode

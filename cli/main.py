"""The command `nesie`. Each command lives in a module of its own, imported only when it is called.

A command module has `register(subparsers)`, which adds its parser with `set_defaults(run=function)`, and functions
`(args) -> int`, the exit code.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys

from rules.errors import BusinessError, Fault

COMMANDS = {  # command -> (module, one line of help)
    "setup": ("cli.stack", "prepare the machine: packages, server binaries, models"),
    "up": ("cli.stack", "start the local stack and keep it running until Ctrl-C"),
    "down": ("cli.stack", "stop the local stack"),
    "status": ("cli.stack", "show each part of the local stack and whether it is healthy"),
    "logs": ("cli.stack", "show the log of one part"),
    "demo": ("cli.demo", "originate one loan on the real stack, from a phone number to money on the account"),
    "doctor": ("cli.doctor", "check the stack, and look for personal data where none may be"),
    "archive": ("cli.archive", "the document archive: check its locks"),
    "audit": ("cli.audit", "the audit trail: verify its chain"),
    "schedule": ("cli.schedule", "a repayment schedule with its annual effective rate"),
    "aer": ("cli.schedule", "the annual effective rate of any flows"),
    "conformance": ("cli.schedule", "published figures, computed again by our rules"),
    "deadline": ("cli.deadline", "the last day of a term of the law, and every day that was not counted"),
    "evidence": ("cli.evidence", "what an identification stood on, judged again from the archive"),
    "card": ("cli.card", "both sides of an identity card read and compared"),
    "face": ("cli.face", "two photographs compared as a client's are"),
    "liveness": ("cli.liveness", "a filmed challenge judged as a client's is"),
    "identification": ("cli.identification", "which proofs an act needs on a day, of which kind of client"),
    "loan": ("cli.loan", "the debt of a loan on any day, and how its figures came about"),
    "ledger": ("cli.ledger", "the books: trial balance, and the ledger against the loans"),
    "reconcile": ("cli.reconcile", "the bank's statement of a day against our payments"),
    "bundle": ("cli.bundle", "the proof of one loan as a signed file, and its check offline"),
    "law": ("cli.law", "each paragraph of the Rules with the code, clocks and tests that serve it"),
    "report": ("cli.report", "reports to the regulator: list, build, show what is behind a figure, backfill"),
    "keys": ("cli.keys", "the master keys: wrap everything under the current one"),
    "signature": ("cli.signature", "an electronic signature judged offline"),
    "mrz": ("cli.mrz", "the machine-readable lines of a photographed document"),
    "staff": ("cli.staff", "people who work for the lender"),
    "bench": ("cli.bench", "measure"),
}


def _parser(command: str | None) -> argparse.ArgumentParser:
    """The parser: with one module's commands when it is known which, else with the list alone."""
    listed = "\n".join(f"  {name:<14} {line}" for name, (_, line) in COMMANDS.items())
    parser = argparse.ArgumentParser(
        prog="nesie",
        description="Loan origination for microfinance organisations in Kazakhstan.",
        epilog=f"commands:\n{listed}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    subparsers = parser.add_subparsers(dest="command", metavar="command", required=True)
    if command is None:
        for name in COMMANDS:
            subparsers.add_parser(name)
    else:
        importlib.import_module(COMMANDS[command][0]).register(subparsers)
    return parser


def run(argv: list[str]) -> int:
    """Run one command; errors of the business and of the world become one sentence and exit code 1."""
    command = argv[0] if argv and argv[0] in COMMANDS else None
    try:
        args = _parser(command).parse_args(argv)
        return int(args.run(args))
    except BusinessError as error:
        text = str(error) if str(error) == error.code else f"{error} ({error.code})"
        print(f"nesie: {text}", file=sys.stderr)
        return 1
    except Fault as error:
        print(f"nesie: {error}", file=sys.stderr)
        return 1
    except ModuleNotFoundError as error:
        if command is None or error.name != COMMANDS[command][0]:
            raise
        print(f"nesie: the command {command} is not part of this installation", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def main() -> None:
    """Entry point. Leaves by `os._exit`: Temporal's client may abort the interpreter while it shuts down."""
    code = 1
    try:
        code = run(sys.argv[1:])
    except SystemExit as end:  # argparse: --help, wrong usage
        code = end.code if isinstance(end.code, int) else 1
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        except OSError:  # the reader of a pipe has gone
            code = code or 1
        os._exit(code)


if __name__ == "__main__":
    main()

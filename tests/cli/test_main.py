"""The command line: what it says when something is wrong; a command's module is imported only when it is called."""

from __future__ import annotations

import argparse
import subprocess
import sys
from types import ModuleType

import pytest

from cli import main
from rules.errors import NotFound, Unavailable


def _nesie(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "cli.main", *words], capture_output=True, text=True, check=False)


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A command `try` whose function the test sets as `module.run`."""
    module = ModuleType("cli_try")

    def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
        subparsers.add_parser("try").set_defaults(run=lambda args: module.run(args))

    module.register = register  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "cli_try", module)
    monkeypatch.setitem(main.COMMANDS, "try", ("cli_try", "a test"))
    return module


def test_help_lists_every_command_and_imports_none_of_them() -> None:
    script = "import sys; sys.argv = ['nesie', '--help']\nfrom cli import main\ntry: main.run(['--help'])\n"
    script += (
        "finally: print('loaded', sorted(m for m in sys.modules if m.startswith(('cli.', 'temporalio', 'infra'))))"
    )
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False).stdout
    assert all(f"  {name} " in told for name in main.COMMANDS)
    assert "loaded ['cli.main']" in told


def test_an_unknown_command_is_a_usage_error() -> None:
    done = _nesie("fly")
    assert done.returncode == 2
    assert "invalid choice: 'fly'" in done.stderr


def test_the_exit_code_is_the_commands_own(command: ModuleType) -> None:
    command.run = lambda args: 7  # type: ignore[attr-defined]
    assert main.run(["try"]) == 7


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (NotFound("no-such-loan", "there is no such loan"), "there is no such loan (no-such-loan)"),
        (NotFound("no-such-loan"), "no-such-loan"),
        (Unavailable("the bank is away"), "the bank is away"),
    ],
)
def test_an_error_becomes_one_sentence(
    command: ModuleType, error: Exception, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(args: argparse.Namespace) -> int:
        raise error

    command.run = fail  # type: ignore[attr-defined]
    assert main.run(["try"]) == 1
    assert capsys.readouterr().err == f"nesie: {sentence}\n"


def test_a_missing_command_module_is_named_only_when_called(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(main.COMMANDS, "absent", ("cli.absent_module", "nothing"))
    assert main.run(["absent"]) == 2
    assert "absent is not part of this installation" in capsys.readouterr().err

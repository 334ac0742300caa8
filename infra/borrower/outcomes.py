"""How a call or a step of the borrower's application ends where it does not succeed."""

from __future__ import annotations

from typing import Any

JSON = dict[str, Any]


class Refused(Exception):
    """The API answered with a problem. problem: its body; status: HTTP status."""

    def __init__(self, status: int, problem: JSON) -> None:
        super().__init__(f"{status} {problem.get('code')} {problem.get('field', '')}")
        self.status, self.problem = status, problem

    @property
    def code(self) -> str:
        """The stable code of the problem."""
        return str(self.problem.get("code"))


class Stopped(Exception):
    """A step ended on a ground. answer: the step's answer."""

    def __init__(self, answer: JSON) -> None:
        super().__init__(f"{answer.get('step')} {answer.get('outcome')} {answer.get('ground')}")
        self.answer = answer

    @property
    def ground(self) -> str:
        """The stable code of the ground."""
        return str(self.answer.get("ground"))

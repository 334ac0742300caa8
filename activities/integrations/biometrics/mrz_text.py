"""An MRZ as read, and what it is worth: the rule by which a reading is taken, doubted, asked again or refused."""

from __future__ import annotations

from dataclasses import dataclass, field

from activities.integrations.biometrics.mrz_format import Format
from rules.evidence import DocumentOutcome

READABLE = -0.25
"""Score below which the rows are no MRZ, or it lies in another direction."""

HOPELESS = -0.33
"""Score at which rows are other text, or an MRZ in tatters, and not looked at again."""

MENDED = -0.12
"""The score that a mended reading needs, and a text of which it is to be said that it is printed so."""

_TWINS = {"0": "O", "O": "0", "1": "I", "I": "1"}
_CARD = {
    "document_type": (0, 0, 2), "issuer": (0, 2, 5), "number": (0, 5, 14), "optional": (0, 15, 30),
    "birth_date": (1, 0, 6), "sex": (1, 7, 8), "expires": (1, 8, 14), "nationality": (1, 15, 18), "names": (2, 0, 30),
}  # fmt: skip
_TWO_LINES = {
    "document_type": (0, 0, 2), "issuer": (0, 2, 5), "names": (0, 5, 44), "number": (1, 0, 9),
    "nationality": (1, 10, 13), "birth_date": (1, 13, 19), "sex": (1, 20, 21), "expires": (1, 21, 27),
    "optional": (1, 28, 42),
}  # fmt: skip


@dataclass(frozen=True)
class MrzText:
    """An MRZ as read.

    score: mean log-probability a frame, 0 is certain. sure: per line and position, whether the symbol is clearly
    ahead of the next. accepted: check digits, dates, state and score are as they must be. settled: no other text under
    the check digits is plausible. names_sure: every symbol that no check digit covers is sure. second: the lines as
    the other reader has them; None where it was not asked or found no such lines. height: pixels of a row.
    """

    form: Format
    lines: list[str]
    score: float
    mended: bool
    sure: list[list[bool]]
    accepted: bool
    settled: bool
    names_sure: bool
    second: list[str] | None = None
    height: float = 0.0
    model_sha256: dict[str, str] = field(default_factory=dict)

    @property
    def checks(self) -> dict[str, bool]:
        """Each check digit by name."""
        return self.form.check_results(self.lines)

    @property
    def fields(self) -> dict[str, str]:
        """What the lines say, without fillers; dates as printed, YYMMDD. `iin`: on Kazakhstan's documents."""
        cut = _CARD if self.form.lines == 3 else _TWO_LINES
        found = {name: self.lines[line][start:end].rstrip("<") for name, (line, start, end) in cut.items()}
        if self.form.name == "TD2":
            found["optional"] = self.lines[1][28:35].rstrip("<")
        surname, _, given = found.pop("names").partition("<<")
        found |= {"surname": surname.replace("<", " "), "given_name": given.replace("<", " ")}
        if found["issuer"] == "KAZ" and len(found["optional"]) >= 12 and found["optional"][:12].isdigit():
            found["iin"] = found["optional"][:12]
        return found

    @property
    def alone(self) -> bool:
        """Our net needs no second opinion: check digits fit, and nothing is doubtful or mended."""
        return self.accepted and self.settled and self.names_sure and not self.mended

    @property
    def surely_wrong(self) -> bool:
        """A check digit does not fit, or a date is none, though every symbol of it is sure: so it is printed."""
        if self.score <= MENDED:
            return False
        checks = self.checks
        wrong = [(*c.covers, c.digit) for c in self.form.checks_of(self.lines) if not checks[c.name]]
        if not wrong and not self.form.dates_real(self.lines):
            wrong = [tuple((line, at + step) for step in range(6)) for line, at in self.form.dates]
        return any(all(self.sure[line][at] for line, at in places) for places in wrong) and not self._twin_heals()

    @property
    def outcome(self) -> DocumentOutcome:
        """The rule. The second reader can confirm what our net was not sure of; it can never make a text good.

        READ: check digits fit and our net is sure, or both readers have the same text. READ_NAME_UNSURE: what the check
        digits cover is read for sure or alike, the names are not. REJECTED: read surely, and wrong. RETAKE: the rest.
        """
        if not self.accepted:
            return DocumentOutcome.REJECTED if self.surely_wrong else DocumentOutcome.RETAKE
        if self.alone or self.second == self.lines:
            return DocumentOutcome.READ
        if (self.settled and not self.mended) or (self.second and self.covered(self.second) == self.covered()):
            return DocumentOutcome.READ_NAME_UNSURE
        return DocumentOutcome.RETAKE

    @property
    def reason(self) -> str | None:
        """Why it is not READ, one kebab-case code."""
        match self.outcome:
            case DocumentOutcome.READ:
                return None
            case DocumentOutcome.READ_NAME_UNSURE:
                return "document-name-unsure"
            case DocumentOutcome.REJECTED:
                return "check-digit-wrong" if not all(self.checks.values()) else "date-not-real"
        return "mrz-not-found" if self.score < READABLE else "document-retake"

    def _twin_heals(self) -> bool:
        """Whether one O for 0, or I for 1, would make all fit: hardly any print tells those apart for sure."""
        for line, text in enumerate(self.lines):
            for at, symbol in enumerate(text):
                if symbol in _TWINS:
                    other = [*self.lines]
                    other[line] = text[:at] + _TWINS[symbol] + text[at + 1 :]
                    if self.form.allows(other) and self.form.valid(other):
                        return True
        return False

    def covered(self, lines: list[str] | None = None) -> str:
        """What stands under the check digits, here or in other lines of this format."""
        lines = lines or self.lines
        places = {place for check in self.form.checks_of(self.lines) for place in (*check.covers, check.digit)}
        return "".join(lines[line][at] for line, at in sorted(places))

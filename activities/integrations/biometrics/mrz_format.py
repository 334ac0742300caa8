"""The machine-readable zone of ICAO Doc 9303: three formats, which symbol may stand where, check digits, states.

TD1 is three lines of 30 (cards), TD2 two of 36, TD3 two of 44 (passports). Places are (line, position), from 0.

>>> check_digit("520727")
'3'
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ<"
INDEX = {symbol: index for index, symbol in enumerate(ALPHABET)}
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ<"
DIGITS = "0123456789"

_VALUES = {symbol: value for value, symbol in enumerate(ALPHABET[:36])} | {"<": 0}
_WEIGHTS = (7, 3, 1)

Place = tuple[int, int]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Check:
    """A check digit: what it covers, where it stands. optional: a filler may stand there if it covers only fillers."""

    name: str
    covers: tuple[Place, ...]
    digit: Place
    optional: bool = False


@dataclass(frozen=True)
class Format:
    """A format. dates: where birth and expiry begin.

    masks: per line (positions, 37), True where the symbol may stand.
    """

    name: str
    lines: int
    length: int
    masks: tuple[Mask, ...]
    checks: tuple[Check, ...]
    dates: tuple[Place, Place]

    @property
    def name_line(self) -> int:
        """The line of the names, which no check digit covers."""
        return 2 if self.lines == 3 else 0

    def allows(self, lines: Sequence[str]) -> bool:
        """Whether every symbol stands where it may."""
        return len(lines) == self.lines and all(
            len(line) == self.length and all(mask[at, INDEX[symbol]] for at, symbol in enumerate(line))
            for line, mask in zip(lines, self.masks, strict=True)
        )

    def checks_of(self, lines: Sequence[str]) -> tuple[Check, ...]:
        """The check digits that this very text has: visas have fewer, and a card's long number carries its own."""
        if self.lines == 2 and lines[0][0] == "V":
            return self.checks[:3]
        if self.lines == 3 and lines[0][14] == "<":
            end = 15 + len(lines[0][15:].partition("<")[0]) - 1
            if end > 15:
                return (Check("number", _span(0, 5, 14) + _span(0, 15, end), (0, end)), *self.checks[1:])
        return self.checks

    def check_results(self, lines: Sequence[str]) -> dict[str, bool]:
        """Each check digit by name."""
        return {check.name: _holds(check, lines) for check in self.checks_of(lines)}

    def valid(self, lines: Sequence[str]) -> bool:
        """All check digits fit."""
        return all(self.check_results(lines).values())

    def dates_real(self, lines: Sequence[str]) -> bool:
        """Whether birth and expiry are days of some century; parts that are not known may be fillers."""
        return all(_real(lines[line][at : at + 6]) for line, at in self.dates)


def check_digit(symbols: str) -> str:
    """Weights 7, 3, 1; A = 10 ... Z = 35, filler 0; modulo 10."""
    return str(sum(_VALUES[symbol] * _WEIGHTS[at % 3] for at, symbol in enumerate(symbols)) % 10)


def _holds(check: Check, lines: Sequence[str]) -> bool:
    covered = "".join(lines[line][at] for line, at in check.covers)
    printed = lines[check.digit[0]][check.digit[1]]
    if check.optional and printed == "<" and not covered.strip("<"):
        return True
    return printed == check_digit(covered)


def _real(symbols: str) -> bool:
    """YYMMDD of some century. The law of the format lets unknown parts be fillers.

    >>> _real("000229"), _real("870230"), _real("54<<<<")
    (True, False, True)
    """
    year, month, day = symbols[:2], symbols[2:4], symbols[4:]
    if "<" in symbols and not all(part.isdigit() or part == "<<" for part in (year, month, day)):
        return False
    month, day = month.replace("<<", "01"), day.replace("<<", "01")
    days = (0, 31, 29 if not year.isdigit() or int(year) % 4 == 0 else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
    return 1 <= int(month) <= 12 and 1 <= int(day) <= days[int(month)]


def _span(line: int, start: int, end: int) -> tuple[Place, ...]:
    return tuple((line, at) for at in range(start, end))


def _masks(lines: int, length: int, rules: Sequence[tuple[int, int, int, str]]) -> tuple[Mask, ...]:
    """Everything may stand everywhere but where a rule (line, start, end, symbols) says otherwise; later rules win."""
    masks = [np.ones((length, len(ALPHABET)), bool) for _ in range(lines)]
    for line, start, end, symbols in rules:
        masks[line][start:end] = [symbol in symbols for symbol in ALPHABET]
    return tuple(masks)


_NUMERIC = DIGITS + "<"
_TD1_RULES = [
    (0, 0, 1, "IAC"), (0, 1, 5, LETTERS), (0, 14, 15, _NUMERIC),
    (1, 0, 6, _NUMERIC), (1, 6, 7, DIGITS), (1, 7, 8, "MF<X"), (1, 8, 14, _NUMERIC), (1, 14, 15, DIGITS),
    (1, 15, 18, LETTERS), (1, 29, 30, DIGITS), (2, 0, 30, LETTERS),
]  # fmt: skip
# Kazakhstan's card: nine digits of number, twelve of IIN, nothing but digits in the dates.
_KAZ_RULES = [
    *_TD1_RULES, (0, 2, 3, "K"), (0, 3, 4, "A"), (0, 4, 5, "Z"), (0, 5, 27, DIGITS),
    (0, 27, 30, "<"), (1, 0, 7, DIGITS), (1, 8, 15, DIGITS),
]  # fmt: skip
_TWO_LINES = [
    (1, 9, 10, _NUMERIC), (1, 10, 13, LETTERS), (1, 13, 19, _NUMERIC), (1, 19, 20, DIGITS), (1, 20, 21, "MF<X"),
    (1, 21, 27, _NUMERIC), (1, 27, 28, DIGITS),
]  # fmt: skip
_TD2_RULES = [(0, 0, 36, LETTERS), (0, 0, 1, "IACVP"), *_TWO_LINES, (1, 35, 36, _NUMERIC)]
_TD3_RULES = [(0, 0, 44, LETTERS), (0, 0, 1, "PV"), *_TWO_LINES, (1, 42, 44, _NUMERIC)]

# Its passport: a letter and eight digits of number, the IIN in the optional field.
_KAZ_PASSPORT_RULES = [
    *_TD3_RULES, (0, 0, 1, "P"), (0, 2, 3, "K"), (0, 3, 4, "A"), (0, 4, 5, "Z"), (1, 0, 1, LETTERS), (1, 1, 10, DIGITS),
    (1, 13, 20, DIGITS), (1, 21, 28, DIGITS), (1, 28, 40, DIGITS), (1, 40, 42, "<"), (1, 42, 44, DIGITS),
]  # fmt: skip

_TD1_CHECKS = (
    Check("number", _span(0, 5, 14), (0, 14)),
    Check("birth_date", _span(1, 0, 6), (1, 6)),
    Check("expires", _span(1, 8, 14), (1, 14)),
    Check("composite", _span(0, 5, 30) + _span(1, 0, 7) + _span(1, 8, 15) + _span(1, 18, 29), (1, 29)),
)
_TWO_LINE_CHECKS = (
    Check("number", _span(1, 0, 9), (1, 9)),
    Check("birth_date", _span(1, 13, 19), (1, 19)),
    Check("expires", _span(1, 21, 27), (1, 27)),
)
_TD2_CHECKS = (*_TWO_LINE_CHECKS, Check("composite", _span(1, 0, 10) + _span(1, 13, 20) + _span(1, 21, 35), (1, 35)))
_TD3_CHECKS = (
    *_TWO_LINE_CHECKS,
    Check("optional", _span(1, 28, 42), (1, 42), optional=True),
    Check("composite", _span(1, 0, 10) + _span(1, 13, 20) + _span(1, 21, 43), (1, 43)),
)

TD1 = Format("TD1", 3, 30, _masks(3, 30, _TD1_RULES), _TD1_CHECKS, ((1, 0), (1, 8)))
TD1_KAZ = Format("TD1", 3, 30, _masks(3, 30, _KAZ_RULES), _TD1_CHECKS, ((1, 0), (1, 8)))
TD2 = Format("TD2", 2, 36, _masks(2, 36, _TD2_RULES), _TD2_CHECKS, ((1, 13), (1, 21)))
TD3 = Format("TD3", 2, 44, _masks(2, 44, _TD3_RULES), _TD3_CHECKS, ((1, 13), (1, 21)))
TD3_KAZ = Format("TD3", 2, 44, _masks(2, 44, _KAZ_PASSPORT_RULES), _TD3_CHECKS, ((1, 13), (1, 21)))
FORMATS = (TD1, TD2, TD3)
KAZAKH = (TD1_KAZ, TD3_KAZ)

# Doc 9303 part 3, section 5: ISO 3166-1 alpha-3 and the codes it adds.
STATES = frozenset(
    """
    ABW AFG AGO AIA ALA ALB AND ARE ARG ARM ASM ATA ATF ATG AUS AUT AZE BDI BEL BEN BES BFA BGD BGR BHR BHS BIH BLM
    BLR BLZ BMU BOL BRA BRB BRN BTN BVT BWA CAF CAN CCK CHE CHL CHN CIV CMR COD COG COK COL COM CPV CRI CUB CUW CXR
    CYM CYP CZE DJI DMA DNK DOM DZA ECU EGY ERI ESH ESP EST ETH FIN FJI FLK FRA FRO FSM GAB GBR GEO GGY GHA GIB GIN
    GLP GMB GNB GNQ GRC GRD GRL GTM GUF GUM GUY HKG HMD HND HRV HTI HUN IDN IMN IND IOT IRL IRN IRQ ISL ISR ITA JAM
    JEY JOR JPN KAZ KEN KGZ KHM KIR KNA KOR KWT LAO LBN LBR LBY LCA LIE LKA LSO LTU LUX LVA MAC MAF MAR MCO MDA MDG
    MDV MEX MHL MKD MLI MLT MMR MNE MNG MNP MOZ MRT MSR MTQ MUS MWI MYS MYT NAM NCL NER NFK NGA NIC NIU NLD NOR NPL
    NRU NZL OMN PAK PAN PCN PER PHL PLW PNG POL PRI PRK PRT PRY PSE PYF QAT REU ROU RUS RWA SAU SDN SEN SGP SGS SHN
    SJM SLB SLE SLV SMR SOM SPM SRB SSD STP SUR SVK SVN SWE SWZ SXM SYC SYR TCA TCD TGO THA TJK TKL TKM TLS TON TTO
    TUN TUR TUV TWN TZA UGA UKR UMI URY USA UZB VAT VCT VEN VGB VIR VNM VUT WLF WSM YEM ZAF ZMB ZWE
    D<< EUE GBD GBN GBO GBP GBS RKS RKO UNO UNA UNK XAA XBA XIM XCC XCE XCO XEC XES XMP XOM XPO XDC XXA XXB XXC XXX
    IAO UTO NTZ
    """.split()  # noqa: SIM905 - a list of 260 lines tells no more
)

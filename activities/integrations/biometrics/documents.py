"""Reads Kazakhstan's identity card: the MRZ of its back with the gates that make a false reading need five
coincidences, and the portrait of its front.

Rules: para 6, part 1; para 6, part 3.
"""

from __future__ import annotations

import hashlib
from datetime import date
from pathlib import Path

import cv2
import numpy as np

from activities.integrations.biometrics import images
from activities.integrations.biometrics.decoder import Image
from activities.integrations.biometrics.detection import Face, FaceDetector
from activities.integrations.biometrics.mrz import READABLE, MrzReader, MrzText
from activities.integrations.biometrics.mrz_lines import MODEL as LINES
from activities.integrations.biometrics.mrz_lines import MODEL_SHA256 as LINES_SHA256
from activities.integrations.biometrics.mrz_rows import MODEL as ROWS
from rules import iin
from rules.errors import BrokenContract, InvalidInput
from rules.evidence import DocumentFields, DocumentOutcome, DocumentReading

_MIN_SHARPNESS = 40.0  # variance of the Laplacian at 960 pixels; rendered and real photographs have 100 and more
_PORTRAIT = (1.7, 2.1)  # width and height of the cut in face widths and heights
_TURNS = (None, cv2.ROTATE_180, cv2.ROTATE_90_CLOCKWISE, cv2.ROTATE_90_COUNTERCLOCKWISE)


class CardReader:
    """Satisfies activities.ports.DocumentReader. Safe to share between threads.

    Raises:
        BrokenContract: the line net in the project is not the measured one.
    """

    def __init__(self, models: Path) -> None:
        if hashlib.sha256(LINES.read_bytes()).hexdigest() != LINES_SHA256:
            raise BrokenContract("mrz_lines.onnx is not the measured one")
        self._mrz, self._detector = MrzReader(models), FaceDetector(models)
        rows = hashlib.sha256((models / ROWS).read_bytes()).hexdigest()
        self.model_sha256 = {ROWS: rows, LINES.name: LINES_SHA256}

    def read_back(self, image: bytes) -> DocumentReading:
        """The MRZ side.

        READ: every gate holds. READ_NAME_UNSURE: the names, which no check digit covers, are not sure. RETAKE: not read
        well enough. REJECTED: read surely, and wrong (check digits, IIN, type, issuer).

        Raises:
            InvalidInput: the photograph cannot be decoded.
        """
        picture = images.decode(image)
        text = self._mrz.read(picture)
        if text is None or text.score < READABLE:
            return self._retake("photo-blurred" if _blurred(picture) else "mrz-not-found", text)
        return self._judge(text)

    def portrait(self, front: bytes) -> bytes:
        """The portrait cut out of the front, PNG, upright.

        Raises:
            InvalidInput: no-face, or the photograph cannot be decoded.
        """
        picture = images.decode(front)
        for turn in _TURNS:
            upright = picture if turn is None else np.asarray(cv2.rotate(picture, turn), np.uint8)
            faces = self._detector.find(upright, 640)
            if faces:
                return images.encode_png(_around(upright, faces[0]))
        raise InvalidInput("no-face")

    def _judge(self, text: MrzText) -> DocumentReading:
        if not text.accepted:
            if text.surely_wrong:
                return self._result(DocumentOutcome.REJECTED, text, ground="check-digit-wrong")
            return self._retake("document-retake", text)
        if text.form.name != "TD1" or not text.lines[0].startswith("ID"):
            return self._result(DocumentOutcome.REJECTED, text, ground="wrong-document-type")
        if text.lines[0][2:5] != "KAZ" or text.lines[1][15:18] != "KAZ":
            return self._result(DocumentOutcome.REJECTED, text, ground="wrong-document-type")
        gates = _gates(text.lines)
        if not all(gates.values()):
            return self._result(DocumentOutcome.REJECTED, text, ground="iin-mismatch", gates=gates)
        outcome = DocumentOutcome.READ if text.names_sure else DocumentOutcome.READ_NAME_UNSURE
        return self._result(outcome, text, gates=gates, fields=_fields(text.lines))

    def _retake(self, ground: str, text: MrzText | None) -> DocumentReading:
        if text is None:
            return DocumentReading(outcome=DocumentOutcome.RETAKE, ground=ground, model_sha256=self.model_sha256)
        return self._result(DocumentOutcome.RETAKE, text, ground=ground)

    def _result(
        self,
        outcome: DocumentOutcome,
        text: MrzText,
        *,
        ground: str | None = None,
        gates: dict[str, bool] | None = None,
        fields: DocumentFields | None = None,
    ) -> DocumentReading:
        return DocumentReading(
            outcome=outcome,
            format=text.form.name,
            fields=fields,
            checks=text.checks | (gates or {}),
            repaired=text.mended,
            ground=ground,
            score=round(text.score, 4),
            model_sha256=self.model_sha256,
        )


def _gates(lines: list[str]) -> dict[str, bool]:
    """What must agree on Kazakhstan's card beside the check digits of the MRZ itself."""
    number = lines[0][15:27]
    known = number.isdigit() and iin.is_valid(number)
    return {
        "iin": known,
        "iin_birth_date": known and number[:6] == lines[1][:6],
        "iin_sex": known and iin.sex(number) == lines[1][7],
        "dates": _real_date(lines[1][8:14]),
    }


def _real_date(symbols: str) -> bool:
    try:
        _expiry(symbols)
    except ValueError:
        return False
    return True


def _expiry(symbols: str) -> date:
    """YYMMDD of this century."""
    if not symbols.isdigit():
        raise ValueError(symbols)
    return date(2000 + int(symbols[:2]), int(symbols[2:4]), int(symbols[4:6]))


def _fields(lines: list[str]) -> DocumentFields:
    surname, _, given = lines[2].rstrip("<").partition("<<")
    number = lines[0][15:27]
    return DocumentFields(
        number=lines[0][5:14].rstrip("<"),
        iin=number,
        birth_date=iin.birth_date(number).isoformat(),
        sex=lines[1][7],
        expires=_expiry(lines[1][8:14]).isoformat(),
        surname=surname.replace("<", " "),
        given_name=given.replace("<", " "),
        issuer=lines[0][2:5],
        document_type="ID",
    )


def _blurred(picture: Image) -> bool:
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    scale = 960 / max(grey.shape)
    small = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else grey
    return float(cv2.Laplacian(small, cv2.CV_64F).var()) < _MIN_SHARPNESS


def _around(picture: Image, face: Face) -> Image:
    """The face with its hair and neck."""
    x, y, width, height = face.box
    centre_x, centre_y = x + width / 2, y + height / 2
    half_width, half_height = width * _PORTRAIT[0] / 2, height * _PORTRAIT[1] / 2
    top, bottom = max(0, round(centre_y - half_height)), round(centre_y + half_height)
    left, right = max(0, round(centre_x - half_width)), round(centre_x + half_width)
    return np.ascontiguousarray(picture[top:bottom, left:right])

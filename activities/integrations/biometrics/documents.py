"""Reads Kazakhstan's identity card: the MRZ of its back with the gates that make a false reading need five
coincidences, the print and the portrait of its front; and tells what else a picture shows.

Rules: para 6, part 1; para 6, part 3.
"""

from __future__ import annotations

import hashlib
from datetime import date
from pathlib import Path

import cv2
import numpy as np

from activities.integrations.biometrics import card_corners, images
from activities.integrations.biometrics.card_front import FrontLook, FrontReader, outline_of
from activities.integrations.biometrics.card_quality import hint
from activities.integrations.biometrics.card_text import Tesseract
from activities.integrations.biometrics.decoder import Image
from activities.integrations.biometrics.detection import YUNET, Face, FaceDetector
from activities.integrations.biometrics.mrz import READABLE, MrzReader, MrzText
from rules import iin
from rules.errors import InvalidInput
from rules.evidence import CardReading, CardSide, DocumentFields, DocumentOutcome, DocumentReading, FrontFields

_PORTRAIT = (1.7, 2.1)  # width and height of the cut in face widths and heights
_TURNS = (None, cv2.ROTATE_180, cv2.ROTATE_90_CLOCKWISE, cv2.ROTATE_90_COUNTERCLOCKWISE)


class CardReader:
    """Satisfies activities.identity_ports.DocumentReader. Safe to share between threads.

    Raises:
        BrokenContract: the line net in the project is not the measured one, or Tesseract is not installed.
    """

    def __init__(self, models: Path) -> None:
        self._mrz, self._detector, program = MrzReader(models), FaceDetector(models), Tesseract()
        self._fronts = FrontReader(self._detector, program)
        self.model_sha256 = self._mrz.model_sha256
        faces = hashlib.sha256((models / YUNET).read_bytes()).hexdigest()
        self._front_sha256 = program.model_sha256 | {Path(YUNET).name: faces}

    def read(self, front: bytes, back: bytes) -> CardReading:
        """Both sides, in whatever order they came: who photographs with a phone often sends them exchanged.

        Raises:
            InvalidInput: a photograph cannot be decoded.
            Unavailable: Tesseract does not answer.
        """
        front_picture, back_picture = images.decode(front), images.decode(back)
        text, other = self._mrz.read(back_picture), None
        swapped = False
        if not _readable(text):
            other = self._mrz.read(front_picture)
            swapped = _readable(other)
        if swapped:
            front_picture, back_picture, text = back_picture, front_picture, other
        reading = self._of_back(text, back_picture)
        look = self._fronts.look(front_picture)
        kinds = self._kind(look, front_picture), _kind_of_mrz(text)
        if kinds[1] is CardSide.NONE:
            reading, kinds = self._without_mrz(reading, kinds[0], back_picture)
        return CardReading(
            sides=dict(zip(("back", "front") if swapped else ("front", "back"), kinds, strict=True)),
            swapped=swapped,
            back=reading,
            front=_front_fields(look) if look.is_front else None,
            ground=_ground_of_front(look, kinds[0], front_picture),
            portrait_pixels=look.portrait_pixels,
            model_sha256=self.model_sha256 | self._front_sha256,
        )

    def read_back(self, image: bytes) -> DocumentReading:
        """The MRZ side.

        READ: every gate holds. READ_NAME_UNSURE: the names, which no check digit covers, are not sure. RETAKE: not read
        well enough. REJECTED: read surely, and wrong (check digits, IIN, type, issuer).

        Raises:
            InvalidInput: the photograph cannot be decoded.
        """
        picture = images.decode(image)
        return self._of_back(self._mrz.read(picture), picture)

    def portrait(self, front: bytes) -> bytes:
        """The portrait cut out of the front, PNG, upright: the largest face on the card, not the small ghost image.

        Raises:
            InvalidInput: no-face, or the photograph cannot be decoded.
        """
        picture = images.decode(front)
        for turn in _TURNS:
            upright = picture if turn is None else np.asarray(cv2.rotate(picture, turn), np.uint8)
            faces = self._detector.find(upright, 640)
            if faces:
                return images.encode_png(_around(upright, _on_the_card(upright, faces)))
        raise InvalidInput("no-face")

    def cut(self, image: bytes, width: int = 900) -> bytes:
        """The document cut out and seen from above, or the whole picture where it has no outline; JPEG, for people.

        Raises:
            InvalidInput: the photograph cannot be decoded.
        """
        picture = images.decode(image)
        outline = outline_of(picture)
        if outline is not None:
            shown = card_corners.flat(picture, outline.corners, width)
        else:
            scale = width / max(picture.shape[:2])
            shown = np.asarray(cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
        return bytes(cv2.imencode(".jpg", shown, [cv2.IMWRITE_JPEG_QUALITY, 80])[1])

    def _of_back(self, text: MrzText | None, picture: Image) -> DocumentReading:
        if text is None or text.score < READABLE:
            return self._retake(hint(picture, outline_of(picture)) or "mrz-not-found", text)
        reading = self._judge(text)
        if reading.outcome is DocumentOutcome.RETAKE:
            problem = hint(picture, outline_of(picture))
            return reading.model_copy(update={"ground": problem}) if problem else reading
        return reading

    def _kind(self, look: FrontLook, picture: Image) -> CardSide:
        """What a picture that should be a front shows; an MRZ is looked for only where it is no front."""
        if look.is_front:
            return CardSide.FRONT
        kind = _kind_of_mrz(self._mrz.read(picture))
        return CardSide.OTHER if kind is CardSide.NONE and look.outline is not None else kind

    def _without_mrz(
        self, reading: DocumentReading, front: CardSide, picture: Image
    ) -> tuple[DocumentReading, tuple[CardSide, CardSide]]:
        """A second look at a back without an MRZ: the client may have photographed the front twice."""
        look = self._fronts.look(picture)
        if look.is_front:
            return reading.model_copy(update={"ground": "back-missing"}), (front, CardSide.FRONT)
        return reading, (front, CardSide.NONE if look.outline is None else CardSide.OTHER)

    def _judge(self, text: MrzText) -> DocumentReading:
        if text.outcome is DocumentOutcome.REJECTED:
            return self._result(DocumentOutcome.REJECTED, text, ground=text.reason)
        if text.outcome is DocumentOutcome.RETAKE:
            return self._retake("document-retake", text)
        if text.form.name != "TD1" or not text.lines[0].startswith("ID"):
            passport = _kind_of_mrz(text) is CardSide.PASSPORT
            ground = "passport" if passport else "wrong-document-type"
            return self._result(DocumentOutcome.REJECTED, text, ground=ground)
        if text.lines[0][2:5] != "KAZ" or text.lines[1][15:18] != "KAZ":
            return self._result(DocumentOutcome.REJECTED, text, ground="wrong-document-type")
        gates = _gates(text.lines)
        if not all(gates.values()):
            return self._result(DocumentOutcome.REJECTED, text, ground="iin-mismatch", gates=gates)
        return self._result(text.outcome, text, gates=gates, fields=_fields(text.lines))

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
            lines=text.lines,
            second=text.second,
            model_sha256=self.model_sha256,
        )


def _readable(text: MrzText | None) -> bool:
    return text is not None and text.score >= READABLE


def _kind_of_mrz(text: MrzText | None) -> CardSide:
    if text is None or text.score < READABLE:
        return CardSide.NONE
    if text.form.name == "TD1" and text.lines[0].startswith("IDKAZ"):
        return CardSide.BACK
    return CardSide.PASSPORT if text.form.name == "TD3" and text.lines[0].startswith("P") else CardSide.OTHER


def _front_fields(look: FrontLook) -> FrontFields:
    return FrontFields(**look.front.values, unsure=sorted(look.front.unsure))


def _ground_of_front(look: FrontLook, kind: CardSide, picture: Image) -> str | None:
    """Why the front cannot be used, with one remedy; None where it is read."""
    if kind is CardSide.PASSPORT:
        return "document-passport"
    if look.is_front and look.front.complete:
        return None
    problem = hint(picture, look.outline) if kind in (CardSide.FRONT, CardSide.NONE) else None
    return problem or ("document-front-unread" if look.is_front else "document-front-missing")


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


def _on_the_card(picture: Image, faces: list[Face]) -> Face:
    """The largest face on the card; somebody who holds it up to the camera has a larger one beside it."""
    outline = outline_of(picture) if len(faces) > 1 else None
    if outline is not None:
        for face in faces:
            x, y, width, height = face.box
            if cv2.pointPolygonTest(outline.corners.reshape(-1, 1, 2), (x + width / 2, y + height / 2), False) >= 0:
                return face
    return faces[0]


def _around(picture: Image, face: Face) -> Image:
    """The face with its hair and neck."""
    x, y, width, height = face.box
    centre_x, centre_y = x + width / 2, y + height / 2
    half_width, half_height = width * _PORTRAIT[0] / 2, height * _PORTRAIT[1] / 2
    top, bottom = max(0, round(centre_y - half_height)), round(centre_y + half_height)
    left, right = max(0, round(centre_x - half_width)), round(centre_x + half_width)
    return np.ascontiguousarray(picture[top:bottom, left:right])

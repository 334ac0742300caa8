"""Files that are no photographs, at the step where a photograph of a card is asked for.

Real: the whole stack with its decoding children. Simulated: the borrower. Each file gets either a problem of its own
type, and then nothing of it is kept, or an answer of the step with a ground, and then the borrower may try again; the
workers live on.
"""

from __future__ import annotations

import io
import secrets
import struct
import zlib
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from PIL import Image

from infra.borrower.app import BorrowerApp
from infra.borrower.town import Town
from infra.stack import Stack

Make = Callable[[BorrowerApp], bytes]


def picture(width: int, height: int, form: str = "PNG", mode: str = "1", **options: Any) -> bytes:
    """An empty picture."""
    file = io.BytesIO()
    Image.new(mode, (width, height)).save(file, form, **options)
    return file.getvalue()


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def claiming(width: int, height: int, extra: bytes = b"") -> bytes:
    """A PNG that says it has so many pixels."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + extra + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")


def text_bomb() -> bytes:
    """200 kB that a careless reader inflates to 200 MB."""
    return claiming(640, 400, chunk(b"zTXt", b"note\0\0" + zlib.compress(b"\0" * 200_000_000, 9)))


# refused at the door: name -> (file, status, code)
AT_THE_DOOR: dict[str, tuple[Make, int, str]] = {
    "more than 10 MB": (lambda _: b"\xff\xd8\xff" + bytes(10 * 2**20), 413, "file-too-large"),
    "more than the whole body may have": (lambda _: b"\xff\xd8\xff" + bytes(22 * 2**20), 413, "body-too-large"),
    "a GIF named .jpg": (lambda _: picture(640, 400, "GIF"), 415, "image-type"),
    "an SVG named .jpg": (lambda _: b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", 415, "image-type"),
    "a PDF named .jpg": (lambda _: b"%PDF-1.7\n1 0 obj\n", 415, "image-type"),
    "a program named .jpg": (lambda _: b"\x7fELF" + bytes(200), 415, "image-type"),
    "nothing": (lambda _: b"", 422, "file-empty"),
}

# taken, looked at, and sent back: name -> (file, ground)
AT_THE_STEP: dict[str, tuple[Make, str]] = {
    "26 megapixels of nothing in 4 kB": (lambda _: picture(5200, 5000), "image-too-large"),
    "a bomb that claims 3,600 megapixels": (lambda _: claiming(60_000, 60_000), "image-too-large"),
    "a bomb in a text chunk": (lambda _: text_bomb(), "image-unreadable"),
    "half a photograph": (lambda app: app.back[: len(app.back) // 2], "image-unreadable"),
    "noise that begins as a JPEG": (lambda _: b"\xff\xd8\xff\xe0" + secrets.token_bytes(9_999), "image-unreadable"),
    "a photograph that is a web page too": (lambda app: app.back + b"<!DOCTYPE html><script>1</script>", "image-type"),
    "a photograph that is a PDF too": (lambda app: app.back + b"%PDF-1.4 obj", "image-type"),
    "a photograph of nothing": (lambda _: picture(1280, 720, "JPEG", "RGB"), "photo-too-dark"),
}


async def arrived(borrower) -> BorrowerApp:
    """A new person whose next step is the document."""
    app: BorrowerApp = await borrower()
    await app.begin()
    await app.confirm_phone()
    return app


@pytest.fixture(scope="module")
async def people(town: Town):
    """The files are shared out: five tries a person, then an officer would look."""
    made = []
    for seed in (8200, 8201, 8202):
        app = await town.borrower(seed)
        await app.begin()
        await app.confirm_phone()
        made.append(app)
    return made


async def show(town: Town, app: BorrowerApp, front: bytes, back: bytes) -> httpx.Response:
    headers = {
        "X-Device-Id": app.device,
        "Authorization": f"Bearer {app.token}",
        "Idempotency-Key": secrets.token_urlsafe(24),
        "Accept-Language": "en",
    }
    files = {"front": ("front.jpg", front, "image/jpeg"), "back": ("back.jpg", back, "image/jpeg")}
    return await town.api.post(f"/api/v1/registrations/{app.client_id}/document", files=files, headers=headers)


async def kept_of(app: BorrowerApp) -> list[str]:
    return [one["kind"] for one in await app.call("GET", "/documents")]


async def step_of(app: BorrowerApp) -> str:
    return str((await app.call("GET", f"/registrations/{app.client_id}"))["step"])


@pytest.fixture(scope="module", autouse=True)
def lives(stack: Stack):
    """No process dies of a file."""
    names = ("api", "worker", "biometrics")
    before = {name: stack.status()[name]["pid"] for name in names}
    yield
    after = stack.status()
    assert {name: after[name]["pid"] for name in names} == before
    assert all(after[name]["healthy"] for name in names)


@pytest.mark.parametrize("side", ["front", "back"])
@pytest.mark.parametrize("name", AT_THE_DOOR)
async def test_a_file_that_is_no_photograph_is_refused_at_the_door_and_nothing_is_kept(people, town, name, side):
    make, status, code = AT_THE_DOOR[name]
    app = people[0]
    bad = make(app)
    answer = await show(town, app, bad if side == "front" else app.front, bad if side == "back" else app.back)
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    if code != "body-too-large":
        assert problem["field"] == f"/{side}"
    assert await kept_of(app) == []
    assert await step_of(app) == "document"


@pytest.mark.parametrize("name", AT_THE_STEP)
async def test_a_file_that_only_looks_like_a_photograph_is_answered_with_its_ground(people, town, name):
    make, ground = AT_THE_STEP[name]
    app = people[1 + list(AT_THE_STEP).index(name) % 2]
    answer = await show(town, app, app.front, make(app))
    told = answer.json()
    assert (answer.status_code, told["outcome"], told["ground"]) == (200, "retry", ground)
    assert told["next"] == "document"
    assert told["attempts_left"] > 0
    assert told["ground_title"] not in ("", ground)
    assert await step_of(app) == "document"


async def test_the_right_card_passes_after_all_that(people: list[BorrowerApp]):
    for app in people:
        await app.show_card()
        assert await step_of(app) == "face"


async def test_a_body_that_breaks_off_leaves_nothing(people, town: Town, borrower):
    app = await arrived(borrower)

    async def half() -> Any:
        yield b'--b\r\nContent-Disposition: form-data; name="front"; filename="f.jpg"\r\n\r\n' + app.front[:5000]
        raise ConnectionResetError

    headers = {
        "X-Device-Id": app.device,
        "Authorization": f"Bearer {app.token}",
        "Idempotency-Key": secrets.token_urlsafe(24),
        "Content-Type": "multipart/form-data; boundary=b",
    }
    with pytest.raises((ConnectionResetError, httpx.TransportError)):
        await town.api.post(f"/api/v1/registrations/{app.client_id}/document", content=half(), headers=headers)
    assert await kept_of(app) == []
    await app.show_card()
    assert sorted(await kept_of(app)) == ["id_card_back", "id_card_front"]

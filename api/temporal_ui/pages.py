"""The staff's log-in page: server-rendered, without scripts, in Kazakh, Russian and English.

The form is protected twice: the cookie of the form must equal its hidden field, and a browser must not say
that another site sends it. The session cookie is HttpOnly and SameSite=Strict.
"""

from __future__ import annotations

import hmac
import secrets
import tomllib
from pathlib import Path

import jinja2
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from api.temporal_ui import gate
from api.temporal_ui.staff import LogIn, LogOut, StaffIdentity, StaffSession
from rules.errors import BusinessError, Fault

COOKIE = "nesie_staff"
FORM_COOKIE = "nesie_staff_form"  # not _csrf: that one is the UI's

_HERE = Path(__file__).parent
_TEXTS = tomllib.loads((_HERE / "login.toml").read_text(encoding="utf-8"))
_STYLE = (_HERE / "login.css").read_text(encoding="utf-8")
_HTML = jinja2.Environment(
    loader=jinja2.FileSystemLoader(_HERE), autoescape=True, undefined=jinja2.StrictUndefined
).get_template("login.html")
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; "
    "base-uri 'none'",
}
_LIMIT = 16 * 1024  # bytes of a form


class Pages:
    """GET and POST /staff/login, POST /staff/logout, GET /staff/login.css."""

    def __init__(self, staff_session: StaffSession, log_in: LogIn, log_out: LogOut, *, secure_cookies: bool) -> None:
        self._staff_session, self._log_in, self._log_out = staff_session, log_in, log_out
        self._secure = secure_cookies

    async def show(self, request: Request) -> Response:
        """The form; for somebody with a session, where to go and the log-out button."""
        return self._page(request, request.query_params.get("next"), staff=await self._staff_session(request))

    async def submit(self, request: Request) -> Response:
        """Log in, and go where the person wanted to."""
        form = await self._form(request)
        if form is None:
            return self._page(request, None, problem="again", status=403)
        target = _text(form, "next")
        try:
            token = await self._log_in(_text(form, "login"), _text(form, "password"), _text(form, "totp"))
        except BusinessError as error:
            status, problem = (429, "wait") if error.status == 429 else (403, "wrong")
            return self._page(request, target, problem=problem, status=status)
        except Fault:
            return self._page(request, target, problem="away", status=503)
        response = RedirectResponse(gate.safe_return(target, request.url.netloc), 303, headers=_HEADERS)
        self._set(response, COOKIE, token, "/")
        response.delete_cookie(FORM_COOKIE, path="/staff")
        return response

    async def leave(self, request: Request) -> Response:
        """Log out: the session ends at once."""
        if await self._form(request) is None:
            return self._page(request, None, problem="again", status=403)
        await self._log_out(request)
        response = RedirectResponse(gate.LOGIN, 303, headers=_HEADERS)
        response.delete_cookie(COOKIE, path="/", secure=self._secure, httponly=True, samesite="strict")
        return response

    async def style(self, request: Request) -> Response:
        """The style sheet."""
        return Response(_STYLE, media_type="text/css", headers={"Cache-Control": "max-age=3600"})

    async def _form(self, request: Request) -> FormData | None:
        """The posted fields, None where the form is not one that we gave to this browser."""
        if request.headers.get("sec-fetch-site") not in (None, "same-origin"):
            return None
        if int(request.headers.get("content-length") or _LIMIT + 1) > _LIMIT:
            return None
        form = await request.form(max_files=0, max_fields=10, max_part_size=_LIMIT)
        given, kept = _text(form, "form"), request.cookies.get(FORM_COOKIE, "")
        return form if kept and hmac.compare_digest(given.encode(), kept.encode()) else None

    def _page(
        self,
        request: Request,
        target: str | None,
        *,
        staff: StaffIdentity | None = None,
        problem: str | None = None,
        status: int = 200,
    ) -> Response:
        language, mark = _language(request), secrets.token_urlsafe(24)
        text = _HTML.render(
            texts=_TEXTS[language], language=language, languages=list(_TEXTS), form=mark, staff=staff,
            target=gate.safe_return(target, request.url.netloc), problem=problem,
        )  # fmt: skip
        response = HTMLResponse(text, status, headers=_HEADERS | {"Content-Language": language})
        self._set(response, FORM_COOKIE, mark, "/staff")
        return response

    def _set(self, response: Response, name: str, value: str, path: str) -> None:
        response.set_cookie(name, value, path=path, secure=self._secure, httponly=True, samesite="strict")


def _text(form: FormData, name: str) -> str:
    value = form.get(name)
    return value.strip() if isinstance(value, str) and name != "password" else value if isinstance(value, str) else ""


def _language(request: Request) -> str:
    chosen = request.query_params.get("lang", "")
    if chosen in _TEXTS:
        return chosen
    wanted = [part.split(";")[0].strip()[:2].lower() for part in request.headers.get("accept-language", "").split(",")]
    return next((language for language in wanted if language in _TEXTS), "ru")

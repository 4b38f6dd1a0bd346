"""What every request is asked and every reply carries, and whose word is taken for where it came from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import flask
from werkzeug.middleware.proxy_fix import ProxyFix

from experiment_server.errors import ApiError
from experiment_server.settings import Settings

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    # an isolated page may read its clock, and when a frame was presented, to some microseconds
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
}
#: for a server that is reached over HTTPS only: a browser insists on it for a year
HTTPS_HEADERS = {"Strict-Transport-Security": "max-age=31536000"}

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
#: what a browser says of a request that a page of ours made, or the person themselves
OURS = frozenset({"same-origin", "none"})
DEFAULT_PORTS = {"http": 80, "https": 443}


def secure(app: flask.Flask, settings: Settings) -> None:
    """Add the headers to every reply, refuse other sites' requests, and believe only trusted proxies."""
    headers = {**SECURITY_HEADERS, **(HTTPS_HEADERS if settings.https else {})}
    app.before_request(refuse_other_sites)
    reached = behind_proxies(app.wsgi_app, settings)
    app.wsgi_app = with_headers(reached, headers)  # type: ignore[method-assign,assignment]


def with_headers(app: WSGIApplication, headers: Mapping[str, str]) -> WSGIApplication:
    """The application, each of whose replies carries these headers too."""
    added = list(headers.items())

    def call(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return app(environ, lambda status, own, *failed: start_response(status, [*own, *added], *failed))

    return call


def refuse_other_sites() -> None:
    """Refuse what another site's page sends from a visitor's browser and that might change something.

    A browser says where a request comes from (``Sec-Fetch-Site``; an older one, or one without HTTPS, in
    ``Origin``) and lets no page change that. A request that says neither comes from no browser's page.
    Raises ApiError 403 "cross_site".
    """
    request = flask.request
    if request.method in SAFE_METHODS:
        return
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    allowed = site in OURS if site is not None else origin is None or _is_ours(origin, request.host)
    if not allowed:
        raise ApiError(403, "cross_site", "This request came from another site, so it was not carried out.")


def _is_ours(origin: str, host: str) -> bool:
    """Whether an origin is the very host, and port, that a request is addressed to."""
    try:
        theirs, ours = urlsplit(origin), urlsplit(f"//{host}")
        port = DEFAULT_PORTS[theirs.scheme]
        same = (theirs.hostname, theirs.port or port) == (ours.hostname, ours.port or port)
        return same and theirs.hostname is not None
    except (KeyError, ValueError):
        return False


def behind_proxies(app: WSGIApplication, settings: Settings) -> WSGIApplication:
    """The application as it is reached: through trusted proxies, or directly.

    Of each trusted proxy only what it adds to ``X-Forwarded-For`` is believed. Host and scheme are never
    taken from a forwarding header: proxies hand on ``Host``.
    """
    if settings.trusted_proxies:
        return ProxyFix(app, x_for=settings.trusted_proxies, x_proto=0, x_host=0)
    return app

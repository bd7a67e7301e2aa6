"""Headers that tell browsers what a page may do: nothing but show itself and what comes from its own address."""

from flask import Flask, Response, request

CONTENT_SECURITY_POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
ONE_YEAR_SECONDS = 365 * 24 * 3600
_BY_HTTPS = HEADERS | {"Strict-Transport-Security": f"max-age={ONE_YEAR_SECONDS}; includeSubDomains"}


def install(app: Flask) -> None:
    """Put the headers on every answer of `app`; what does not say how long it keeps is not kept at all.

    Browsers that came by https are told to come so always.
    """

    @app.after_request
    def _protect(response: Response) -> Response:
        for name, value in headers(request.scheme).items():
            response.headers.setdefault(name, value)
        return response


def headers(scheme: str) -> dict[str, str]:
    """The headers of an answer to a request that came by `scheme`, where it does not say otherwise itself."""
    return _BY_HTTPS if scheme == "https" else HEADERS

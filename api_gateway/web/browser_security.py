"""Security headers: pages may load only their own resources and can't be framed."""

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
_HTTPS_HEADERS = HEADERS | {"Strict-Transport-Security": f"max-age={ONE_YEAR_SECONDS}; includeSubDomains"}


def install(app: Flask, *, always_https: bool = False) -> None:
    """Set the security headers on every response of `app`. Without a Cache-Control of its own it is not cached.

    Requests by https get HSTS too, or all where browsers come by https only.
    """

    @app.after_request
    def _protect(response: Response) -> Response:
        for name, value in headers("https" if always_https else request.scheme).items():
            response.headers.setdefault(name, value)
        return response


def headers(scheme: str) -> dict[str, str]:
    """Return the security headers for a request by `scheme`; a response's own headers take precedence."""
    return _HTTPS_HEADERS if scheme == "https" else HEADERS

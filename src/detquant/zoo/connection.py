"""An answer from a web server, and in a sentence why there is none.

Only https is spoken, and a redirect that leaves it is refused: without it, anyone on the way could put another file
in the place of the one that was asked for.
"""

from __future__ import annotations

import http.client
import re
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import IO
from urllib.parse import urlsplit

from detquant.errors import FetchError, Unreachable

TIMEOUT = 30.0
"""Seconds without a byte after which a server is given up."""

HTTPS = frozenset({"https"})
_CHUNK = 1 << 18
_BYTES = "[0-9]{1,15}"
# A server that sends a byte now and then is not there either: so many bytes are the least in so many timeouts.
_LEAST, _PATIENCE = 1 << 14, 4

_STATUS = {
    401: "wants a login: fetch the file in a browser",
    403: "refuses the file: fetch it in a browser, or try again later",
    404: "has no such file (any more): look for it on the publisher's page",
    410: "has withdrawn the file: look for it on the publisher's page",
    429: "has had too many requests from here: wait some minutes and run the same command again",
}
_STATUS_SERVER = "is in trouble: wait some minutes and run the same command again"
_STATUS_OTHER = "gave an answer that was not expected: look for the file on the publisher's page"


class RangeRefused(Exception):
    """The server has no bytes beyond those that are here (416)."""


class Cut(Exception):
    """The connection ended early; the message says how."""


class Answer:
    """The head of an answer, and its body piece by piece.

    Attributes:
        status: 200, or 206 for the rest of a file.
        start: start of the body within the file, in bytes; -1 if the server does not say which part it is.
        total: size of the file in bytes; None if the server does not say.
        validator: names the state of the file: an ETag or a date; empty if the server gives neither.
    """

    def __init__(self, response: http.client.HTTPResponse, timeout: float = TIMEOUT) -> None:
        self._response, self._patience = response, _PATIENCE * timeout
        self.status = response.status
        length = re.fullmatch(_BYTES, response.headers.get("Content-Length", "").strip())
        self.start = 0
        self.total = int(length[0]) if length else None
        span = re.fullmatch(
            rf"bytes ({_BYTES})-{_BYTES}/({_BYTES}|\*)", response.headers.get("Content-Range", "").strip()
        )
        if self.status == http.HTTPStatus.PARTIAL_CONTENT:
            self.start = int(span[1]) if span else -1
            rest = None if self.total is None else self.start + self.total
            self.total = int(span[2]) if span and span[2] != "*" else rest
        tag = response.headers.get("ETag", "")
        # A weak tag may stay the same while bytes change, so RFC 9110 (13.1.5) forbids it in If-Range.
        self.validator = tag if tag.startswith('"') else response.headers.get("Last-Modified", "")

    def chunks(self) -> Iterator[bytes]:
        """Yields the body of the answer, piece by piece.

        Raises:
            Cut: it ended before its time.
        """
        since, came = time.monotonic(), 0
        while True:
            try:
                chunk = self._response.read1(_CHUNK)
            except TimeoutError as error:
                raise Cut("fell silent") from error
            except (OSError, http.client.HTTPException, ValueError) as error:  # a chunk of no proper length
                raise Cut("was cut") from error
            if not chunk:
                return
            came += len(chunk)
            if came >= _LEAST:
                since, came = time.monotonic(), 0
            elif time.monotonic() - since > self._patience:
                raise Cut("had almost come to a halt")
            yield chunk


@contextmanager
def connect(
    address: str, headers: Mapping[str, str], *, timeout: float = TIMEOUT, schemes: Collection[str] = HTTPS
) -> Iterator[Answer]:
    """Asks for a file.

    Args:
        address: address of the file.
        headers: headers of the request.
        timeout: seconds without a byte.
        schemes: schemes of addresses that are allowed.

    Yields:
        The answer, its status 200 or 206.

    Raises:
        FetchError: there is no answer, which is the kind Unreachable, or not this file.
        RangeRefused: status 416.
    """
    _check_scheme(address, schemes, "The address")
    request = urllib.request.Request(address, headers={"User-Agent": "detquant", "Accept-Encoding": "identity"})
    for name, value in headers.items():
        request.add_header(name, value)
    opener = urllib.request.build_opener(_Redirects(schemes))
    try:
        response = opener.open(request, timeout=timeout)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            raise RangeRefused from error
        raise FetchError(_refusal(address, error.code)) from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise _silence(address, error, timeout) from error
    with response:
        if response.status not in (http.HTTPStatus.OK, http.HTTPStatus.PARTIAL_CONTENT):
            raise FetchError(_refusal(address, response.status))
        yield Answer(response, timeout)


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects that keep to the schemes."""

    def __init__(self, schemes: Collection[str]) -> None:
        self._schemes = schemes

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        _check_scheme(newurl, self._schemes, f"{host(req.full_url)} sends on to an address that")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def host(address: str) -> str:
    """The server of an address, for sentences."""
    return urlsplit(address).hostname or address


def _check_scheme(address: str, schemes: Collection[str], what: str) -> None:
    if urlsplit(address).scheme not in schemes:
        spoken = " or ".join(sorted(schemes))
        raise FetchError(f"{what} is not {spoken}: {address}. Nothing was fetched; look on the publisher's page.")


def _refusal(address: str, status: int) -> str:
    what = _STATUS.get(status, _STATUS_SERVER if status >= 500 else _STATUS_OTHER)
    return f"{host(address)} {what} (status {status}, {address})."


def _silence(address: str, error: Exception, timeout: float) -> FetchError:
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    where = host(address)
    if isinstance(reason, TimeoutError):
        return Unreachable(f"{where} did not answer within {timeout:g} s: run the same command again later.")
    if isinstance(reason, ssl.SSLError):
        return FetchError(
            f"{where} could not prove who it is ({reason}): check the clock and the proxy of this machine."
        )
    return Unreachable(f"{where} cannot be reached ({reason}): check the network, and run the same command again.")

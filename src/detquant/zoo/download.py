"""One file from the web: whole and checked under its name, or not there at all.

What came so far is FILE.partial. A second attempt asks the server for the rest (RFC 9110, Range), on condition that
its file is still the same (If-Range, with the ETag or the date of the first attempt); a server that does not know
ranges, or has another file by now, sends everything, and the download starts anew.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from detquant.errors import FetchError
from detquant.progress import Progress
from detquant.untrusted import check_file
from detquant.zoo._base import Source
from detquant.zoo.checksum import checked, expected, sha256_of
from detquant.zoo.connection import HTTPS, TIMEOUT, Answer, Cut, RangeRefused, connect, host
from detquant.zoo.partial import Partial

_MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Downloaded:
    """A file that is here.

    Attributes:
        file: its name.
        size_bytes: size of the file in bytes.
        sha256: SHA-256 of the file.
        checked: how, for people; None where no checksum is known.
        already: it was here before, and nothing was fetched.
    """

    file: str
    size_bytes: int
    sha256: str
    checked: str | None
    already: bool


def download(
    source: Source,
    file: Path,
    *,
    progress: Progress | None = None,
    timeout: float = TIMEOUT,
    schemes: Collection[str] = HTTPS,
) -> Downloaded:
    """Fetches a file, or what is missing of it.

    Args:
        source: what to fetch.
        file: where to; one that is there already is checked and kept.
        progress: is told the kilobytes that came, and of how many.
        timeout: seconds without a byte after which the server is given up.
        schemes: schemes of addresses that are allowed; https by default.

    Returns:
        What is here now.

    Raises:
        FetchError: it cannot be had, or is not the file that was meant.
        OutputError: it cannot be written.
    """
    already = file.exists()
    partial = Partial(file)
    if not already and not partial.is_whole(source.address):
        _receive(source, partial, progress, timeout, schemes)
    here = file if already else partial.path
    try:
        size = check_file(here, source.most_bytes)
    except OSError as error:
        raise FetchError(
            f"A file is to go to '{here}', and what is there is none ({error.strerror}): move it, or name another "
            "folder with --out."
        ) from error
    found = sha256_of(here)
    if not found.startswith(expected(source)):
        what = f"sha256 expected {expected(source)}, found {found}"
        if already:
            raise FetchError(f"'{file}' is there, but is another file ({what}): move it, or name another --out.")
        partial.discard()
        raise FetchError(f"{source.file} is not the file that was meant ({what}): it was removed, try again later.")
    if not already:
        partial.finish()
    return Downloaded(file=source.file, size_bytes=size, sha256=found, checked=checked(source), already=already)


def _receive(
    source: Source, partial: Partial, progress: Progress | None, timeout: float, schemes: Collection[str]
) -> None:
    """Brings the partial file to its full length."""
    start, validator = partial.beginning(source.address)
    headers = {"Range": f"bytes={start}-", "If-Range": validator} if start else {}
    try:
        with connect(source.address, headers, timeout=timeout, schemes=schemes) as answer:
            _keep(answer, start, source, partial, progress)
    except RangeRefused as error:
        partial.discard()
        if not start:
            raise FetchError(f"{host(source.address)} has an empty file at {source.address}.") from error
        _receive(source, partial, progress, timeout, schemes)


def _keep(answer: Answer, start: int, source: Source, partial: Partial, progress: Progress | None) -> None:
    """Writes the body of an answer behind what is there, or in its place.

    Args:
        answer: answer of the server.
        start: the first byte that was asked for.
        source: what is fetched.
        partial: takes the body.
        progress: is told about it.
    """
    if answer.start != start or not start:
        if answer.start:
            partial.discard()
            raise FetchError(
                f"{host(source.address)} sent a part of {source.file} that was not asked for: try again later."
            )
        partial.begin(source.address, answer.validator, answer.total)
    most = source.most_bytes if answer.total is None else answer.total
    if most > source.most_bytes:
        partial.discard()
        raise FetchError(_too_large(source, f"announces {most / _MEGABYTE:.1f} MB"))
    done, how = answer.start, "was cut"
    with partial.appending() as write:
        try:
            for chunk in answer.chunks():
                done += len(chunk)
                if done > most:
                    break
                write(chunk)
                if progress:
                    progress(f"fetching {source.file}, kB", done // 1000, (answer.total or done) // 1000)
        except Cut as cut:
            how = str(cut)
        else:
            how = how if answer.total is not None and done < answer.total else ""
    if done > most:
        partial.discard()
        if answer.total is None:
            raise FetchError(_too_large(source, f"does not stop after {most / _MEGABYTE:.1f} MB"))
        more = f"at least {done} bytes instead of the {answer.total} that it had announced"
        raise FetchError(f"{host(source.address)} sent {more}: {source.file} was removed, try again later.")
    if how:
        came = f"{done / _MEGABYTE:.1f} MB" + (f" of {answer.total / _MEGABYTE:.1f} MB" if answer.total else "")
        then = "goes on from there" if answer.validator else "starts anew, for this server cannot resume"
        raise FetchError(
            f"The connection to {host(source.address)} {how} after {came} of {source.file}: "
            f"run the same command again, it {then}."
        )


def _too_large(source: Source, what: str) -> str:
    known = "its size is not known" if source.megabytes is None else f"it has {source.megabytes:g} MB"
    return (
        f"{host(source.address)} {what} for {source.file}, where {known} and {source.most_bytes / _MEGABYTE:.0f} MB "
        "are the most that is taken: nothing was kept, look on the publisher's page."
    )

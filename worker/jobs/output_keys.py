"""The S3 keys of pictures, of smaller copies of them, and of the result document.

output                        key template          gives
s3://b/gen/                   -                     gen/<requestId>.png, or -1.png, -2.png …
s3://b/gen/front.png          -                     gen/front.png
s3://b/gen/                   {sku}/{n}.{ext}       gen/1042/1.png
"""

from __future__ import annotations

from worker.contracts.filling import fill, names_in
from worker.contracts.key_names import known_names
from worker.contracts.s3_uri import MAX_KEY_BYTES, S3Uri
from worker.jobs.job import Job, Step

_EXTENSIONS = {
    "image/png": "png",
    "image/jpeg": "jpg",
    "image/webp": "webp",
    "image/gif": "gif",
    "image/avif": "avif",
}


def picture_key(job: Job, index: int, count: int, mime: str, *, of: Step | None = None) -> str:
    """The S3 key of picture number `index` (from 0) of `count`: of the job, or of a variant of it.

    `mime` is the content type seen in the bytes. By a template without {n}, further pictures, which
    the request did not foresee but has paid for, go beside the first as `<stem>-2.png` ….
    """
    place, template = S3Uri.parse(job.output_uri).key, _template(job)
    if of is not None and of.variant is not None:
        key = _variant_key(job, of.variant, of.seed, mime)
        return key if index == 0 else _numbered(key, index + 1, _EXTENSIONS.get(mime, "bin"))
    if template is None:
        return output_key(place, job.request_id, index, count, mime)
    extension = _EXTENSIONS.get(mime, "bin")
    is_numbered = "n" in names_in(template)
    names = known_names(job.request, n=index + 1 if is_numbered else 1, ext=extension)
    key = place + fill(template, names)
    return key if index == 0 or is_numbered else _numbered(key, index + 1, extension)


def known_keys(job: Job) -> tuple[str, ...]:
    """The S3 keys of the pictures that are foreseen, if they are known before there is one."""
    place, template = S3Uri.parse(job.output_uri).key, _template(job)
    is_open = "ext" in names_in(template) if template is not None else _is_prefix(place)
    if is_open:
        return ()
    return tuple(picture_key(job, 0, 1, "image/png", of=step) for step in job.variants() or (None,))


def rendition_key(key: str, width_px: int, extension: str) -> str:
    """The S3 key of a smaller copy: `front.png` gives `front-800w.webp`."""
    folder, slash, name = key.rpartition("/")
    return f"{folder}{slash}{_stem(name)}-{width_px}w.{extension}"


def output_key(
    output_key_or_prefix: str, request_id: str, index: int, count: int, mime: str
) -> str:
    """The S3 key of output number `index` (from 0) of `count`.

    A prefix (ends in `/`, or is empty) gives `<prefix><requestId>.png`, or `-1.png`, `-2.png` …
    where there are several. An exact key is used as it is for the first output; further ones,
    which the request did not foresee but has paid for, go beside it as `<key>-2.png` ….
    `mime` is the content type seen in the bytes.
    """
    extension = _EXTENSIONS.get(mime, "bin")
    if _is_prefix(output_key_or_prefix):
        number = f"-{index + 1}" if count > 1 else ""
        return f"{output_key_or_prefix}{request_id}{number}.{extension}"
    if index == 0:
        return output_key_or_prefix
    return _numbered(output_key_or_prefix, index + 1, extension)


def aside_key(key: str, mark: str) -> str:
    """The S3 key beside a taken one: `sku-1.png` gives `sku-1.<mark>.png`.

    The mark, such as a request id, makes it a name that nobody else takes. A stem that would make the
    key too long for S3 is cut.
    """
    folder, slash, name = key.rpartition("/")
    stem, dot, extension = name.rpartition(".")
    stem, ending = (stem, f".{extension}") if dot and stem else (name, "")
    ending = f".{mark}{ending}"
    room_bytes = MAX_KEY_BYTES - len(f"{folder}{slash}{ending}".encode())
    return f"{folder}{slash}{stem.encode()[:room_bytes].decode(errors='ignore')}{ending}"


def document_key(output_key_or_prefix: str, request_id: str) -> str:
    """The S3 key of the result document, beside the outputs."""
    folder = output_key_or_prefix
    if not _is_prefix(folder):
        folder = folder[: folder.rfind("/") + 1]
    return f"{folder}{request_id}.json"


def document_aside_key(output_key_or_prefix: str, request_id: str) -> str:
    """The S3 key of the result document where another's object stands at its own."""
    return document_key(output_key_or_prefix, f"{request_id}.result")


def _is_prefix(output_key_or_prefix: str) -> bool:
    return not output_key_or_prefix or output_key_or_prefix.endswith("/")


def _variant_key(job: Job, number: int, seed: int | None, mime: str) -> str:
    place, template = S3Uri.parse(job.output_uri).key, _template(job)
    if template is None:
        return output_key(place, job.request_id, number - 1, len(job.variants()), mime)
    extension = _EXTENSIONS.get(mime, "bin")
    return place + fill(template, known_names(job.request, n=number, ext=extension, seed=seed))


def _template(job: Job) -> str | None:
    options = job.request.get("outputOptions") or {}
    key: str | None = options.get("key")
    return key


def _numbered(key: str, number: int, extension: str) -> str:
    folder, slash, name = key.rpartition("/")
    return f"{folder}{slash}{_stem(name)}-{number}.{extension}"


def _stem(name: str) -> str:
    return name.rsplit(".", 1)[0] or name

"""`outputOptions`: how the pictures are called and stored, and what is made of them besides."""

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, Field, ValidationError

from worker.contracts.fields import REQUEST_CONFIG, broken_rule
from worker.contracts.filling import BadTemplateError, fill, names_in
from worker.contracts.key_names import KEY_NAMES, known_names
from worker.contracts.output_place import ROOM_BYTES, parse_output
from worker.contracts.plain_words import problems_of
from worker.contracts.s3_uri import MAX_KEY_BYTES, S3Uri
from worker.contracts.text import shown
from worker.contracts.variants import asks_for_several
from worker.errors import Problem

MAX_TAGS: Final = 10
MAX_RENDITIONS: Final = 8
MAX_RENDITION_PX: Final = 8192
_FIELD: Final = "outputOptions"
_TAG_TEXT: Final = re.compile(r"[\w +\-=.:/@]*")
_CACHE_CONTROL: Final = re.compile(r"[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?")
_UUID: Final = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|mrk-[0-9a-f]{32}"
_KMS_PATTERN: Final = (
    rf"^(arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{{12}}:(key/({_UUID})|alias/[A-Za-z0-9/_-]+)"
    rf"|{_UUID}|alias/[A-Za-z0-9/_-]+)$"
)
_KMS_KEY: Final = re.compile(_KMS_PATTERN)
_ROOM_OF_RENDITION: Final = len("-8192w")


def _tags(tags: dict[str, str]) -> dict[str, str]:
    # Source: S3 guide, "Object tagging": how many, how long, and which characters.
    if len(tags) > MAX_TAGS:
        raise broken_rule(f"must be at most {MAX_TAGS} tags, as S3 takes them")
    for name, value in tags.items():
        if not 1 <= len(name) <= 128 or not _TAG_TEXT.fullmatch(name):
            raise broken_rule(
                f"{shown(name)} is no name of a tag: 1 to 128 letters, digits, spaces or + - = . _ : / @"
            )
        if name.lower().startswith("aws:"):
            raise broken_rule(f"{shown(name)}: names that begin with aws: are for AWS")
        if len(value) > 256 or not _TAG_TEXT.fullmatch(value):
            raise broken_rule(
                f"{shown(value)} is no value of a tag: up to 256 letters, digits, spaces or "
                "+ - = . _ : / @"
            )
    return tags


def _cache_control(text: str) -> str:
    if not _CACHE_CONTROL.fullmatch(text):
        raise broken_rule("must be a header in ASCII", "such as max-age=31536000, immutable")
    return text


def _kms_key(text: str) -> str:
    if not _KMS_KEY.fullmatch(text):
        raise broken_rule("must be the ARN, the id or the alias of a KMS key", "alias/shop")
    return text


class Rendition(BaseModel):
    """A smaller copy of each picture, beside it as `<stem>-<width>w.<ext>`."""

    model_config = REQUEST_CONFIG

    format: Annotated[Literal["webp", "jpeg"], Field(description="What it is saved as.")]
    width: Annotated[
        int,
        Field(
            ge=16,
            le=MAX_RENDITION_PX,
            description="Pixels. A picture that is narrower is not enlarged.",
            examples=[800],
        ),
    ]
    quality: Annotated[int, Field(ge=1, le=100, description="Of the compression.")] = 82

    @property
    def extension(self) -> str:
        """As files of the format are called."""
        return "jpg" if self.format == "jpeg" else self.format


def _renditions(renditions: tuple[Rendition, ...]) -> tuple[Rendition, ...]:
    names = [(one.width, one.format) for one in renditions]
    if len(set(names)) < len(names):
        raise broken_rule("two of the same width and format would have one name")
    return renditions


class OutputOptions(BaseModel):
    """How the pictures are called and stored, and what is made of them besides."""

    model_config = REQUEST_CONFIG

    key: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=MAX_KEY_BYTES,
            description="Template of the keys below `output`, which is a prefix then. Names: "
            "requestId, n (number of the picture), ext (after its bytes), workflow, seed, and the text "
            "values of metadata.",
            examples=["{sku}/{requestId}-{n}.{ext}"],
        ),
    ] = None
    cache_control: Annotated[
        str | None,
        AfterValidator(_cache_control),
        Field(
            max_length=256,
            description="Header that browsers and CDNs get with a picture.",
            examples=["public, max-age=31536000, immutable"],
        ),
    ] = None
    tags: Annotated[
        dict[str, str],
        AfterValidator(_tags),
        Field(
            description="S3 object tags of all that the request writes. The worker needs "
            "s3:PutObjectTagging for them.",
            examples=[{"season": "spring"}],
            json_schema_extra={"maxProperties": MAX_TAGS},
        ),
    ] = Field(default_factory=dict)
    kms_key_id: Annotated[
        str | None,
        AfterValidator(_kms_key),
        Field(
            description="KMS key that encrypts all that the request writes, instead of the bucket's.",
            examples=["alias/shop"],
            json_schema_extra={"pattern": _KMS_PATTERN},
        ),
    ] = None
    storage_class: Annotated[
        Literal["STANDARD", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER_IR"]
        | None,
        Field(description="Of the pictures. Classes that cannot be read at once are not taken."),
    ] = None
    renditions: Annotated[
        tuple[Rendition, ...],
        AfterValidator(_renditions),
        Field(
            strict=False,
            max_length=MAX_RENDITIONS,
            description="Smaller copies of each picture, in sRGB.",
            examples=[[{"format": "webp", "width": 800, "quality": 82}]],
        ),
    ] = ()


def option_problems(document: Mapping[str, Any]) -> list[Problem]:
    """What is wrong with the `outputOptions` of a request that is not checked yet."""
    options = document.get(_FIELD)
    if options is None:
        return []
    if not isinstance(options, dict):
        return [Problem(_FIELD, shown(options), "must be a JSON object")]
    problems = []
    try:
        OutputOptions.model_validate(options, by_alias=True, by_name=False)
    except ValidationError as error:
        problems = problems_of(error, OutputOptions, under=(_FIELD,), what=_FIELD)
    key = options.get("key")
    if isinstance(key, str) and key and not any(one.field == f"{_FIELD}.key" for one in problems):
        problems += _key_problems(key, document, has_renditions=bool(options.get("renditions")))
    return problems


def _key_problems(
    template: str, document: Mapping[str, Any], *, has_renditions: bool
) -> list[Problem]:
    """What is wrong with a template, in view of the rest of its request."""

    def problem(rule: str, fix: str = "") -> Problem:
        return Problem(f"{_FIELD}.key", shown(template), rule, fix)

    try:
        needed = names_in(template)
    except BadTemplateError as error:
        return [problem(str(error))]
    names = known_names(document)
    problems = [
        problem(f"needs the name {{{name}}}, which nothing gives", _where_from(name, names))
        for name in dict.fromkeys(needed)
        if name not in names
    ]
    if asks_for_several(document) and not {"n", "seed"} & set(needed):
        rule = "names one picture, and several are asked for"
        problems.append(problem(rule, "put {n} or {seed} into it"))
    output = document.get("output")
    try:
        place = parse_output(output) if isinstance(output, str) else None
    except ValueError:
        return problems
    if place is None or problems:
        return problems
    if place.key and not place.key.endswith("/"):
        return [problem("is a key below output, so output must be a prefix", "end output with /")]
    return _filled_problems(
        fill(template, names), place, document, problem, has_renditions=has_renditions
    )


def _filled_problems(
    filled: str,
    place: S3Uri,
    document: Mapping[str, Any],
    problem: Callable[..., Problem],
    *,
    has_renditions: bool,
) -> list[Problem]:
    if not all(filled.split("/")):
        rule = f"gives {shown(filled)}: it begins or ends with /, or a folder has no name"
        return [problem(rule, "see the values of metadata")]
    try:
        uri = parse_output(f"s3://{place.bucket}/{place.key}{filled}")
    except ValueError as error:
        return [problem(f"gives {shown(filled)}: {error}", "see the values of metadata")]
    if uri.key == f"{place.key}{document.get('requestId')}.json":
        return [problem(f"gives {shown(filled)}, which is no name for a picture")]
    room_bytes = ROOM_BYTES + (_ROOM_OF_RENDITION if has_renditions else 0)
    size_bytes = len(uri.key.encode()) + room_bytes
    if size_bytes > MAX_KEY_BYTES:
        rule = f"keys could have {size_bytes:,} bytes, S3 allows {MAX_KEY_BYTES:,}"
        return [problem(rule, "shorten it, or output")]
    return []


def _where_from(name: str, names: Mapping[str, str]) -> str:
    if name == "seed":
        return "add input.seed, or variants"
    if name in KEY_NAMES:
        return ""
    return f"names: {', '.join(dict.fromkeys([*KEY_NAMES, *names]))}"

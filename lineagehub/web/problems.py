"""Problem documents (RFC 9457): the catalogue of everything that this hub refuses over HTTP, and the exception that
says so.

A problem's `type` is a path that this hub serves (ops/problem_pages.py), its `reason` the closed word used as metric
label too; where the refusal is about data, it is the `Reason` of the dead letters. Handlers raise `Refused`;
middleware/problems.py turns it into the answer. To add a problem: one constant and one line in PROBLEMS.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus

from pydantic import BaseModel, Field

from lineagehub.contract.lineage import Fault
from lineagehub.contract.reasons import Reason

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Problem:
    """One kind of refusal. `help` says what to do, for a person."""

    slug: str
    status: int
    title: str
    help: str

    @property
    def type(self) -> str:
        """The path that explains it."""
        return f"/problems/{self.slug}"

    @property
    def reason(self) -> str:
        """The closed word: label of metrics, field of documents and logs."""
        return self.slug.replace("-", "_")


class FieldProblem(BaseModel):
    """One fault and where it is."""

    pointer: str = Field(description="JSON pointer (RFC 6901) into the body, or the name of a parameter after a slash.")
    detail: str


class ProblemDocument(BaseModel):
    """What every refusal answers, as `application/problem+json`."""

    type: str = Field(description="A path of this hub that explains the problem.")
    title: str
    status: int
    detail: str = Field(description="What is wrong with this request, and what to do.")
    instance: str = Field(description="The path of the request.")
    reason: str = Field(description="The problem as one closed word, the same as in metrics and dead letters.")
    request_id: str = Field(description="Stands in the hub's log, too.")
    errors: list[FieldProblem] = []
    limit: int | None = Field(None, description="In `quota-exceeded` only: events a day.")
    used: int | None = Field(None, description="In `quota-exceeded` only: events charged so far, as this hub knows.")
    resets_at: str | None = Field(None, description="In `quota-exceeded` only: the next midnight of UTC.")


class Refused(Exception):
    """The request is refused with a problem.

    `retry_after_seconds` (how long it takes; may be infinite) and `headers` go into the answer; `close` ends the connection. `denied` says,
    for the audit log only, that the refusal denies something to the caller, and why: for an answer that must not say so itself, such as
    404 for what is another's. `members` are more members of the document.
    """

    def __init__(
        self,
        problem: Problem,
        detail: str,
        errors: Sequence[Fault] = (),
        retry_after_seconds: float | None = None,
        headers: Mapping[str, str] | None = None,
        close: bool = False,
        denied: str = "",
        members: Mapping[str, str | int] | None = None,
    ) -> None:
        super().__init__(detail)
        self.problem = problem
        self.detail = detail
        self.errors = errors
        self.retry_after_seconds = retry_after_seconds
        self.headers = dict(headers or {})
        self.close = close
        self.denied = denied
        self.members = dict(members or {})
        if problem.status == HTTPStatus.SERVICE_UNAVAILABLE and retry_after_seconds is None:
            self.retry_after_seconds = RETRY_AFTER_SECONDS


INVALID_REQUEST = Problem("invalid-request", 400, "The request is malformed", "Speak HTTP/1.1 and send the whole body.")
INVALID_PARAMETER = Problem(
    "invalid-parameter", 400, "A parameter is wrong", "`errors` names each parameter and its bounds."
)
BAD_CURSOR = Problem(
    "bad-cursor",
    400,
    "The cursor is not one of this request",
    "Send `nextCursor` as it came, with the same path, the same parameters and a key of the same namespace; or begin again without it.",
)
INVALID_NAMESPACE = Problem(
    "invalid-namespace",
    400,
    "The path names no namespace",
    "A namespace is 3 to 63 of a-z, 0-9, dot, dash, underscore, with a letter or digit at both ends.",
)
NAMESPACE_REQUIRED = Problem(
    "namespace-required",
    400,
    "You have a role in several namespaces",
    "Send the header `lineagehub-namespace` with one of those that `detail` names.",
)
INVALID_EVENT_ID = Problem(
    "invalid-event-id",
    400,
    "The event id is malformed",
    "Send `lineagehub-event-id` as 32 hexadecimal digits or a UUID, or leave it out.",
)
INVALID_IDEMPOTENCY_KEY = Problem(
    "invalid-idempotency-key",
    400,
    "The idempotency key is malformed",
    "Send `Idempotency-Key` once, as 1 to 255 visible characters of ASCII such as a UUID, or leave it out.",
)
INVALID_JSON = Problem("invalid-json", 400, "The body is not JSON", "Send one UTF-8 JSON document (RFC 8259).")
INVALID_UNICODE = Problem(
    "invalid-unicode",
    400,
    "The body is not Unicode text",
    "Send UTF-8 without lone surrogates and without a byte order mark.",
)
DUPLICATE_KEY = Problem(
    "duplicate-key",
    400,
    "An object has the same key with two values",
    "Give each member of an object a name of its own.",
)
TOO_DEEP = Problem("too-deep", 400, "The JSON is nested too deeply", "Nest at most 64 levels in a lineage event.")
INVALID_PROTOBUF = Problem(
    "invalid-protobuf",
    400,
    "The body is not the protobuf message of this route",
    "Send the Export…ServiceRequest of OTLP.",
)
BAD_ENCODING = Problem(
    "bad-encoding",
    400,
    "The body cannot be decoded",
    "Send one whole stream of the Content-Encoding that you name, and nothing after it.",
)
EMPTY_BODY = Problem("empty-body", 400, "The body is empty", "Send a body.")
MISSING_CREDENTIALS = Problem(
    "missing-credentials",
    401,
    "There is neither an API key nor a token",
    "Send the header `Authorization: Bearer <API key>`, or an access token there.",
)
INVALID_CREDENTIALS = Problem(
    "invalid-credentials",
    401,
    "The API key or token is not valid",
    "Use a key that is neither mistyped, nor expired, nor revoked; or sign in again for a new token.",
)
INSUFFICIENT_SCOPE = Problem(
    "insufficient-scope",
    403,
    "The API key or token may not do this",
    "Use one whose role has the scope that `detail` names.",
)
ROLE_TOO_HIGH = Problem(
    "role-too-high", 403, "The key may not issue that role", "Ask for a role that is not above your own."
)
NAMESPACE_MISMATCH = Problem(
    "namespace-mismatch",
    403,
    "The request names another namespace than the caller's",
    "Leave `namespace` and `lineagehub-namespace` out, or use a key or token of that namespace.",
)
FOREIGN_ORIGIN = Problem(
    "foreign-origin",
    403,
    "A web page of another origin asks",
    "Name the page's origin in LINEAGEHUB_WEB_CORS_ORIGINS, or switch authentication on.",
)
NOT_FOUND = Problem("not-found", 404, "There is no such thing", "Check the path and the id; /docs lists all routes.")
METHOD_NOT_ALLOWED = Problem("method-not-allowed", 405, "The route has other methods", "The header Allow lists them.")
BODY_TIMEOUT = Problem("body-timeout", 408, "The body did not arrive in time", "Send the body without pauses.")
NAMESPACE_EXISTS = Problem(
    "namespace-exists", 409, "There is a namespace of this name", "Change that one with PATCH, or take another name."
)
NAMESPACE_BEING_DELETED = Problem(
    "namespace-being-deleted",
    409,
    "A deleted namespace of this name still has data",
    "Try again when a GET of it answers 404.",
)
LAST_OWNER = Problem(
    "last-owner", 409, "It is the last owner's key", "Make another owner's key first, or rotate this one."
)
KEY_NOT_LIVE = Problem("key-not-live", 409, "The key is expired or revoked", "Make a new key.")
ROTATION_UNDERWAY = Problem(
    "rotation-underway",
    409,
    "Two keys of this rotation are live",
    "Revoke the one that `detail` names, or wait until it expires.",
)
NOT_REDRIVABLE = Problem(
    "not-redrivable",
    409,
    "Unverified records are not re-driven",
    "Nobody proved who wrote them: look at them, have their writer correct his key or his clock and send them again, and drop them.",
)
TOO_MANY_KEYS = Problem(
    "too-many-keys", 409, "The namespace has as many live keys as it may", "Revoke keys that are not used."
)
PRECONDITION_FAILED = Problem(
    "precondition-failed",
    412,
    "It was changed meanwhile",
    "Read it again, decide again, and send its new ETag as If-Match.",
)
CONFIRMATION_REQUIRED = Problem(
    "confirmation-required",
    428,
    "Deleting a namespace must be confirmed",
    "Send `?confirm=` with its name, or its ETag as If-Match.",
)
PAYLOAD_TOO_LARGE = Problem(
    "payload-too-large", 413, "The body or an event is too large", "Send less at once; `detail` names the limit."
)
EVENT_TOO_COMPLEX = Problem(
    "event-too-complex", 413, "The body holds too many values", "Send less at once; `detail` names the limit."
)
BATCH_EXCEEDS_BURST = Problem(
    "batch-exceeds-burst",
    413,
    "The request has more items, or bytes, than may come at once",
    "Send less at a time; `detail` names the burst, which the operator can change.",
)
UNSUPPORTED_MEDIA_TYPE = Problem(
    "unsupported-media-type", 415, "The Content-Type is not taken here", "`detail` lists the types that are."
)
UNSUPPORTED_ENCODING = Problem(
    "unsupported-encoding", 415, "The Content-Encoding is not known", "Use gzip, deflate or zstd, once, or none."
)
MISDIRECTED_REQUEST = Problem(
    "misdirected-request",
    421,
    "The request is for another host",
    "Call the hub by its address on this machine, or switch authentication on.",
)
SCHEMA_INVALID = Problem(
    "schema-invalid", 422, "The document is not valid", "`errors` names each fault by a JSON pointer."
)
TIMESTAMP_OUT_OF_RANGE = Problem(
    "timestamp-out-of-range", 422, "A time is out of range", "Check the clock and the unit of the producer."
)
WEBHOOK_FORBIDDEN = Problem(
    "webhook-forbidden",
    422,
    "A webhook must not lead there",
    "Name an https URL on port 443 of a public host; or ask the operator for LINEAGEHUB_ALERTS_TRUSTED_ORIGINS.",
)
QUERY_TOO_BIG = Problem(
    "query-too-big",
    422,
    "The query reads too much",
    "Ask for less at once: a shorter time between `from` and `to`, a smaller `depth`, a narrower filter.",
)
RATE_LIMITED = Problem(
    "rate-limited",
    429,
    "You are above your rate limit",
    "Nothing was taken in: send the same request again after Retry-After. On the routes of OpenLineage and OTLP it is 503, which "
    "all of their clients send again; there 429 says that the limit is 0.",
)
THROTTLED = replace(RATE_LIMITED, status=503)
"""The same, where clients drop data on 429."""
QUOTA_EXCEEDED = Problem(
    "quota-exceeded",
    429,
    "The namespace has used its events of the day",
    "Send the same request again after Retry-After, or ask the operator for a higher limit; the day ends at 00:00 UTC.",
)
OVERLOADED = Problem(
    "overloaded", 503, "The hub holds as many bodies as it may", "Send the same request again after Retry-After."
)
UNAVAILABLE = Problem(
    "unavailable",
    503,
    "A part of the hub does not answer",
    "Nothing was lost: send the same request again after Retry-After. /readyz tells which part.",
)
STORE_BEHIND = Problem(
    "store-behind",
    503,
    "Accepted events are not stored yet",
    "Nothing was deleted: they would bring it back. Send the same request again after Retry-After.",
)
LETTERS_BEHIND = Problem(
    "letters-behind",
    503,
    "Dead letters and decisions are not readable yet",
    "Send the same request again after Retry-After: what was sent already is not sent twice. The agent `dead-letters` must run.",
)
STARTING = Problem(
    "starting",
    503,
    "The hub does not know all keys yet",
    "Send the same request again after Retry-After.",
)
INTERNAL_ERROR = Problem(
    "internal-error",
    503,
    "The hub failed",
    "Send the same request again after Retry-After; tell the operator the request id if it stays.",
)

PROBLEMS: tuple[Problem, ...] = (
    INVALID_REQUEST,
    INVALID_PARAMETER,
    BAD_CURSOR,
    INVALID_NAMESPACE,
    NAMESPACE_REQUIRED,
    INVALID_EVENT_ID,
    INVALID_IDEMPOTENCY_KEY,
    INVALID_JSON,
    INVALID_UNICODE,
    DUPLICATE_KEY,
    TOO_DEEP,
    INVALID_PROTOBUF,
    BAD_ENCODING,
    EMPTY_BODY,
    MISSING_CREDENTIALS,
    INVALID_CREDENTIALS,
    INSUFFICIENT_SCOPE,
    ROLE_TOO_HIGH,
    NAMESPACE_MISMATCH,
    FOREIGN_ORIGIN,
    NOT_FOUND,
    METHOD_NOT_ALLOWED,
    BODY_TIMEOUT,
    NAMESPACE_EXISTS,
    NAMESPACE_BEING_DELETED,
    LAST_OWNER,
    KEY_NOT_LIVE,
    ROTATION_UNDERWAY,
    TOO_MANY_KEYS,
    NOT_REDRIVABLE,
    PRECONDITION_FAILED,
    CONFIRMATION_REQUIRED,
    PAYLOAD_TOO_LARGE,
    EVENT_TOO_COMPLEX,
    BATCH_EXCEEDS_BURST,
    UNSUPPORTED_MEDIA_TYPE,
    UNSUPPORTED_ENCODING,
    MISDIRECTED_REQUEST,
    SCHEMA_INVALID,
    TIMESTAMP_OUT_OF_RANGE,
    WEBHOOK_FORBIDDEN,
    QUERY_TOO_BIG,
    RATE_LIMITED,
    QUOTA_EXCEEDED,
    OVERLOADED,
    UNAVAILABLE,
    STORE_BEHIND,
    LETTERS_BEHIND,
    STARTING,
    INTERNAL_ERROR,
)

CREDENTIAL_PROBLEMS = (
    NAMESPACE_REQUIRED,
    MISSING_CREDENTIALS,
    INVALID_CREDENTIALS,
    INSUFFICIENT_SCOPE,
    NAMESPACE_MISMATCH,
    UNAVAILABLE,
    STARTING,
)
READ_PROBLEMS = (QUERY_TOO_BIG,)
INGEST_PROBLEMS = (BATCH_EXCEEDS_BURST, RATE_LIMITED)
BODY_PROBLEMS = (
    INVALID_REQUEST,
    BAD_ENCODING,
    EMPTY_BODY,
    BODY_TIMEOUT,
    PAYLOAD_TOO_LARGE,
    UNSUPPORTED_MEDIA_TYPE,
    UNSUPPORTED_ENCODING,
    OVERLOADED,
)
JSON_PROBLEMS = (INVALID_JSON, INVALID_UNICODE, DUPLICATE_KEY, TOO_DEEP, EVENT_TOO_COMPLEX)

_BY_REASON = {problem.reason: problem for problem in PROBLEMS}


def problem_of(reason: Reason) -> Problem:
    """Return the problem that tells a client of this refusal; a reason of the system's becomes `internal-error`."""
    if reason is Reason.TOO_LARGE:
        return PAYLOAD_TOO_LARGE
    return _BY_REASON.get(reason.value, INTERNAL_ERROR)


def problem_by_slug(slug: str) -> Problem | None:
    """Return the problem with this slug, or None."""
    return _BY_REASON.get(slug.replace("-", "_")) if "_" not in slug else None

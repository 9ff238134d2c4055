"""The directory: who may come in, from the moment that a control record arrives; nothing malformed opens or stops anything."""

from __future__ import annotations

import hmac
import json
import sys
from datetime import UTC, datetime, timedelta
from types import FrameType
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from lineagehub.auth import directory as directory_module
from lineagehub.auth.api_keys import MAXIMUM_LENGTH, ApiKey, make_api_key
from lineagehub.auth.directory import Directory, Verdict
from lineagehub.auth.issuing import changed_namespace, issue_key, new_namespace
from lineagehub.auth.sealing import HUB_KEY_ID, Sealer
from lineagehub.auth.signature_keys import Ed25519Key, HmacKey
from lineagehub.contract.control import (
    ROLE_SCOPES,
    ApiKeyRecord,
    LimitsRecord,
    NamespaceRecord,
    Role,
    Scope,
    SignatureAlgorithm,
)
from lineagehub.contract.headers import Envelope, derive_ed25519_key, derive_signing_key
from lineagehub.contract.keys import api_key_key, limits_key, namespace_key
from lineagehub.contract.limits import Limits

SEALER = Sealer("s" * 32)
NAMESPACE = new_namespace("analytics")


def put(directory: Directory, *records: NamespaceRecord | ApiKeyRecord) -> None:
    for record in records:
        key = api_key_key(record.kid) if isinstance(record, ApiKeyRecord) else namespace_key(record.name)
        directory.apply(key, record.model_dump_json().encode())


def issue(role: Role = Role.WRITER, namespace: NamespaceRecord | None = NAMESPACE) -> tuple[ApiKey, ApiKeyRecord]:
    return issue_key(namespace, role, "dev", SEALER)


@pytest.fixture
def directory() -> Directory:
    """A directory that knows one namespace."""
    directory = Directory(SEALER)
    put(directory, NAMESPACE)
    return directory


@pytest.mark.parametrize("role", [Role.OWNER, Role.ADMIN, Role.WRITER, Role.READER])
def test_a_key_opens_its_own_namespace_with_its_roles_scopes(directory: Directory, role: Role) -> None:
    api_key, record = issue(role)
    put(directory, record)
    principal = directory.authenticate(api_key.text)
    assert principal is not None
    assert (principal.kid, principal.role, principal.namespace) == (api_key.kid, role, "analytics")
    assert principal.scopes == ROLE_SCOPES[role]


def test_a_writer_cannot_read_and_a_reader_cannot_write() -> None:
    assert ROLE_SCOPES[Role.WRITER] == {Scope.INGEST_WRITE}
    assert Scope.INGEST_WRITE not in ROLE_SCOPES[Role.READER]
    assert all(Scope.PLATFORM_OPERATE not in ROLE_SCOPES[role] for role in Role if role is not Role.OPERATOR)


def test_the_operator_belongs_to_no_namespace(directory: Directory) -> None:
    api_key, record = issue(Role.OPERATOR, namespace=None)
    put(directory, record)
    principal = directory.authenticate(api_key.text)
    assert principal is not None
    assert principal.namespace is None
    assert Scope.PLATFORM_OPERATE in principal.scopes
    reading_and_writing = {Scope.LINEAGE_READ, Scope.TELEMETRY_READ, Scope.INGEST_WRITE, Scope.NAMESPACE_ADMIN}
    assert not principal.scopes & reading_and_writing


def test_an_unknown_key_of_the_right_shape_opens_nothing(directory: Directory) -> None:
    assert directory.authenticate(make_api_key("dev").text) is None


def test_another_secret_under_a_known_key_id_opens_nothing(directory: Directory) -> None:
    api_key, record = issue()
    put(directory, record)
    other = make_api_key("dev")
    assert directory.authenticate(other.text.replace(other.kid, api_key.kid)) is None


@pytest.mark.parametrize("text", ["", "lh_dev_", "Bearer x", "\0", "x" * 100_000])
def test_garbage_opens_nothing(directory: Directory, text: str) -> None:
    assert directory.authenticate(text) is None


def instructions_of(directory: Directory, guess: str) -> list[tuple[str, int]]:
    """Return every bytecode instruction of the hub that is run for a key that opens nothing, by function and place.

    Of the hub: a collection of garbage may run in between, and hypothesis has a callback on it.
    """
    executed = []

    def follow(frame: FrameType, event: str, _: object) -> Any:
        frame.f_trace_opcodes = True
        if event == "opcode" and frame.f_globals["__name__"].startswith("lineagehub."):
            executed.append((frame.f_code.co_qualname, frame.f_lasti))
        return follow

    former = sys.gettrace()
    sys.settrace(follow)
    try:
        found = directory.authenticate(guess)
    finally:
        sys.settrace(former)
    assert found is None
    return executed


def test_a_guess_runs_the_same_instructions_however_much_of_a_key_it_has_right(directory: Directory) -> None:
    """F12 by structure, not by a clock: the only thing that depends on the guess is its SHA-256, by which the key is looked up.

    How far the look-up compares is a matter of digests, of which whoever guesses cannot choose a prefix.
    """
    api_key, record = issue()
    put(directory, record)
    secret_at = api_key.text.index(api_key.secret)
    guesses = [api_key.text[:right].ljust(len(api_key.text), "~") for right in range(len(api_key.text))]
    ways = {tuple(instructions_of(directory, guess)) for guess in [*guesses, "~" * len(api_key.text), "x", ""]}
    assert len(ways) == 1
    assert any(name == "digest_of" for name, _ in ways.pop())
    assert len(guesses) > secret_at, "some have all but one character right"
    held = repr(directory.keys())
    assert api_key.digest in held, "this is compared"
    assert api_key.secret not in held


def test_what_is_too_long_for_a_key_is_not_even_hashed(directory: Directory, monkeypatch: pytest.MonkeyPatch) -> None:
    hashed: list[str] = []

    def digest_of(text: str) -> str:
        hashed.append(text)
        return ""

    monkeypatch.setattr(directory_module, "digest_of", digest_of)
    for text in ("x" * (MAXIMUM_LENGTH + 1), "x" * 10_240, "\N{ARABIC-INDIC DIGIT ONE}" * 60):
        assert directory.authenticate(text) is None
        assert directory.find_key(text) is None
    assert hashed == []
    assert directory.authenticate("x" * MAXIMUM_LENGTH) is None
    assert len(hashed) == 1


def test_a_signature_is_compared_whole_and_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[bytes, bytes]] = []

    def compare(expected: bytes, signature: bytes) -> bool:
        compared.append((expected, signature))
        return original(expected, signature)

    original = hmac.compare_digest
    monkeypatch.setattr(hmac, "compare_digest", compare)
    key, envelope = HmacKey(b"k" * 32), Envelope("analytics", "Abcd1234", "event-1", 0, "openlineage")
    right = envelope.signature(b"k" * 32, "openlineage-events", b"{}")
    guesses = [right, bytes(32), b"", right[:31], right[:31] + bytes([right[31] ^ 1])]
    verdicts = [key.has_signed(envelope, "openlineage-events", b"{}", guess) for guess in guesses]
    assert verdicts == [True, False, False, False, False]
    assert compared == [(right, guess) for guess in guesses]


def test_a_key_dies_at_its_expiry(directory: Directory) -> None:
    api_key, record = issue()
    put(directory, record)
    assert record.expires_at is not None
    assert directory.authenticate(api_key.text, record.expires_at - timedelta(microseconds=1)) is not None
    assert directory.authenticate(api_key.text, record.expires_at) is None


def test_a_key_dies_at_its_revocation_and_what_came_before_stays_valid(directory: Directory) -> None:
    api_key, record = issue()
    revoked_at = datetime.now(UTC)
    revoked = record.model_copy(update={"revoked_at": revoked_at, "revision": 2})
    put(directory, record, revoked)
    assert directory.authenticate(api_key.text) is None
    known = directory.key(api_key.kid)
    assert known is not None
    assert known.is_valid_at(revoked_at - timedelta(milliseconds=1))
    assert not known.is_valid_at(revoked_at)
    # Records that it signed before are still verified with it.
    assert directory.verification_key(api_key.kid) is not None


def test_a_deleted_key_is_forgotten_whole(directory: Directory) -> None:
    api_key, record = issue()
    put(directory, record)
    directory.apply(api_key_key(record.kid), None)
    assert directory.authenticate(api_key.text) is None
    assert directory.key(record.kid) is None
    assert directory.verification_key(record.kid) is None
    assert directory.keys() == []


def deleted(record: NamespaceRecord, at: datetime | None = None) -> NamespaceRecord:
    return changed_namespace(record, deleted_at=at or datetime.now(UTC))


def purged(record: NamespaceRecord, at: datetime | None = None) -> NamespaceRecord:
    return changed_namespace(record, purged_at=at or datetime.now(UTC))


def test_a_deleted_namespace_is_closed_to_its_keys_and_so_is_the_one_made_again(directory: Directory) -> None:
    api_key, record = issue()
    put(directory, record)
    gone = deleted(NAMESPACE)
    put(directory, gone)
    assert directory.authenticate(api_key.text) is None
    assert directory.namespaces == {}
    assert directory.unpurged_namespaces() == [gone]
    put(directory, purged(gone))
    assert directory.unpurged_namespaces() == []
    again = new_namespace("analytics", purged(gone))
    put(directory, again)
    assert again.id != NAMESPACE.id
    assert again.revision > gone.revision
    assert directory.namespaces == {"analytics": again}
    assert directory.deleted_namespace("analytics") is None
    assert directory.authenticate(api_key.text) is None
    assert directory.keys_of(again) == []


def test_a_late_change_does_not_bring_a_deleted_namespace_back(directory: Directory) -> None:
    """Why a deletion is a record: after a null value the change would be the first record of its key."""
    stale = changed_namespace(NAMESPACE, description="meant for the old one")
    assert directory.apply(namespace_key("analytics"), deleted(NAMESPACE).model_dump_json().encode()) is Verdict.TAKEN
    assert directory.apply(namespace_key("analytics"), stale.model_dump_json().encode()) is Verdict.LATE
    assert directory.namespaces == {}


@pytest.mark.parametrize("repairs", [0, 1])
def test_of_two_changes_of_one_revision_the_first_is_in_force_and_the_key_is_contested_until_repaired(
    directory: Directory, repairs: int
) -> None:
    key = namespace_key("analytics")
    first, second = (changed_namespace(NAMESPACE, description=text) for text in ("first", "second"))
    put(directory, first, second)
    assert directory.namespaces["analytics"] == first
    assert directory.contested == {key}
    repaired = first.model_copy(update={"repair": 1})
    put(directory, *[repaired] * repairs)
    assert directory.namespaces["analytics"].description == "first"
    assert directory.contested == ({key} if repairs == 0 else set())
    assert directory.apply(key, repaired.model_dump_json().encode()) in (Verdict.TAKEN, Verdict.REPEATED)


def test_what_the_broker_took_for_a_deleted_namespace_is_nobodys(directory: Directory) -> None:
    now = datetime.now(UTC)
    assert directory.takes("never-heard-of", now)
    assert directory.takes("analytics", now - timedelta(days=7)), "a namespace may be made after its topic"
    gone = deleted(NAMESPACE, now)
    put(directory, gone)
    assert not directory.takes("analytics", now - timedelta(seconds=1)), "it would be there after the purge"
    assert not directory.takes("analytics", now + timedelta(seconds=1))
    ended = purged(gone, now + timedelta(seconds=10))
    put(directory, ended, new_namespace("analytics", ended))
    assert not directory.takes("analytics", now + timedelta(seconds=9))
    assert directory.takes("analytics", now + timedelta(seconds=10))


def test_limits_of_a_former_namespace_are_void(directory: Directory) -> None:
    limits = LimitsRecord(
        namespace="analytics", namespace_id=NAMESPACE.id, limits=Limits(burst=7), updated_at=datetime.now(UTC)
    )
    directory.apply(limits_key("analytics"), limits.model_dump_json().encode())
    assert directory.limits(NAMESPACE) == limits
    assert directory.limits(new_namespace("analytics", purged(deleted(NAMESPACE)))) is None


def test_members_of_a_newer_hub_outlive_a_change_by_this_one(directory: Directory) -> None:
    document = json.loads(changed_namespace(NAMESPACE).model_dump_json()) | {"colour": "blue"}
    directory.apply(namespace_key("analytics"), json.dumps(document).encode())
    changed = changed_namespace(directory.namespaces["analytics"], description="x")
    assert json.loads(changed.model_dump_json())["colour"] == "blue"


def test_a_key_may_arrive_before_its_namespace() -> None:
    directory = Directory(SEALER)
    api_key, record = issue()
    put(directory, record)
    assert directory.authenticate(api_key.text) is None
    put(directory, NAMESPACE)
    assert directory.authenticate(api_key.text) is not None


def test_a_replaced_key_record_leaves_nothing_of_the_former(directory: Directory) -> None:
    api_key, record = issue()
    put(directory, record, record.model_copy(update={"digest": "0" * 64, "revision": 2}))
    assert directory.authenticate(api_key.text) is None
    assert len(directory.keys()) == 1


def test_signing_keys_are_those_that_the_holders_derive(directory: Directory) -> None:
    api_key, record = issue()
    put(directory, record)
    assert hmac_key(directory, api_key.kid) == derive_signing_key(api_key.secret, api_key.kid)
    assert hmac_key(directory, HUB_KEY_ID) == SEALER.hub_signing_key
    assert directory.verification_key("unknown0") is None


def hmac_key(directory: Directory, kid: str) -> bytes:
    key = directory.verification_key(kid)
    assert isinstance(key, HmacKey)
    return key.key


def test_of_an_ed25519_key_the_hub_holds_the_public_half_only(directory: Directory) -> None:
    api_key, record = issue_key(NAMESPACE, Role.WRITER, "dev", SEALER, algorithm=SignatureAlgorithm.ED25519)
    put(directory, record)
    private_key = derive_ed25519_key(api_key.secret, api_key.kid)
    held = SEALER.open(record.signing_key, record.kid, record.algorithm)
    assert held == Ed25519PrivateKey.from_private_bytes(private_key).public_key().public_bytes_raw()
    assert held not in (private_key, derive_signing_key(api_key.secret, api_key.kid))
    assert isinstance(directory.verification_key(record.kid), Ed25519Key)
    assert directory.authenticate(api_key.text) is not None


def test_a_public_key_passed_off_as_an_hmac_key_verifies_nothing(directory: Directory) -> None:
    _, record = issue_key(NAMESPACE, Role.WRITER, "dev", SEALER, algorithm=SignatureAlgorithm.ED25519)
    put(directory, record.model_copy(update={"algorithm": SignatureAlgorithm.HMAC_SHA256}))
    assert directory.verification_key(record.kid) is None


def test_a_record_without_an_algorithm_is_of_hmac(directory: Directory) -> None:
    _, record = issue()
    directory.apply(api_key_key(record.kid), record.model_dump_json(exclude={"algorithm"}).encode())
    assert isinstance(directory.verification_key(record.kid), HmacKey)


def test_a_key_sealed_under_another_secret_still_opens_http_but_signs_nothing(directory: Directory) -> None:
    api_key, record = issue_key(NAMESPACE, Role.WRITER, "dev", Sealer("t" * 32))
    put(directory, record)
    assert directory.authenticate(api_key.text) is not None
    assert directory.verification_key(api_key.kid) is None


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (b"namespace:analytics", b""),
        (b"namespace:analytics", b"null"),
        (b"namespace:analytics", b"[]"),
        (b"namespace:analytics", b'{"name":"analytics"}'),
        (b"namespace:analytics", new_namespace("other-team").model_dump_json().encode()),
        (b"namespace:", b"{"),
        (b"limits:analytics", b"{}"),
        (b"nothing of ours", b"\xff"),
        (b"\xff\xfe:x", None),
        (b"", None),
    ],
)
def test_a_malformed_record_changes_nothing(directory: Directory, key: bytes, value: bytes | None) -> None:
    api_key, record = issue()
    put(directory, record)
    directory.apply(key, value)
    assert directory.namespaces == {"analytics": NAMESPACE}
    assert directory.authenticate(api_key.text) is not None


def test_a_malformed_key_record_leaves_the_former_one(directory: Directory) -> None:
    api_key, record = issue()
    put(directory, record)
    directory.apply(api_key_key(record.kid), b'{"kid":"x"}')
    assert directory.authenticate(api_key.text) is not None


def test_a_key_record_under_another_key_id_cannot_take_its_place(directory: Directory) -> None:
    api_key, record = issue()
    _, foreign = issue()
    put(directory, record)
    directory.apply(api_key_key(record.kid), foreign.model_dump_json().encode())
    directory.apply(api_key_key(HUB_KEY_ID), foreign.model_dump_json().encode())
    assert directory.authenticate(api_key.text) is not None
    assert hmac_key(directory, HUB_KEY_ID) == SEALER.hub_signing_key


def test_a_time_without_zone_is_malformed(directory: Directory) -> None:
    api_key, record = issue()
    assert record.expires_at is not None
    text = record.model_dump_json().replace(record.expires_at.isoformat().replace("+00:00", "Z"), "2030-01-01T00:00:00")
    assert "2030-01-01T00:00:00" in text
    directory.apply(api_key_key(record.kid), text.encode())
    assert directory.authenticate(api_key.text) is None


def test_identities_of_namespaces_are_never_reused() -> None:
    assert new_namespace("analytics").id != new_namespace("analytics").id

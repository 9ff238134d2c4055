"""What a namespace is charged, through the whole hub (bad input G05, G08): what was taken, once, and nothing else."""

from __future__ import annotations

import json

import pytest

from lineagehub.contract.headers import HEADER_EVENT_ID
from tests.support.attacks import event
from tests.support.charging import ChargedTenant, counts
from tests.support.hub import Hub


@pytest.fixture
def charged(hub: Hub) -> ChargedTenant:
    return ChargedTenant.on(hub)


@pytest.mark.slow
def test_what_is_refused_is_not_charged_a_dead_letter_is_once_and_a_duplicate_never(charged: ChargedTenant) -> None:
    good = [json.loads(event(f"good-{number}")) for number in range(4)]
    bad = {"eventType": "COMPLETE"}
    for document, status in ((b"{", 400), ({"events": []}, 422), ({"events": [bad, bad]}, 200)):
        answer = charged.post(document)
        assert answer.status == status, answer.body
    mixed = charged.post({"events": [*good, bad]}).json()
    assert (mixed["accepted"], mixed["rejected"]) == (4, 1)
    assert charged.post({"events": good}).json()["accepted"] == 4, "sent again, as by a client that heard no answer"
    dead = charged.signed(b'{"no": "event"}')
    charged.produce([dead, charged.signed(event("direct"))])
    assert charged.usage(10) == counts(stored=5, duplicate=4, dead_lettered=1)
    value, headers = dead
    forged = [(name, b"0" * 32 if name == HEADER_EVENT_ID else one) for name, one in headers]
    charged.produce([(value, forged), charged.signed(event("last"))])
    assert charged.usage(11) == counts(stored=6, duplicate=4, dead_lettered=1), "what nobody proved is nobody's"
    assert charged.shown() == 6


@pytest.mark.slow
def test_a_signed_record_that_is_replayed_is_a_duplicate_and_is_not_charged_again(charged: ChargedTenant) -> None:
    first, second = charged.signed(event("replayed")), charged.signed(event("once"))
    charged.produce([first])
    assert charged.usage(1) == counts(stored=1)
    charged.produce([first] * 3)
    charged.produce([first, second, first])
    assert charged.usage(7) == counts(stored=2, duplicate=5)
    assert charged.shown() == 2

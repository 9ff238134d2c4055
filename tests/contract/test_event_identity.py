"""The id of an event is that of its content: spelling makes no other event, a different value does."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineagehub.contract.lineage import content_id


def ids(*texts: str) -> set[str]:
    return {content_id(orjson.loads(text)) for text in texts}


@pytest.mark.parametrize(
    "spellings",
    [
        ('{"a":1,"b":[true,null]}', '{ "b" : [ true, null ],\n"a": 1 }'),
        ('{"a":1}', '{"a":1.0}', '{"a":1.00}', '{"a":1e0}', '{"a":10e-1}', '{"a":0.1E+1}'),
        ('{"a":0}', '{"a":-0}', '{"a":0.0}', '{"a":-0.0}', '{"a":0e9}'),
        ('{"a":[0.1]}', '{"a":[0.10]}', '{"a":[1e-1]}'),
        ('{"a":100000000000000000000}', '{"a":1e20}', '{"a":1.0E20}'),
        ('{"a":{"b":10000000000000000000}}', '{"a":{"b":1e19}}'),
        ('{"a":-9223372036854775808}', '{"a":-9223372036854775808.0}'),
        ('{"a":12000000000000000000000000}', '{"a":1.2e25}'),
        (r'{"a":"\u0041\/\u00e9"}', '{"a":"A/é"}'),
        (r'{"é":1,"z":2}', r'{"z":2,"\u00e9":1}'),
        ('{"sql":"f(1.0)","n":2.0}', '{"n":2,"sql":"f(1.0)"}'),
    ],
)
def test_a_spelling_makes_no_other_event(spellings: tuple[str, ...]) -> None:
    assert len(ids(*spellings)) == 1


@pytest.mark.parametrize(
    "documents",
    [
        ('{"a":1}', '{"a":"1"}', '{"a":true}', '{"a":[1]}', '{"b":1}', '{"a":1,"b":null}', '{"a":1.5}', '{"a":-1}'),
        ('{"a":9007199254740992}', '{"a":9007199254740993}'),
        ('{"a":[1,2]}', '{"a":[2,1]}'),
        ('{"a":"f(1.0)"}', '{"a":"f(1)"}', '{"a":"[1.0]"}', '{"a":"[1]"}'),
        ('{"a":"é"}', '{"a":"e\u0301"}'),
    ],
)
def test_another_value_is_another_event(documents: tuple[str, ...]) -> None:
    assert len(ids(*documents)) == len(documents)


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**63), 2**64 - 1))
def test_a_number_has_one_id_in_every_spelling(number: float) -> None:
    spellings = [f'{{"a":{number!r}}}']
    if isinstance(number, float):
        spellings.append(f'{{"a":{number:.17e}}}')
        if number.is_integer() and -(2**63) <= number < 2**64:
            spellings.append(f'{{"a":{int(number)}}}')
    assert len(ids(*spellings)) == 1

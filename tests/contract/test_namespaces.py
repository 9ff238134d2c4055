"""The grammar of hub namespaces, and that nothing which is not one can stand for one."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from lineagehub.contract.namespaces import OPERATOR_LANE, Namespace, is_namespace

model = TypeAdapter(Namespace)


@pytest.mark.parametrize("text", ["abc", "a1b", "team-a", "team.a_b-c", "0-0", "a" * 63, "a--b"])
def test_a_namespace_is_taken(text: str) -> None:
    assert is_namespace(text)
    assert model.validate_python(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "ab",
        "a" * 64,
        "-ab",
        "ab-",
        ".ab",
        "ab.",
        "_ab",
        "Team",
        "team a",
        "team/a",
        "team:a",
        "team|a",
        "team\n",
        "team\0a",
        "téam",
        "te\u0430m",
        "..",
        "../etc",
        "%2e%2e",
        OPERATOR_LANE,
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    assert not is_namespace(text)
    with pytest.raises(ValidationError):
        model.validate_python(text)

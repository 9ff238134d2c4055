"""Where a webhook may lead (bad input K01 and K04): by its URL alone, nothing inside, by whatever spelling."""

from __future__ import annotations

import pytest

from lineagehub.webhooks.destinations import DestinationRules, ForbiddenDestination, require_destination
from tests.support.attacks import FORBIDDEN_WEBHOOKS

PUBLIC = DestinationRules()


@pytest.mark.parametrize("url", FORBIDDEN_WEBHOOKS)
def test_nothing_but_https_on_443_of_a_public_host_is_a_destination(url: str) -> None:
    with pytest.raises(ForbiddenDestination):
        require_destination(url, PUBLIC)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "0x7f000001",
        "2130706433",
        "127.1",
        "0177.0.0.1",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "169.254.169.254",
        "0.0.0.0",
        "192.0.0.1",
        "192.0.0.9",
        "192.88.99.1",
        "168.63.129.16",
        "198.18.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "[::]",
        "[::1]",
        "[::ffff:169.254.169.254]",
        "[::ffff:8.8.8.8]",
        "[::127.0.0.1]",
        "[64:ff9b::a9fe:a9fe]",
        "[64:ff9b:1::a9fe:a9fe]",
        "[2002:a9fe:a9fe::1]",
        "[2001:0:a9fe:a9fe::1]",
        "[2001:db8::1]",
        "[fe80::1]",
        "[fe80::1%25eth0]",
        "[fc00::1]",
        "[fd00:ec2::254]",
        "[fec0::1]",
        "[ff02::1]",
    ],
)
def test_no_address_of_the_inside_is_a_destination_though_it_is_https_on_443(address: str) -> None:
    with pytest.raises(ForbiddenDestination):
        require_destination(f"https://{address}/hook", PUBLIC)


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.slack.com/services/T0/B0/x",
        "https://HOOKS.slack.com:443/services/T0/B0/x",
        "https://alerts.example.com/a?token=1%2F2",
        "https://xn--bcher-kva.example/",
        "https://8.8.8.8/hook",
        "https://[2606:4700::1111]/hook",
    ],
)
def test_a_public_host_is_a_destination(url: str) -> None:
    parsed = require_destination(url, PUBLIC)
    assert (parsed.scheme, parsed.port) == ("https", 443)


def test_what_is_asked_for_is_what_was_given() -> None:
    url = "https://alerts.example.com/a%2Fb?token=1%2F2"
    assert str(require_destination(url, PUBLIC)) == url


def test_a_trusted_origin_is_trusted_as_a_whole_and_nothing_beside_it() -> None:
    rules = DestinationRules(trusted=frozenset({"http://127.0.0.1:9000"}))
    assert require_destination("http://127.0.0.1:9000/any/path", rules).port == 9000
    for other in (
        "http://127.0.0.1:9001/",
        "https://127.0.0.1:9000/",
        "http://127.0.0.2:9000/",
        "http://localhost:9000/",
    ):
        with pytest.raises(ForbiddenDestination):
            require_destination(other, rules)
    with pytest.raises(ForbiddenDestination, match="no user and password"):
        require_destination("http://u:p@127.0.0.1:9000/", rules)


def test_where_hosts_are_listed_there_are_no_others() -> None:
    rules = DestinationRules(hosts=frozenset({"hooks.slack.com"}))
    assert require_destination("https://hooks.slack.com/services/x", rules)
    for other in ("https://hooks.slack.com.example.com/", "https://slack.com/", "https://8.8.8.8/"):
        with pytest.raises(ForbiddenDestination, match="LINEAGEHUB_ALERTS_WEBHOOK_HOSTS"):
            require_destination(other, rules)

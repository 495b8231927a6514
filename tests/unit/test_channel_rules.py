"""What a channel's name, addresses and webhook may be."""

import pytest

from common.domain import channels
from common.domain.channels import InvalidChannel, is_public, read_addresses, read_hosts, read_webhook, webhook_fault

HOSTS = ("hooks.slack.com", "hooks.slack-gov.com")
SECRET = "T0A/B0B/plantedsecret"


@pytest.mark.parametrize("name", ["finance", "a", "team-1_b", "0"])
def test_a_plain_name_is_accepted(name: str) -> None:
    assert channels.check_new_name(name) == name


@pytest.mark.parametrize(
    "name", ["", "Finance", "a b", "-a", "a/b", "x" * 64, "a:b", "é", "email", "slack", "outbox", "log"]
)
def test_a_name_that_a_key_or_the_deployment_uses_is_refused(name: str) -> None:
    with pytest.raises(InvalidChannel):
        channels.check_new_name(name)


def test_a_webhook_in_the_place_of_a_name_is_not_repeated() -> None:
    fault = channels.channel_name_fault(f"https://hooks.slack.com/services/{SECRET}")
    assert fault is not None and "a web address" in fault and "planted" not in fault


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("ada@example.com", "ada@example.com"),
        (" Ada.L+alerts@Example.COM ", "Ada.L+alerts@example.com"),
        ("süd@example.com", "süd@example.com"),
        ("ops@bücher.example", "ops@bücher.example"),
        ("a@mail.eu-west-1.example.co", "a@mail.eu-west-1.example.co"),
    ],
)
def test_an_address_is_read(text: str, address: str) -> None:
    assert read_addresses([text]) == (address,)


@pytest.mark.parametrize(
    "text",
    [
        "ada", "ada@", "@example.com", "ada@localhost", "ada@example..com", "ada@-example.com", "a@b@example.com",
        "ada@example.com,bob@example.com",
        "ada@example.com\r\nBcc: eve@example.com", "a da@example.com", "Ada <ada@example.com>", "ada@exa\x00mple.com",
        '"a"@example.com', "ada@[127.0.0.1]", "ada@127.0.0.1\u202e.com", "a:b@example.com", f"{'x' * 65}@example.com", f"a@{'x.' * 130}com",
        "ada\u202e@example.com", "ada@example.com>", "ada\\@example.com", "",
    ],
)  # fmt: skip
def test_what_is_not_one_address_is_refused(text: str) -> None:
    with pytest.raises(InvalidChannel, match="expected one such as"):
        read_addresses([text])


def test_an_address_counts_once_and_a_channel_has_some_but_not_too_many() -> None:
    assert read_addresses(["a@example.com", "b@example.com", "a@EXAMPLE.com"]) == ("a@example.com", "b@example.com")
    with pytest.raises(InvalidChannel, match="at least one"):
        read_addresses([])
    with pytest.raises(InvalidChannel, match="51 addresses, expected at most 50"):
        read_addresses(f"a{number}@example.com" for number in range(51))


def fault(text: str, hosts: tuple[str, ...] = HOSTS, private: bool = False) -> str | None:
    return webhook_fault(read_webhook(text), hosts, private)


@pytest.mark.parametrize(
    "text",
    [
        f"https://hooks.slack.com/services/{SECRET}",
        f" https://hooks.slack.com/services/{SECRET}\n",
        f"HTTPS://Hooks.Slack.com:443/services/{SECRET}",
        f"https://hooks.slack-gov.com/services/{SECRET}?x=1",
    ],
)
def test_slack_s_own_webhooks_are_allowed(text: str) -> None:
    assert fault(text) is None


@pytest.mark.parametrize(
    "text",
    [
        f"http://hooks.slack.com/services/{SECRET}",
        f"https://evil.example/services/{SECRET}",
        f"https://hooks.slack.com.evil.example/services/{SECRET}",
        f"https://xhooks.slack.com/services/{SECRET}",
        f"https://hooks.slack.com./services/{SECRET}",
        f"https://hooks.slack.com:8443/services/{SECRET}",
        f"https://127.0.0.1/services/{SECRET}",
        f"https://metadata.google.internal/{SECRET}",
    ],
)
def test_another_scheme_host_or_port_is_refused_without_the_secret(text: str) -> None:
    said = fault(text)
    assert said is not None and "planted" not in said and "T0A" not in said


@pytest.mark.parametrize(
    "text",
    [
        f"https://hooks.slack.com@evil.example/{SECRET}",
        f"https://user:pw@hooks.slack.com/{SECRET}",
        f"https://evil.example\\@hooks.slack.com/{SECRET}",
        f"https://hooks.slack.com\\@evil.example/{SECRET}",
        f"https://hooks.slack.com#@evil.example/{SECRET}",
        f"https://hooks.slack.com/services/{SECRET}\nX: y",
        f"https://hooks.slack.com/ser vices/{SECRET}",
        f"ftp://hooks.slack.com/{SECRET}",
        f"hooks.slack.com/{SECRET}",
        "https://hooks.slack.com",
        f"https://[::1]/{SECRET}",
        f"https://hooks.slack.com:0/{SECRET}",
        f"https://hooks.slack.com:70000/{SECRET}",
        f"https://höoks.slack.com/{SECRET}",
        f"https://hooks.slack.com/{'x' * 2000}",
        "",
    ],
)
def test_what_two_readers_could_read_differently_is_not_a_webhook(text: str) -> None:
    with pytest.raises(InvalidChannel) as caught:
        read_webhook(text)
    assert "planted" not in str(caught.value) and "pw" not in str(caught.value)


def test_operators_can_allow_a_host_a_port_and_their_own_network() -> None:
    hosts = read_hosts(" chat.example.com, chat.example.com:8443 ,127.0.0.1:8080,, Chat.Example.com")
    assert hosts == ("chat.example.com", "chat.example.com:8443", "127.0.0.1:8080")
    assert fault("https://chat.example.com:8443/hooks/x", hosts) is None
    assert fault("http://127.0.0.1:8080/hooks/x", hosts, private=True) is None
    assert "https" in str(fault("http://127.0.0.1:8080/hooks/x", hosts))
    assert fault("http://chat.example.com/hooks/x", hosts, private=True)  # port 80 was not allowed


def test_a_webhook_shows_its_host_and_no_more() -> None:
    webhook = read_webhook(f"https://hooks.slack.com/services/{SECRET}")
    assert "planted" not in repr(webhook) and webhook.place == "hooks.slack.com"


@pytest.mark.parametrize("address", ["3.68.170.153", "2600:1f18::1", "::ffff:3.68.170.153"])
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.0.0.8", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "::1", "::", "fe80::1%eth0",
     "fd00::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "224.0.0.1", "ff02::1", "255.255.255.255"],
)  # fmt: skip
def test_an_address_of_a_network_of_one_s_own_is_not(address: str) -> None:
    assert not is_public(address)

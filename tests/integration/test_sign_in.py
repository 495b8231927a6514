"""Sign-in at protocol level: who comes in, and every answer of an issuer or a browser that lets nobody in."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from flask.testing import FlaskClient

from common.domain.api_keys import Role
from common.domain.members import State
from common.tenancy.members import change_role, list_members, remove_member
from common.tenancy.organizations import add_organization
from common.tenancy.sessions import find_session
from tests import oidc_peer
from tests.integration.sign_in_world import BROWSER, ORIGIN, OWN, SESSION, Browser, browser, claims, member, settings_of
from tests.oidc_peer import CLIENT_ID, CLIENT_SECRET, Peer, encoded, public_pem, serving, signed
from tests.support import Laptop, laptop
from web.api.people import own_address

ANA, BOB = "ana@example.com", "bob@example.com"


@pytest.fixture(scope="module")
def issuer() -> Iterator[Peer]:
    with serving(time.time) as peer, pytest.MonkeyPatch.context() as patch:
        patch.setenv("COSTWIRE_OIDC_CLIENT_SECRET", CLIENT_SECRET)
        yield peer


@pytest.fixture
def rt(tmp_path: Path, issuer: Peer) -> Iterator[Laptop]:
    with opened(tmp_path, issuer) as made:
        yield made


@contextmanager
def opened(folder: Path, issuer: Peer) -> Iterator[Laptop]:
    with laptop(folder / "home", **settings_of(issuer)) as made:
        add_organization(made, "Acme", "acme_1x", "Starter")
        add_organization(made, "Other", "other_1x", "Starter")
        yield made


@pytest.fixture
def peer(issuer: Peer, rt: Laptop) -> Peer:
    return as_it_was(issuer, rt)


def as_it_was(issuer: Peer, rt: Laptop) -> Peer:
    """The provider without what the test before has changed."""
    issuer.now, issuer.sign, issuer.changes, issuer.metadata = lambda: rt.clock.moment.timestamp(), None, {}, {}
    issuer.claims, issuer.keys, issuer.status, issuer.asked = {}, ("first",), None, []
    return issuer


@pytest.fixture(scope="module")
def refusing(issuer: Peer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Laptop, Browser]]:
    """Somebody invited, for tests after which nothing has changed."""
    with opened(tmp_path_factory.mktemp("refusing"), issuer) as rt:
        as_it_was(issuer, rt)
        member(rt, "acme_1x", ANA, Role.OWNER)
        yield rt, browser(rt, issuer)


@pytest.fixture
def nobody(refusing: tuple[Laptop, Browser], issuer: Peer) -> tuple[Laptop, Browser]:
    as_it_was(issuer, refusing[0])
    return refusing


@pytest.fixture(scope="module")
def somebody(issuer: Peer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with opened(tmp_path_factory.mktemp("somebody"), issuer) as rt:
        as_it_was(issuer, rt)
        member(rt, "acme_1x", ANA, Role.OWNER)
        yield browser(rt, issuer)


@pytest.fixture
def signed_in(somebody: Browser, issuer: Peer, refusing: tuple[Laptop, Browser]) -> Browser:
    """For tests that sign in again and again and change nothing else."""
    as_it_was(issuer, refusing[0])
    return somebody


@pytest.fixture
def ana(rt: Laptop, peer: Peer) -> Browser:
    """Invited, and not signed in yet."""
    member(rt, "acme_1x", ANA, Role.OWNER)
    return browser(rt, peer)


def sessions(rt: Laptop) -> int:
    return len(rt.documents.list("sessions"))


def is_in(one: Browser, org: str = "acme_1x") -> bool:
    """Whether the browser sees the organization, on a page and by the API alike."""
    page = one.get(f"/{org}/alerts").status_code
    api = one.get(f"/api/v1/organizations/{org}/alerts").status_code
    assert (page == 200) == (api == 200), (page, api)
    return page == 200


def test_somebody_who_was_invited_signs_in_and_is_led_to_what_was_asked_for(rt: Laptop, ana: Browser) -> None:
    asked = ana.get("/acme_1x/budgets?page=2")
    assert asked.status_code == 303 and asked.headers["Location"] == "/sign-in?next=%2Facme_1x%2Fbudgets%3Fpage%3D2"
    page = ana.get(asked.headers["Location"])
    assert page.status_code == 200 and "/sign-in/start?next=" in page.get_data(as_text=True)
    done = ana.sign_in("?next=/acme_1x/budgets%3Fpage=2", **claims(ANA.upper()))
    assert done.status_code == 303 and done.headers["Location"] == "/acme_1x/budgets?page=2"
    cookie = next(one for one in done.headers.getlist("Set-Cookie") if one.startswith(SESSION))
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= set(cookie.split("; ")) and "Domain" not in cookie
    assert is_in(ana) and not is_in(ana, "other_1x") and len(ana.session) == 43 and not ana.browser
    (one,) = list_members(rt, "acme_1x")
    assert (one.state, one.name, one.joined_at is not None, one.last_sign_in_at is not None) == (
        State.ACTIVE,
        "Ana",
        True,
        True,
    )
    assert ana.session not in str(rt.documents.list("sessions")) and ana.get("/").headers["Location"] == "/acme_1x"


def test_an_invitation_joins_whoever_has_its_token_and_once(rt: Laptop, peer: Peer) -> None:
    token = member(rt, "acme_1x", ANA)
    one, other = browser(rt, peer), browser(rt, peer)
    assert token not in str(rt.documents.get(f"orgs/acme_1x/members/{list_members(rt, 'acme_1x')[0].member_id}"))
    assert one.sign_in(f"?invitation={token}", sub="unverified", email="x@example.com", name="X").status_code == 303
    assert is_in(one)
    assert other.sign_in(f"?invitation={token}", sub="another").status_code == 404 and not is_in(other)
    assert browser(rt, peer).sign_in(**claims(ANA)).status_code == 403  # the address is not the person


@pytest.mark.parametrize(
    "token", ["nonsense", "acme_1x_invitation_", "../x_invitation_" + "0" * 20 + "_" + "a" * 32, "\x00"]
)
def test_what_is_no_invitation_begins_nothing(rt: Laptop, peer: Peer, token: str) -> None:
    found = browser(rt, peer).get("/sign-in/start", query_string={"invitation": token})
    assert found.status_code == 404 and rt.processed.list("processed") == []


def test_an_invitation_ends_after_a_week(rt: Laptop, peer: Peer) -> None:
    token = member(rt, "acme_1x", ANA)
    rt.clock.moment += timedelta(days=7)
    assert browser(rt, peer).sign_in(f"?invitation={token}", **claims(ANA)).status_code == 404
    assert browser(rt, peer).sign_in(**claims(ANA)).status_code == 403


@pytest.mark.parametrize(
    "who",
    [
        {"sub": "x", "email": ANA},
        {"sub": "x", "email": ANA, "email_verified": False},
        {"sub": "x", "email": ANA, "email_verified": "true"},
        {"sub": "x", "email": ANA, "email_verified": 1},
        {"sub": "x", "email_verified": True},
        {"sub": "x", "email": [ANA], "email_verified": True},
        {"sub": "x", "email": "\u212ana@example.com".replace("\u212a", "\u00e0"), "email_verified": True},
        {"sub": "x", "email": f"{ANA}\n", "email_verified": False},
        {"sub": "x", "email": "eve@example.com", "email_verified": True},
    ],
)
def test_an_address_that_is_not_verified_joins_nothing(nobody: tuple[Laptop, Browser], who: dict[str, Any]) -> None:
    rt, ana = nobody
    assert ana.sign_in(**who).status_code == 403
    assert not ana.session and sessions(rt) == 0 and list_members(rt, "acme_1x")[0].state is State.INVITED


def test_the_address_of_a_member_is_not_the_member(rt: Laptop, peer: Peer, ana: Browser) -> None:
    """Another account at the issuer with the same address, as after the first was deleted there."""
    ana.sign_in(**claims(ANA))
    eve = browser(rt, peer)
    assert eve.sign_in(**claims(ANA, sub="another")).status_code == 403 and not is_in(eve) and is_in(ana)
    # the address at the issuer may change: the person stays
    again = browser(rt, peer)
    assert again.sign_in(**{**claims(ANA), "email": "ana.new@example.com"}).status_code == 303 and is_in(again)


def forged(kind: str) -> Any:
    def sign(peer: Peer, claims: dict[str, Any]) -> str:
        if kind == "none":
            return f"{encoded({'alg': 'none', 'kid': 'first'})}.{encoded(claims)}."
        if kind == "HS256 with the public key":
            head = f"{encoded({'alg': 'HS256', 'kid': 'first', 'typ': 'JWT'})}.{encoded(claims)}"
            mac = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256)
            return f"{head}.{encoded(mac.sign(head.encode(), public_pem()))}"
        if kind == "HS256 with the client's secret":
            return jwt.encode(claims, CLIENT_SECRET.ljust(32), algorithm="HS256", headers={"kid": "first"})
        if kind == "another key under the same id":
            return signed(claims, "second", kid="first")
        if kind == "an unknown key":
            return signed(claims, "second")
        if kind == "a key of its own header":
            own = oidc_peer._jwk("second")
            return jwt.encode(
                claims, oidc_peer.signing_key("second"), algorithm="RS256", headers={"jwk": own, "kid": "first"}
            )
        if kind == "changed after it was signed":
            head, _, signature = signed({**claims, "sub": "y"}).split(".")
            return f"{head}.{encoded(claims)}.{signature}"
        return {
            "empty": "",
            "two parts": "a.b",
            "not a token": "ü.ü.ü",
            "claims that are a list": f"{signed(claims)}x",
        }[kind]

    return sign


@pytest.mark.parametrize(
    "kind",
    [
        "none", "HS256 with the public key", "HS256 with the client's secret", "another key under the same id", "an unknown key",
        "a key of its own header", "changed after it was signed", "empty", "two parts", "not a token", "claims that are a list",
    ],
)  # fmt: skip
def test_a_token_that_the_issuer_has_not_signed_signs_nobody_in(nobody: tuple[Laptop, Browser], kind: str) -> None:
    nobody[1].peer.sign = forged(kind)
    refused(*nobody)


def refused(rt: Laptop, ana: Browser, status: int = 401) -> None:
    done = ana.sign_in(**claims(ANA))
    assert done.status_code == status, done.get_data(as_text=True)
    text = done.get_data(as_text=True)
    assert not ana.session and sessions(rt) == 0 and "sub of" not in text and CLIENT_SECRET not in text
    assert list_members(rt, "acme_1x")[0].state is State.INVITED


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://evil.example"}, {"iss": None}, {"aud": "another"}, {"aud": None}, {"aud": []}, {"aud": ["another", "third"]},
        {"aud": [CLIENT_ID, "another"]}, {"azp": "another"}, {"nonce": "another"}, {"nonce": None}, {"nonce": 7}, {"exp": None},
        {"exp": 1}, {"exp": "never"}, {"exp": True}, {"exp": float("nan")}, {"iat": None}, {"iat": 4e9}, {"nbf": 4e9}, {"nbf": "x"},
        {"sub": None}, {"sub": ""}, {"sub": 7}, {"sub": "x" * 256},
    ],
)  # fmt: skip
def test_a_token_for_something_else_signs_nobody_in(nobody: tuple[Laptop, Browser], changes: dict[str, Any]) -> None:
    nobody[1].peer.changes = changes
    refused(*nobody)


def test_a_token_that_has_just_expired_is_within_the_leeway_and_later_is_not(
    rt: Laptop, ana: Browser, peer: Peer
) -> None:
    peer.now = lambda: rt.clock.moment.timestamp() - 355
    assert ana.sign_in(**claims(ANA)).status_code == 303
    peer.now = lambda: rt.clock.moment.timestamp() - 365
    assert ana.sign_in(**claims(ANA)).status_code == 401


def test_a_callback_is_good_once_and_for_the_browser_that_began(rt: Laptop, peer: Peer, ana: Browser) -> None:
    peer.claims = claims(ANA)
    returned, eve = ana.begin(), browser(rt, peer)
    assert eve.back(returned).status_code == 401  # no cookie: somebody else's answer
    eve.begin()
    assert eve.back(returned).status_code == 401  # the cookie of another sign-in
    assert ana.back({**returned, "state": "x" * 43}).status_code == 401
    assert ana.back({"code": returned["code"]}).status_code == 401
    assert sessions(rt) == 0
    assert ana.back(returned).status_code == 303 and sessions(rt) == 1
    assert ana.back(returned).status_code == 401 and sessions(rt) == 1 and is_in(ana)


def test_a_state_is_used_up_even_for_its_browser_and_an_issuer_that_takes_a_code_twice(
    rt: Laptop, peer: Peer, ana: Browser
) -> None:
    peer.claims = claims(ANA)
    returned, cookie = ana.begin(), ana.browser
    asked = peer.codes[returned["code"]]
    assert ana.back(returned).status_code == 303
    peer.codes[returned["code"]] = asked
    ana.ask.set_cookie(BROWSER, cookie, domain="costs.example.com")
    assert ana.back(returned).status_code == 401 and sessions(rt) == 1 and returned["code"] in peer.codes


def test_two_windows_of_a_browser_can_both_be_signing_in(rt: Laptop, peer: Peer, ana: Browser) -> None:
    peer.claims = claims(ANA)
    first, second = ana.begin(), ana.begin()
    assert first["state"] != second["state"] and ana.back(first).status_code == 303 and is_in(ana)


def test_a_page_of_another_user_of_the_browser_is_not_taken_for_unchanged(rt: Laptop, peer: Peer, ana: Browser) -> None:
    member(rt, "acme_1x", BOB)
    address = "/api/v1/organizations/acme_1x/costs/summary"
    tags = []
    for who in (ANA, BOB):
        ana.sign_in(**claims(who))
        tags.append(ana.get(address).headers["ETag"])
        assert ana.get(address, headers={"If-None-Match": tags[-1]}).status_code == 304
    assert tags[0] != tags[1] and ana.get(address, headers={"If-None-Match": tags[0]}).status_code == 200


def test_a_sign_in_that_took_too_long_is_over(rt: Laptop, peer: Peer, ana: Browser) -> None:
    peer.claims = claims(ANA)
    returned = ana.begin()
    rt.clock.moment += timedelta(minutes=10)
    assert ana.back(returned).status_code == 401 and sessions(rt) == 0


def test_a_code_needs_the_verifier_of_its_own_sign_in(rt: Laptop, peer: Peer, ana: Browser) -> None:
    """A code that was stolen from one sign-in and put into another: PKCE at the issuer, and the nonce here."""
    peer.claims = claims(ANA)
    stolen, own = ana.begin(), ana.begin()
    assert ana.back({**own, "code": stolen["code"]}).status_code == 401 and sessions(rt) == 0
    one, two = ana.begin(), ana.begin()
    peer.codes[two["code"]]["nonce"] = peer.codes[one["code"]]["nonce"]
    assert ana.back(two).status_code == 401 and sessions(rt) == 0


@pytest.mark.parametrize(
    ("given", "names_itself", "status"),
    [("evil", False, 401), (None, True, 401), (None, False, 303), ("own", True, 303)],
)
def test_an_answer_of_another_issuer_is_refused(
    rt: Laptop, peer: Peer, ana: Browser, given: str | None, names_itself: bool, status: int
) -> None:
    peer.metadata, peer.claims = {"authorization_response_iss_parameter_supported": names_itself}, claims(ANA)
    returned = ana.begin()
    iss = {None: {}, "own": {"iss": peer.issuer}, "evil": {"iss": "https://evil.example"}}[given]
    assert ana.back({**returned, **iss}).status_code == status


def test_an_error_of_the_issuer_is_told_without_its_words(rt: Laptop, ana: Browser) -> None:
    returned = ana.begin()
    found = ana.back({"state": returned["state"], "error": "access_denied", "error_description": "<b>planted</b>"})
    assert found.status_code == 401 and "planted" not in found.get_data(as_text=True)


@pytest.mark.parametrize("status", [500, 429, 403])
def test_an_issuer_that_is_away_or_refuses_the_client_is_unavailable(
    nobody: tuple[Laptop, Browser], status: int
) -> None:
    nobody[1].peer.status = status
    refused(*nobody, status=503)


def test_a_secret_that_is_wrong_is_in_no_answer(rt: Laptop, ana: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COSTWIRE_OIDC_CLIENT_SECRET", "wrong-planted")
    found = ana.sign_in(**claims(ANA))
    assert found.status_code == 503 and "planted" not in found.get_data(as_text=True)


def test_metadata_of_another_issuer_or_without_tls_is_refused(rt: Laptop, peer: Peer) -> None:
    for metadata in (
        {"issuer": "https://evil.example"},
        {"token_endpoint": "http://costs.example.com/token"},
        {"jwks_uri": "file:///etc/passwd"},
        {"authorization_endpoint": None},
    ):
        peer.metadata = metadata
        assert browser(rt, peer).get("/sign-in/start").status_code == 503, metadata
        del rt.__dict__["issuer"]


def test_a_secret_may_be_sent_in_the_form(rt: Laptop, peer: Peer, ana: Browser) -> None:
    peer.metadata = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
    assert ana.sign_in(**claims(ANA)).status_code == 303


def test_a_new_key_of_the_issuer_is_found_and_unknown_ones_are_not_asked_for_often(
    rt: Laptop, peer: Peer, ana: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ana.sign_in(**claims(ANA)).status_code == 303
    peer.keys, peer.sign = ("second",), lambda _, claims: signed(claims, "second")
    for _ in range(5):
        assert ana.sign_in(**claims(ANA)).status_code == 401
    assert peer.asked.count("/keys") == 1
    monkeypatch.setattr("common.adapters.oidc.issuer._LEAST_SECONDS_BETWEEN", 0.0)
    assert ana.sign_in(**claims(ANA)).status_code == 303 and peer.asked.count("/keys") == 2


# sessions


def test_a_session_that_the_browser_brought_is_not_the_one_that_it_gets(rt: Laptop, peer: Peer, ana: Browser) -> None:
    ana.ask.set_cookie(SESSION, "chosen-by-an-attacker", domain="costs.example.com")
    ana.sign_in(**claims(ANA))
    first = ana.session
    assert first != "chosen-by-an-attacker" and find_session(rt, "chosen-by-an-attacker") is None
    ana.sign_in(**claims(ANA))
    assert ana.session != first and find_session(rt, first) is None and sessions(rt) == 1


def test_sign_out_ends_the_session_everywhere_and_only_by_its_own_form(rt: Laptop, peer: Peer, ana: Browser) -> None:
    ana.sign_in(**claims(ANA))
    secret, opened = ana.session, find_session(rt, ana.session)
    assert opened is not None
    assert ana.post("/sign-out").status_code == 403
    assert ana.post("/sign-out", token="0" * 64).status_code == 403
    assert ana.post("/sign-out", token=opened.form_token, headers={"Origin": "https://evil.example"}).status_code == 403
    assert is_in(ana)
    done = ana.post("/sign-out", token=opened.form_token)
    assert done.status_code == 303 and not ana.session and find_session(rt, secret) is None
    ana.ask.set_cookie(SESSION, secret, domain="costs.example.com")
    assert not is_in(ana) and ana.get("/").headers["Location"] == "/sign-in"


def test_a_session_ends_when_it_is_idle_and_after_a_week_in_any_case(rt: Laptop, ana: Browser) -> None:
    ana.sign_in(**claims(ANA))
    began = rt.clock.moment
    rt.clock.moment += timedelta(hours=11)
    assert is_in(ana)
    rt.clock.moment += timedelta(hours=11)
    assert is_in(ana)
    rt.clock.moment += timedelta(hours=13)
    assert not is_in(ana)
    ana.sign_in(**claims(ANA))
    began = rt.clock.moment
    while rt.clock.moment - began < timedelta(days=6, hours=20):
        rt.clock.moment += timedelta(hours=11)
        assert is_in(ana)
    rt.clock.moment = began + timedelta(days=7, seconds=1)
    assert not is_in(ana)


def test_a_member_that_is_removed_is_out_at_once_and_a_change_of_role_asks_to_sign_in_again(
    rt: Laptop, peer: Peer, ana: Browser
) -> None:
    bob = browser(rt, peer)
    member(rt, "acme_1x", BOB, Role.OWNER)
    member(rt, "other_1x", BOB)
    ana.sign_in(**claims(ANA)), bob.sign_in(**claims(BOB))
    assert is_in(bob) and is_in(bob, "other_1x")
    change_role(rt, "acme_1x", BOB, Role.OWNER)
    assert is_in(bob)  # nothing has changed
    change_role(rt, "acme_1x", BOB, Role.VIEWER)
    assert not is_in(bob) and is_in(bob, "other_1x")
    bob.sign_in(**claims(BOB))
    assert is_in(bob) and bob.get("/acme_1x/settings/keys").status_code == 403
    remove_member(rt, "acme_1x", BOB)
    assert not is_in(bob) and is_in(bob, "other_1x") and is_in(ana)
    bob.sign_in(**claims(BOB))
    assert not is_in(bob) and is_in(bob, "other_1x")
    assert bob.get("/acme_1x/alerts").status_code == 404  # as of one that does not exist
    # invited again, it is a new membership
    member(rt, "acme_1x", BOB)
    bob.sign_in(**claims(BOB))
    assert is_in(bob)


def test_of_several_organizations_one_is_chosen_and_the_address_says_which(
    rt: Laptop, peer: Peer, ana: Browser
) -> None:
    member(rt, "other_1x", ANA)
    ana.sign_in(**claims(ANA))
    assert ana.get("/").headers["Location"] == "/-/organizations"
    page = ana.get("/-/organizations").get_data(as_text=True)
    assert 'href="/acme_1x"' in page and 'href="/other_1x"' in page and "Acme" in page
    assert is_in(ana) and is_in(ana, "other_1x")
    assert ana.get("/api/costs/summary").status_code == 400
    assert (
        ana.get("/acme_1x/settings/keys").status_code == 200 and ana.get("/other_1x/settings/keys").status_code == 403
    )


def test_a_form_needs_the_token_of_its_own_session(rt: Laptop, peer: Peer, ana: Browser) -> None:
    bob = browser(rt, peer)
    member(rt, "acme_1x", BOB, Role.OWNER)
    ana.sign_in(**claims(ANA)), bob.sign_in(**claims(BOB))
    page = ana.get("/acme_1x/settings/keys").get_data(as_text=True)
    own, foreign = find_session(rt, ana.session), find_session(rt, bob.session)
    assert own is not None and foreign is not None and page.count(own.form_token) == page.count('method="post"') > 1
    assert ana.session not in page
    new = {"name": "CI", "role": "viewer", "lives": "1d"}
    address = "/acme_1x/settings/keys"
    assert ana.post(address, new).status_code == 403
    assert ana.post(address, new, token=foreign.form_token).status_code == 403
    for headers in (
        {}, {"Origin": "null"}, {"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"},
        {"Origin": ORIGIN, "Sec-Fetch-Site": "cross-site"}, {"Origin": "http://costs.example.com"},
    ):  # fmt: skip
        assert ana.post(address, new, token=own.form_token, headers=headers).status_code == 403, headers
    assert rt.documents.list("orgs/acme_1x/api_keys") == []
    assert ana.post(address, new, token=own.form_token).status_code == 200
    ((_, key),) = rt.documents.list("orgs/acme_1x/api_keys")
    assert key["created_by"] == ANA
    api = "/api/v1/organizations/acme_1x/keys"
    assert ana.ask.post(api, base_url=ORIGIN, json={"name": "x"}, headers=OWN).status_code == 403
    with_token = {**OWN, "X-CSRF-Token": own.form_token}
    assert ana.ask.post(api, base_url=ORIGIN, json={"name": "x"}, headers=with_token).status_code == 201


def test_a_page_offers_what_the_role_allows_and_its_forms_bring_the_token(rt: Laptop, peer: Peer, ana: Browser) -> None:
    bob = browser(rt, peer)
    member(rt, "acme_1x", BOB, Role.VIEWER)
    ana.sign_in(**claims(ANA)), bob.sign_in(**claims(BOB))
    owners, viewers = (one.get("/acme_1x/settings/integrations").get_data(as_text=True) for one in (ana, bob))
    assert "/acme_1x/settings/members" in owners and "/acme_1x/settings/members" not in viewers
    assert 'action="/acme_1x/settings/schedule"' in owners and "/acme_1x/settings/schedule" not in viewers
    assert 'action="/sign-out"' in viewers and "/acme_1x/settings/rates" in viewers
    opened = find_session(rt, ana.session)
    assert opened is not None
    form = ana.get("/acme_1x/budgets/new").get_data(as_text=True)
    button = f'formmethod="post" name="csrf_token" value="{opened.form_token}"'
    assert button in form and form.count(opened.form_token) == 2  # of the button, and of sign-out
    fields = {"name": "Cloud", "amount": "5", "currency": "USD"}
    made = ana.post("/acme_1x/budgets/new", fields, token=opened.form_token)
    assert made.status_code == 303 and len(rt.documents.list("orgs/acme_1x/budgets")) == 1, made.get_data(as_text=True)


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example", "//evil.example", "/\\evil.example", "\\\\evil.example", "/\t/evil.example", "javascript:alert(1)",
        " //evil.example", "/\r\nSet-Cookie: x=1", "evil.example", "", "/sign-in/start", "/sign-out", "/" + "a" * 3000, "/é",
        "///e.example",
    ],
)  # fmt: skip
def test_no_address_leads_to_another_site(signed_in: Browser, target: str) -> None:
    assert own_address(target) == "/"
    ana = signed_in
    ana.peer.claims = claims(ANA)
    begun = ana.get("/sign-in/start", query_string={"next": target})
    done = ana.back(ana.peer.sign_in(begun.headers["Location"]))
    assert done.status_code == 303 and done.headers["Location"] == "/"
    page = ana.get("/sign-in", query_string={"next": target}).get_data(as_text=True)
    assert "evil" not in page


def test_tries_of_one_address_are_counted(rt: Laptop, peer: Peer) -> None:
    one = browser(rt, peer, tries=3)
    assert [one.get("/sign-in/start").status_code for _ in range(5)] == [303, 303, 303, 429, 429]
    assert one.get("/sign-in/callback").status_code == 429 and one.get("/sign-in").status_code == 200
    rt.clock.moment += timedelta(minutes=1)
    assert one.get("/sign-in/start").status_code == 303


@pytest.mark.parametrize("odd", ["\xff\xfe", "\xde=\xad; x", "%ff%00", '"', "=;=;" * 500, "a" * 8000])
def test_odd_bytes_in_cookies_and_addresses_are_nobody(signed_in: Browser, odd: str) -> None:
    ask = without_cookies(signed_in)
    headers = {"Cookie": f"x={odd}; {SESSION}={odd}; {BROWSER}={odd}"}
    for path in (
        "/",
        "/sign-in",
        "/-/organizations",
        "/acme_1x/alerts",
        "/sign-in/callback?state=%ff&code=%00&iss=%ed%a0%80",
        "/sign-in?next=%ff",
    ):
        assert ask.get(path, base_url=ORIGIN, headers=headers).status_code in (200, 303, 401), path
    assert ask.get("/api/quota", base_url=ORIGIN, headers=headers).status_code == 401
    assert (
        ask.post("/sign-out", base_url=ORIGIN, headers={**headers, **OWN}, data={"csrf_token": odd}).status_code == 303
    )


def without_cookies(one: Browser) -> FlaskClient:
    """The browser's site, for one that writes its cookies itself."""
    return one.ask.application.test_client(use_cookies=False)


def test_nobody_learns_what_an_organization_has_without_being_in_it(
    rt: Laptop, peer: Peer, ana: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("web.site.has_fault", lambda *_: True)
    monkeypatch.setattr("web.site.list_alerts", lambda *_: [1])
    ana.sign_in(**claims(ANA))
    stranger = browser(rt, peer)
    for one in (stranger, ana):
        for path in ("/other_1x", "/other_1x/alerts/nothing", "/other_1x/nowhere", "/nobody_1x/alerts"):
            text = one.get(path).get_data(as_text=True)
            assert 'class="count"' not in text and 'class="dot"' not in text
    own = ana.get("/acme_1x/settings/rates").get_data(as_text=True)
    assert 'class="count"' in own and 'class="dot"' in own
    assert ana.get("/other_1x/alerts").get_data(as_text=True).replace("other_1x", "X").count("X") == ana.get(
        "/nobody_1x/alerts"
    ).get_data(as_text=True).replace("nobody_1x", "X").count("X")
    assert ana.get("/-/operator/tenants").status_code == 401


def test_the_cookie_of_the_browser_is_as_strict_as_the_session(ana: Browser) -> None:
    begun = ana.get("/sign-in/start")
    (cookie,) = begun.headers.getlist("Set-Cookie")
    assert cookie.startswith(f"{BROWSER}=") and {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= set(
        cookie.split("; ")
    )
    assert begun.headers["Cache-Control"] == "no-store"

"""Members: seats and owners are exact whoever asks at once, and nothing of one organization reaches another."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from typer.testing import CliRunner

from common.domain.api_keys import Role
from common.domain.members import InvalidMember, State, read_email
from common.errors import AlreadyExists, NotFound, Permanent, QuotaExceeded
from common.ports import Identity
from common.records.members import forget_past
from common.retention.cleaning import clean_up, look
from common.tenancy.api_keys import KeyRequest, create_key
from common.tenancy.data import remove
from common.tenancy.members import (
    Invitation,
    change_role,
    invite,
    list_members,
    read_token,
    remove_member,
    seats_of,
)
from common.tenancy.organizations import add_organization
from common.tenancy.sign_in import NoMembership, sign_in_as
from costwire import cli
from tests.integration.api_world import checked, client
from tests.support import Laptop, laptop
from web.api.access import KeyDoor
from web.api.app import Service

ORG, MEMBERS = "acme_1x", "/api/v1/organizations/acme_1x/members"


@pytest.fixture
def rt(tmp_path: Path) -> Iterator[Laptop]:
    with laptop(tmp_path / "home", plans=True, public_url="https://costs.example.com") as made:
        add_organization(made, "Acme", ORG, "Starter")  # 2 seats
        add_organization(made, "Other", "other_1x", "Professional")
        yield made


@pytest.fixture
def ask(rt: Laptop) -> FlaskClient:
    return client(rt, Service(KeyDoor(rt, None)))


def join(rt: Laptop, name: str, role: Role = Role.VIEWER, org: str = ORG) -> str:
    """Invite somebody who signs in at once; returns the address."""
    email = f"{name}@example.com"
    token = invite(rt, org, Invitation(email, role), "a test").token
    sign_in_as(rt, who(name), read_token(token))
    return email


def who(name: str, email: str | None = None) -> Identity:
    return Identity("https://issuer.example", name, email, email is not None, name)


def owner(rt: Laptop) -> dict[str, str]:
    return {"X-API-Key": create_key(rt, ORG, KeyRequest("a test", Role.OWNER), "a test").secret}


def outcomes(work: object, arguments: list[object]) -> list[str]:
    """What became of each, all at once: `done` or the name of the error."""

    def one(argument: object) -> str:
        try:
            work(argument)  # type: ignore[operator]
        except Permanent as error:
            return type(error).__name__
        return "done"

    with ThreadPoolExecutor(8) as pool:
        return sorted(pool.map(one, arguments))


def test_the_last_seat_goes_to_one_of_many_who_are_invited_at_once(rt: Laptop) -> None:
    join(rt, "ana", Role.OWNER)
    found = outcomes(lambda n: invite(rt, ORG, Invitation(f"m{n}@example.com"), "x"), list(range(8)))
    assert found == ["QuotaExceeded"] * 7 + ["done"]
    assert (seats_of(rt, ORG).used, len(list_members(rt, ORG))) == (2, 2)


def test_one_invitation_is_taken_by_one_of_many_at_once(rt: Laptop) -> None:
    token = read_token(invite(rt, ORG, Invitation("bob@example.com"), "x").token)
    found = outcomes(lambda n: sign_in_as(rt, who(f"p{n}"), token), list(range(8)))
    assert found == ["NotFound"] * 7 + ["done"]
    assert len(rt.documents.list("sessions")) == 1 and seats_of(rt, ORG).used == 1


def test_two_owners_who_remove_each_other_at_once_leave_one(rt: Laptop) -> None:
    both = [join(rt, "ana", Role.OWNER), join(rt, "bob", Role.OWNER)]
    assert outcomes(lambda one: remove_member(rt, ORG, str(one)), list(both)) == ["Permanent", "done"]
    assert [one.role for one in list_members(rt, ORG)] == [Role.OWNER]


def test_the_last_owner_stays_whatever_is_invited(rt: Laptop) -> None:
    ana = join(rt, "ana", Role.OWNER)
    invite(rt, ORG, Invitation("bob@example.com", Role.OWNER), "x")  # has not joined
    for work in (lambda: remove_member(rt, ORG, ana), lambda: change_role(rt, ORG, ana, Role.VIEWER)):
        with pytest.raises(Permanent, match="last owner"):
            work()
    change_role(rt, ORG, ana, Role.OWNER)
    sign_in_as(rt, who("bob", "bob@example.com"))
    assert change_role(rt, ORG, ana, Role.VIEWER).role is Role.VIEWER
    with pytest.raises(Permanent, match="last owner"):
        remove_member(rt, ORG, "bob@example.com")


def test_seats_are_free_again_when_an_invitation_ends_or_a_member_goes(rt: Laptop) -> None:
    ana, bob = join(rt, "ana", Role.OWNER), join(rt, "bob")
    with pytest.raises(QuotaExceeded, match="Seat limit reached: 2 of 2 seats on plan Starter"):
        invite(rt, ORG, Invitation("eve@example.com"), "x")
    remove_member(rt, ORG, bob)
    remove_member(rt, ORG, bob)
    invite(rt, ORG, Invitation("eve@example.com"), "x")
    again = invite(rt, ORG, Invitation("eve@example.com", Role.EDITOR), "x")  # renewed: no second seat
    assert seats_of(rt, ORG).used == 2 and again.member.role is Role.EDITOR
    rt.clock.moment += timedelta(days=7)
    assert seats_of(rt, ORG).used == 1
    invite(rt, ORG, Invitation("dan@example.com"), "x")
    with pytest.raises(NotFound):
        sign_in_as(rt, who("eve"), read_token(again.token))
    with pytest.raises(NoMembership):
        sign_in_as(rt, who("eve", "eve@example.com"))
    with pytest.raises(AlreadyExists, match="is a member already"):
        invite(rt, ORG, Invitation(ana), "x")


def test_a_renewed_invitation_ends_the_earlier_link(rt: Laptop) -> None:
    first, second = (invite(rt, ORG, Invitation("bob@example.com"), "x").token for _ in range(2))
    with pytest.raises(NotFound):
        sign_in_as(rt, who("eve"), read_token(first))
    sign_in_as(rt, who("bob"), read_token(second))
    assert list_members(rt, ORG)[0].state is State.ACTIVE


def test_a_token_opens_its_own_organization_only(rt: Laptop) -> None:
    token = invite(rt, ORG, Invitation("bob@example.com"), "x").token
    invite(rt, "other_1x", Invitation("bob@example.com"), "x")
    with pytest.raises(NotFound):
        sign_in_as(rt, who("eve"), read_token(token.replace("acme_1x", "other_1x")))
    opened = sign_in_as(rt, who("bob"), read_token(token))
    assert set(opened.session.organizations) == {ORG}
    with pytest.raises(NotFound):
        remove_member(rt, "nobody_1x", "bob@example.com")


@pytest.mark.parametrize(
    "text",
    ["", "ana", "ana@", "@example.com", "a b@example.com", "ana@example", "ana@example.com\r\nBcc: x@y.zz", "a" * 65 + "@example.com",
     "ana@example.com\x00", "<ana@example.com>", "ana@exa\u202emple.com"],
)  # fmt: skip
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(InvalidMember):
        read_email(text)


def test_addresses_are_compared_without_the_case_of_ascii_letters_only() -> None:
    assert read_email(" Ana@Example.COM ") == "ana@example.com"
    assert read_email("\u212aim@example.com") != read_email("kim@example.com")  # the sign of kelvin


def test_what_is_past_goes_and_an_invitation_that_was_renewed_meanwhile_stays(rt: Laptop) -> None:
    ana, bob = join(rt, "ana", Role.OWNER), join(rt, "bob")
    remove_member(rt, ORG, bob)
    invite(rt, ORG, Invitation("eve@example.com"), "x")
    assert len(rt.documents.list("sessions")) == 2 and len(rt.documents.list("identities")) == 3
    rt.clock.moment += timedelta(days=60)
    clean_up(rt, ORG)
    assert rt.documents.list("sessions") == [] and len(list_members(rt, ORG, removed=True)) == 3
    rt.clock.moment += timedelta(days=60)
    assert [one.kind for one in look(rt, ORG).going] == ["members", "members"]
    eve = next(one for one in list_members(rt, ORG) if one.email.startswith("eve"))
    invite(rt, ORG, Invitation("eve@example.com"), "x")
    forget_past(rt.documents, ORG, eve.member_id, rt.clock.now() - timedelta(days=90))
    clean_up(rt, ORG)
    assert [one.email for one in list_members(rt, ORG, removed=True)] == [ana, "eve@example.com"]
    assert sign_in_as(rt, who("eve", "eve@example.com")).session.organizations.keys() == {ORG}


def test_a_tenant_that_is_removed_takes_its_members_and_their_sessions_along(rt: Laptop) -> None:
    join(rt, "ana", Role.OWNER), join(rt, "bob", org="other_1x"), join(rt, "ana", org="other_1x")
    invite(rt, ORG, Invitation("eve@example.com"), "x")
    remove(rt, ORG)
    left = str(
        [rt.documents.list(name) for name in ("sessions", "identities", f"orgs/{ORG}/members", f"orgs/{ORG}/usage")]
    )
    assert ORG not in left and len(rt.documents.list("sessions")) == 1
    assert sign_in_as(rt, who("ana")).session.organizations.keys() == {"other_1x"}
    with pytest.raises(NoMembership):
        sign_in_as(rt, who("eve", "eve@example.com"))


def test_the_api_invites_changes_and_removes(rt: Laptop, ask: FlaskClient) -> None:
    headers = owner(rt)
    join(rt, "ana", Role.OWNER)
    made = checked(ask.post(MEMBERS, json={"email": "Bob@example.com", "role": "editor"}, headers=headers), 201)
    assert made["link"] == f"https://costs.example.com/sign-in?invitation={made['token']}"
    assert made["member"]["state"] == "invited" and made["member"]["invited_by"].startswith("a test (key ")
    listed = ask.get(MEMBERS, headers=headers)
    assert checked(listed)["seats"] == {"used": 2, "limit": 2} and made["token"] not in listed.get_data(as_text=True)
    full = checked(ask.post(MEMBERS, json={"email": "eve@example.com"}, headers=headers), 429)
    assert (full["code"], full["limit"], full["used"]) == ("quota_exceeded", 2, 2)
    one = f"{MEMBERS}/{made['member']['member_id']}"
    assert checked(ask.patch(one, json={"role": "viewer"}, headers=headers))["role"] == "viewer"
    assert checked(ask.delete(one, headers=headers))["state"] == "removed"
    assert checked(ask.delete(one, headers=headers))["state"] == "removed"
    ana = next(one["member_id"] for one in checked(ask.get(MEMBERS, headers=headers))["members"])
    assert checked(ask.delete(f"{MEMBERS}/{ana}", headers=headers), 409)["code"] == "conflict"
    assert checked(ask.post(MEMBERS, json={"email": "nobody"}, headers=headers), 400)["code"] == "invalid_request"
    assert (
        checked(ask.post(MEMBERS, json={"email": "ana@example.com"}, headers=headers), 409)["code"] == "already_exists"
    )


def test_the_commands_do_the_same(rt: Laptop) -> None:
    def run(*words: str, status: int = 0) -> str:
        done = CliRunner().invoke(cli.app, ["members", *words, "--org", ORG])
        assert done.exit_code == status, done.output
        return done.output

    assert "No members" in run("list")
    made = json.loads(run("invite", "ana@example.com", "--role", "owner", "--json"))
    sign_in_as(rt, who("ana"), read_token(made["token"]))
    assert "sign-in?invitation=" in run("invite", "bob@example.com")
    listed = run("list")
    assert "ana@example.com" in listed and "seats: 2 of 2" in listed and made["token"] not in listed
    assert "is editor now" in run("role", "bob@example.com", "editor")
    assert "removed" in run("remove", "bob@example.com")
    run("remove", "ana@example.com", status=1)
    run("role", "ana@example.com", "root", status=2)
    run("invite", "nonsense", status=2)

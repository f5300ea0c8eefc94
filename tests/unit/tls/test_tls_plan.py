"""The commands that change certificates: new before old, each one for itself. Claims of a domain by several."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from grille.router.cli import _unechoed, with_payload
from grille.router.tls import plan
from grille.router.tls.claims import settle, valid
from grille.router.tls.held import Held, Line, parse_lines, parse_names, parse_open
from grille.router.tls.material import Material
from grille.router.tls.plan import Wanted

NOW = 1000.0


def some(ident: str, *domains: str, created: float = 1.0, until: float = 2000.0, ca: str = "") -> Material:
    return Material(
        f"routing/certificates/{ident}", ident, created, domains, (), f"pem {ident}", f"sha {ident}", 0.0, until, ca
    )


def wanted(material: Material) -> Wanted:
    ca_file = f"/c/{material.ident}.ca" if material.ca else ""
    return Wanted(material, f"/c/{material.ident}.pem", ca_file, material.domains)


def test_lines_of_haproxy() -> None:
    shown = "# /c/list.txt\n/c/a.pem:1 a.test x.test\n/c/b.pem:7 [verify optional ca-file /c/b.ca] z.test\n/c/n.pem:8\n"
    assert parse_lines(shown) == [
        Line("/c/a.pem", 1, "", frozenset({"a.test", "x.test"})),
        Line("/c/b.pem", 7, "/c/b.ca", frozenset({"z.test"})),
        Line("/c/n.pem", 8, "", frozenset()),
    ]
    assert str(parse_lines(shown)[1]) == "/c/b.pem [ca-file /c/b.ca verify optional] z.test"
    assert plan.files_in(str(parse_lines(shown)[1])) == ["/c/b.pem", "/c/b.ca"]
    listed = "# transaction\n*/c/a.pem\n# filename\n/c/a.pem\n/c/b.ca - 1 certificate(s)\n"
    assert parse_names(listed) == ["/c/a.pem", "/c/b.ca"]
    assert parse_open(listed) == "/c/a.pem"


def test_a_payload_has_no_empty_line_and_its_echo_is_left_out() -> None:
    command = with_payload("set ssl cert x", "one\n\n two \r\n\n")
    assert command == "set ssl cert x <<\none\n two \n"
    assert _unechoed(command, "+ + Transaction created") == "Transaction created"
    assert _unechoed("show x", "+ 1") == "+ 1"


def test_new_lines_come_before_old_ones_go() -> None:
    held = Held(True, [Line("/c/a.pem", 1, "", frozenset({"old.test"}))], {"/c/a.pem": "sha a"})
    want = wanted(some("a", "new.test"))
    (step,) = plan.puts([want], held, set(), "/c/list.txt")
    assert step.commands == ["add ssl crt-list /c/list.txt <<\n/c/a.pem new.test\n"]
    assert [each.commands for each in plan.removals({want.file: want}, held, set(), "/c/list.txt")] == [
        ["del ssl crt-list /c/list.txt /c/a.pem:1"]
    ]
    assert plan.removals({want.file: want}, held, {want.file}, "/c/list.txt") == []


def test_nothing_to_do_is_no_command() -> None:
    want = wanted(some("a", "a.test", ca="pem"))
    held = Held(
        True, [Line("/c/a.pem", 1, "/c/a.ca", frozenset({"a.test"}))], {"/c/a.pem": "sha a"}, {"/c/a.ca": frozenset()}
    )
    assert plan.puts([want], held, set(), "/c/list.txt") == []
    assert plan.removals({want.file: want}, held, set(), "/c/list.txt") == []


def test_what_is_left_over_goes_lines_first() -> None:
    held = Held(True, [Line("/c/a.pem", 3, "/c/a.ca", frozenset())], {"/c/a.pem": ""}, {"/c/a.ca": frozenset()})
    assert [step.commands[0].split()[:3] for step in plan.removals({}, held, set(), "/c/list.txt")] == [
        ["del", "ssl", "crt-list"],
        ["del", "ssl", "cert"],
        ["del", "ssl", "ca-file"],
    ]


def test_a_refusal_is_the_first_answer_that_is_a_no() -> None:
    step = plan.Step("f", ["a", "b", "c"], ["yes", "", "yes"])
    assert step.refusal(["yes", "what ever", "yes sir"]) == ""
    assert step.refusal(["no\nway", "", "no"]) == "no way"
    assert step.refusal(["", "", "yes"]) == "no answer"


@given(st.lists(st.tuples(st.sets(st.sampled_from("abcd"), min_size=1), st.integers(0, 3), st.booleans()), max_size=6))
def test_each_domain_is_served_once_by_the_best(rows: list[tuple[set[str], int, bool]]) -> None:
    materials = [
        some(f"m{at}", *sorted(domains), created=float(created), until=500.0 if over else 2000.0)
        for at, (domains, created, over) in enumerate(rows)
    ]
    claims = settle(materials, NOW)
    for domain in "abcd":
        rivals = [one for one in materials if domain in one.domains]
        owners = [one for one in rivals if domain in claims.domains[one.key]]
        assert len(owners) == bool(rivals)
        for owner in owners:
            assert all((not valid(owner, NOW), owner.created) <= (not valid(one, NOW), one.created) for one in rivals)
            assert all(owner.ident in claims.reasons[one.key] for one in rivals if one is not owner)

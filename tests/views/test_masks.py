"""Texts for strangers: credentials go, known or not, and names get masks."""

import json
from base64 import b64encode, urlsafe_b64encode
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antigravity_addon.views.masks import (
    _ALONE,
    _BEHIND,
    _PERSONAL_LINK,
    _PIECE,
    Masks,
    without,
    without_personal_links,
)

CREDENTIALS = {
    "a key of Google's APIs": "AIza" + "SyB0cdefghijklmnopqrstuvwxyz1234567",
    "an access token": "ya29." + "a0AfB_byC-dE.fgh",
    "a refresh token": "1//0" + "gabcdefghijkl-mnop_qr",
    "a client's secret": "GOCSPX-" + "abcdefghijklmnop",
    "a client key": "sk-" + "abcdefghijklmnopqrstuvwxyz012345",
    "a key with a project": "sk-proj-" + "abcdefghijklmnop_qrst-uv",
    "Amazon's": "AKIA" + "IOSFODNN7EXAMPLE",
    "GitHub's": "ghp_" + "abcdefghijklmnopqrstuvwxyz0123456789",
    "GitHub's finer ones": "github_pat_" + "11ABCDEFG0abcdefghij_klmnop",
    "GitLab's": "glpat-" + "abcdefghij0123456789",
    "Slack's": "xoxb-" + "123456789012-abcdefghij",
    "a JSON Web Token": "eyJhbGciOiJSUzI1NiJ9" + ".eyJpc3MiOiJhIn0" + ".c2lnbmF0dXJl",
    "a private key": "-----BEGIN RSA PRIVATE " + "KEY-----\nMIIE\nabcd==\n-----END RSA PRIVATE " + "KEY-----",
    "half of one": "-----BEGIN PRIVATE " + "KEY-----\nMIIEabcd",
}


@pytest.mark.parametrize("credential", CREDENTIALS.values(), ids=CREDENTIALS)
def test_what_looks_like_a_credential_goes(credential: str) -> None:
    masks = Masks({})
    assert masks.text(credential) == "[redacted]"
    assert masks.text(f"It is {credential}") == "It is [redacted]"
    in_json = json.dumps({"content": f"so:\n{credential}", "more": 1})
    if "PRIVATE" not in credential or "END" in credential:
        assert json.loads(masks.text(in_json)) == {"content": "so:\n[redacted]", "more": 1}


BEHIND = {
    "a scheme": ("Authorization: Bearer abc123-def", "Authorization: Bearer [redacted]"),
    "words about one": ("bearer authentication", "bearer authentication"),
    "a parameter": ("https://g.com/v1?alt=sse&key=abc&x=1", "https://g.com/v1?alt=sse&key=[redacted]&x=1"),
    "a password in a URL": ("socks5://ana:hush@proxy:1080/", "socks5://[redacted]@proxy:1080/"),
    "a link for an account's owner": (
        "see https://accounts.google.com/signin/continue?sarp=1&plt=AKgn please",
        "see https://accounts.google.com/signin/continue?[redacted] please",
    ),
    "a field": ('{"refresh_token": "a \\"b\\" c", "n": 1}', '{"refresh_token": "[redacted]", "n": 1}'),
    "a field of JSON in a string": (
        r'{"x": "{\"apiKey\": \"abc\"}"}',
        r'{"x": "{\"apiKey\": \"[redacted]\"}"}',
    ),
    "figures about tokens": ('{"max_tokens": 5, "token": "he"}', '{"max_tokens": 5, "token": "he"}'),
    "a library": ("pip install sk-learn", "pip install sk-learn"),
}


@pytest.mark.parametrize(("text", "masked"), BEHIND.values(), ids=BEHIND)
def test_what_stands_where_credentials_stand_goes(text: str, masked: str) -> None:
    assert Masks({}).text(text) == masked


NAMES = {
    "ana@example.com": "account-1",
    "an@example.com": "account-2",
    "p-one": "project-1",
    "10.0.0.7": "192.0.2.1",
}
MASKED = {
    "an address": ("of ana@example.com.", "of account-1."),
    "another that ends alike": ("joan@example.com", "joaccount-2"),
    "in capitals": ("Ana@Example.com", "account-1"),
    "in a URL": ("?q=ana%40example.com", "?q=account-1"),
    "in JSON": (r"ana\u0040example.com\nan@example.com", r"account-1\naccount-2"),
    "a project": ("projects/p-one/x", "projects/project-1/x"),
    "one behind a line break in JSON": (r"\np-one", r"\nproject-1"),
    "one in a URL": ("projects%2Fp-one", "projects%2Fproject-1"),
    "part of another name": ("p-one-more, stop-one", "p-one-more, stop-one"),
    "a machine": ("10.0.0.7:80 and 110.0.0.7", "192.0.2.1:80 and 110.0.0.7"),
}


@pytest.mark.parametrize(("text", "masked"), MASKED.values(), ids=MASKED)
def test_names_get_masks(text: str, masked: str) -> None:
    assert Masks(NAMES).text(text) == masked


def test_a_client_key_is_known_by_its_hash() -> None:
    masks = Masks({}, is_client_key=lambda word: word == "my-own-key")
    assert masks.text('{"content": "use my-own-key."}') == '{"content": "use [redacted]."}'
    assert masks.text(r"so:\nmy-own-key") == r"so:\n[redacted]"


def test_a_short_secret_goes_as_a_word() -> None:
    assert Masks({}, secrets=["abc", ""]).text("abc, abcd") == "[redacted], abcd"


@pytest.mark.parametrize("length", range(8, 21))
def test_a_secret_and_a_name_are_found_wherever_they_stand(length: int) -> None:
    secret, name = "s-3cr3t" + "_" * (length - 8) + "z", "n@me" + "." * (length - 5) + "Z"
    masks = Masks({name: "[masked]"}, secrets=[secret])
    for before in ("." * count for count in range(20)):
        assert masks.text(f"{before}{secret} {name.upper()}") == f"{before}[redacted] [masked]"


secrets = st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=126), min_size=12, max_size=80)


@given(secrets, st.binary(max_size=7), st.binary(max_size=7))
def test_a_known_secret_goes_in_every_form(secret: str, before: bytes, behind: bytes) -> None:
    masks = Masks({}, secrets=[secret])
    whole = before + secret.encode() + behind
    forms = (quote(secret, safe=""), json.dumps(secret)[1:-1], secret)
    assert secret.encode() not in masks(whole)
    for form in forms:
        assert form not in masks.text(f'{{"said": "so {form} it is"}}')
    for encode in (b64encode, urlsafe_b64encode):
        kept = masks(encode(whole))
        # four characters at each end at most, which the bytes beside them have a part in
        assert not any(
            encode(whole)[i : i + 9] in kept
            for i in range(len(before) * 4 // 3 + 4, len(encode(whole)) - len(behind) * 4 // 3 - 13)
        )


@given(st.binary(max_size=300))
def test_any_bytes_can_be_masked(text: bytes) -> None:
    masks = Masks(NAMES, secrets=["hush-hush-hush"])
    assert masks(masks(text)) == masks(text)


ENDLESS: dict[str, bytes] = {
    "beginnings of a token": b"eyJ",
    "schemes": b"bearer+",
    "backslashes": b"\\",
    "backslashes in a field": b'\\"password\\":\\"' + b"\\" * 100,
    "links without a query": b"https://accounts.google.com/",
    "links": b"https://accounts.google.com/?",
    "private keys": b"-----BEGIN PRIVATE KEY----------END ",
    "users": b"://a:",
    "letters": b"a",
}


@pytest.mark.parametrize("piece", ENDLESS.values(), ids=ENDLESS)
def test_a_text_of_beginnings_is_looked_at_once(piece: bytes) -> None:
    """Looked at again from each of them, it would take minutes, in which nobody is served."""
    text = piece * (500_000 // len(piece))
    for pattern in (_ALONE, _BEHIND, _PERSONAL_LINK):
        assert isinstance(pattern.sub(b"", text), bytes)


def test_links_for_an_accounts_owner_lose_what_proves_who_it_is() -> None:
    link = b"https://accounts.google.com/signin/continue"
    assert without_personal_links(link) == link
    assert without_personal_links(b"at %b?a=1&b=2 or %b?c" % (link, link)) == (
        b"at %b?[redacted] or %b?[redacted]" % (link, link)
    )


@pytest.mark.parametrize("before", [0, 8, _PIECE - 8, 2 * _PIECE - 20, 2 * _PIECE])
def test_nothing_hides_where_a_long_text_is_cut(before: int) -> None:
    filler = b"x" * before + b" "
    secret = b"a-secret-of-many-letters"
    behind = b" " + bytes(2 * _PIECE - before)
    assert without(filler + secret + behind, secret.decode()) == filler + b"[redacted]" + behind
    link = b"https://accounts.google.com/a"
    assert without_personal_links(filler + link + b"?b" + behind) == filler + link + b"?[redacted]" + behind

"""Texts that strangers may read: no credential in them, and names that stand for names.

Known secrets go in every form in which a text may carry them. What nobody knows of is found by its looks: formats that
Google, OpenAI, Amazon and GitHub give their credentials, private keys, and fields and parameters that hold one. What looks
like a credential and is none goes, too.
"""

import json
import re
from base64 import b64encode
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from urllib.parse import quote, quote_plus

REDACTED = b"[redacted]"

_SHORTEST = 8
"""Characters of a secret that is found inside of words. A shorter one is a word, and found as such."""
_SHORTEST_IN_BASE64 = 12
_PIECE = 4 * 1024 * 1024
"""Bytes."""
_WINDOW = 8
"""Bytes that are compared at once, as a number."""
_STEP = 4
"""Bytes from one window of a text to the next."""
_BASE64_PAD = (0, 2, 3)
"""Characters in front that also depend on the bytes ahead, by how many of these there are in a group of three."""


def _begins(beginning: bytes = b"") -> bytes:
    """A word. What stands in front may be the end of an escape sequence of JSON or of a URL.

    It comes last, since most of a text is skipped where a pattern begins with characters.
    """
    ahead = (rb"(?<![0-9A-Za-z_-]%b)", rb"(?<=\\[bfnrt]%b)", rb"(?<=%%[0-9A-Fa-f]{2}%b)")
    return b"%b(?:%b)" % (beginning, b"|".join(look % beginning for look in ahead))


_NAMES = rb"""(?:access_?token|refresh_?token|id_?token|auth_?token|session_?token|client_?secret|private_?key|password
    |passwd|api_?key|secret_?access_?key|secret_?key)"""
# Each looks at a text once, however it is made: a client that wants to keep the gateway busy writes what begins to match
# again and again. So what may be long begins where nothing of its kind stands in front, or has a bound.
_LOOKS = (
    # a private key, in JSON with its line breaks escaped
    rb"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----(?:.*?-----END [A-Z0-9 ]*PRIVATE KEY-----|.*)",
    # Google: keys of APIs, access tokens, refresh tokens, secrets of clients
    rb"AIza[0-9A-Za-z_-]{20,}",
    rb"ya29\.[0-9A-Za-z._-]+",
    rb"1//0[0-9A-Za-z_-]{10,}",
    rb"GOCSPX-[0-9A-Za-z_-]{8,}",
    # OpenAI and those who write keys as it does, Amazon, GitHub, GitLab, Slack, Hugging Face
    _begins(b"sk-") + rb"[0-9A-Za-z_-]{16,}",
    _begins(b"AKIA") + rb"[0-9A-Z]{16}(?![A-Za-z0-9])",
    _begins(b"ASIA") + rb"[0-9A-Z]{16}(?![A-Za-z0-9])",
    rb"gh[oprsu]_[0-9A-Za-z]{20,}|github_pat_[0-9A-Za-z_]{20,}|glpat-[0-9A-Za-z_-]{16,}",
    rb"xox[abeoprs]-[0-9A-Za-z-]{10,}",
    _begins(b"hf_") + rb"[0-9A-Za-z]{20,}",
    # JSON Web Tokens
    _begins(b"eyJ") + rb"[0-9A-Za-z_-]{8,}+\.[0-9A-Za-z_-]{4,}+(?:\.[0-9A-Za-z_-]*)?",
)
_ALONE = re.compile(b"|".join(b"(?:%b)" % look for look in _LOOKS), re.DOTALL)
_BEHIND = re.compile(
    rb"""(bearer(?:\ |%%20|\+)+)(?=[A-Za-z._~+/=-]{0,200}[0-9])[0-9A-Za-z._~+/=-]{8,}  # a scheme
    |(://)[^/\s"'@:]+:[^/\s"'@]+(?=@)                                         # a user's password in a URL
    |([?&](?:key|code|token|%b)=)[^&\s"'<>\\#]+                               # a parameter
    |("%b"\s*:\s*")(?:[^"\\]|\\.)+                                           # a field of JSON
    |((?<!\\)\\++"%b\\+"\s*:\s*\\+")(?:[^"\\]|\\++(?!"))+                   # and of JSON in a string
    """
    % (_NAMES, _NAMES, _NAMES),
    re.DOTALL | re.IGNORECASE | re.VERBOSE,
)
_PERSONAL_HOST = b"https://accounts.google.com/"
_PERSONAL_LINK = re.compile(rb"""(https://accounts\.google\.com/[^\s"'<>\\?]*+)(\?[^\s"'<>\\]*)?""")
_WORD = re.compile(rb"(\\[bfnrt]|%[0-9A-Fa-f]{2})?([0-9A-Za-z_-]{4,200})")
"""A client key of ours is one."""


class Masks:
    """What is put in the place of what: the same name has the same mask in every text."""

    def __init__(
        self,
        names: Mapping[str, str],
        *,
        secrets: Iterable[str] = (),
        is_client_key: Callable[[str], bool] = lambda _: False,
    ) -> None:
        """`names` are replaced wherever they stand as words, and addresses of e-mail inside of words, too.
        `is_client_key` knows keys of which the gateway has no more than hashes.
        """
        self._secrets = _Forms(_longest_first(form for secret in secrets for form in forms_of(secret)))
        self._masks: dict[bytes, bytes] = {}
        for name, mask in names.items():
            for form in _name_forms(name):
                self._masks.setdefault(form, mask.encode())
        self._names = _Forms(_longest_first(self._masks))
        self._windows = self._secrets.windows | self._names.windows
        self._is_client_key = is_client_key

    def __call__(self, text: bytes) -> bytes:
        windows = self._windows.intersection(_windows(text))
        for secret in self._secrets.that_may_be_in(windows):
            if secret in text:
                text = (
                    text.replace(secret, REDACTED)
                    if len(secret) >= _SHORTEST
                    else _as_word(secret).sub(REDACTED, text)
                )
        text = _ALONE.sub(REDACTED, text)
        text = _BEHIND.sub(lambda found: (found[found.lastindex or 0] or b"") + REDACTED, text)
        text = without_personal_links(text)
        text = _WORD.sub(self._unless_client_key, text)
        lower = text.lower()
        for form in self._names.that_may_be_in(windows):
            if form in lower:
                text = _pattern(form).sub(self._masks[form], text)
        return text

    def text(self, text: str) -> str:
        return self(text.encode("utf-8", "surrogateescape")).decode("utf-8", "surrogateescape")

    def _unless_client_key(self, word: re.Match[bytes]) -> bytes:
        return (word[1] or b"") + REDACTED if self._is_client_key(word[2].decode()) else word[0]


class _Forms:
    """Of many forms, of which most texts hold none: looked for are those of which a text has a window.

    Wherever a form stands, one of its first windows is one of the text's, which are `_STEP` bytes apart.
    """

    def __init__(self, forms: tuple[bytes, ...]) -> None:
        """In the order in which they are looked for."""
        self._forms = forms
        self._short = {place for place, form in enumerate(forms) if len(form) < _WINDOW + _STEP - 1}
        self._by_window: defaultdict[int, set[int]] = defaultdict(set)
        for place, form in enumerate(forms):
            if place not in self._short:
                for start in range(_STEP):
                    for window in _windows(form[start : start + _WINDOW]):
                        self._by_window[window].add(place)
        self.windows = frozenset(self._by_window)

    def that_may_be_in(self, windows: frozenset[int]) -> list[bytes]:
        found = self._short.union(*(self._by_window[window] for window in windows & self.windows))
        return [self._forms[place] for place in sorted(found)]


def _windows(text: bytes) -> Iterator[int]:
    """Without regard to capitals."""
    view = memoryview(text.lower())
    for start in range(0, _WINDOW, _STEP):
        whole = max(len(view) - start, 0) // _WINDOW * _WINDOW
        yield from view[start : start + whole].cast("Q")


def without(text: bytes, *secrets: str) -> bytes:
    """Only these, in whatever form; a short one is a word, and stays."""
    for secret in secrets:
        if len(secret) >= _SHORTEST:
            for form in _all_forms_of(secret):
                if _holds(text, form):
                    text = text.replace(form, REDACTED)
    return text


def _holds(text: bytes, word: bytes) -> bool:
    """Looked for piece by piece, so that others get their turn."""
    if len(text) <= _PIECE:
        return word in text
    return any(
        text.find(word, start, start + _PIECE + len(word)) >= 0 for start in range(0, len(text), _PIECE)
    )


def without_personal_links(text: bytes) -> bytes:
    """Where Google wants an account's owner to prove who it is; the query does it for them."""
    if not _holds(text, _PERSONAL_HOST):
        # this is found to be absent from megabytes ten times as fast
        return text
    return _PERSONAL_LINK.sub(lambda link: link[1] + b"?" + REDACTED if link[2] else link[0], text)


def forms_of(secret: str) -> Iterator[bytes]:
    """As it is, in a URL, in JSON, line by line, and in base64 wherever it begins."""
    yield from _plain_forms(secret)
    for line in secret.splitlines()[:-1]:
        if len(line) >= _SHORTEST and "-----" not in line:
            yield line.encode()
    whole = secret.encode()
    if len(whole) >= _SHORTEST_IN_BASE64:
        for ahead, pad in enumerate(_BASE64_PAD):
            encoded = b64encode(bytes(ahead) + whole)
            # the last group of three depends on the bytes behind, too
            core = encoded[pad : len(encoded) // 4 * 4 - (4 if (ahead + len(whole)) % 3 else 0)]
            yield core
            yield core.replace(b"+", b"-").replace(b"/", b"_")


@lru_cache(maxsize=64)
def _all_forms_of(secret: str) -> tuple[bytes, ...]:
    """Every answer is searched for what it was paid with, and that changes once an hour."""
    return _longest_first(forms_of(secret))


def _plain_forms(text: str) -> Iterator[bytes]:
    if text.strip():
        written = (text, quote(text, safe=""), quote_plus(text), json.dumps(text)[1:-1])
        yield from (form.encode("utf-8", "surrogateescape") for form in written)


def _name_forms(name: str) -> set[bytes]:
    return {form.lower() for form in (*_plain_forms(name), name.replace("@", r"\u0040").encode())}


def _longest_first(forms: Iterable[bytes]) -> tuple[bytes, ...]:
    return tuple(sorted(set(forms), key=lambda form: (-len(form), form)))


@lru_cache(maxsize=1024)
def _pattern(form: bytes) -> re.Pattern[bytes]:
    inside_of_words = any(at in form for at in (b"@", b"%40", rb"\u0040"))
    return re.compile(re.escape(form), re.IGNORECASE) if inside_of_words else _as_word(form)


def _as_word(form: bytes) -> re.Pattern[bytes]:
    return re.compile(_begins() + re.escape(form) + rb"(?![0-9A-Za-z_-])", re.IGNORECASE)

"""How likely tokens were -> OpenAI's words for it, the same in all of its dialects."""

from antigravity_addon.wire import openai_logprobs as wire

from .events import TokenLogprob


def to_logprob(token: TokenLogprob) -> wire.TokenLogprob:
    return wire.TokenLogprob(
        token=token.token,
        logprob=token.logprob,
        bytes=_octets(token.token),
        top_logprobs=tuple(
            wire.TopLogprob(token=other.token, logprob=other.logprob, bytes=_octets(other.token))
            for other in token.top
        ),
    )


def _octets(token: str) -> tuple[int, ...]:
    return tuple(token.encode())

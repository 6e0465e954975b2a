"""Why an exchange went as it did, or what it waits for: the facts of its flow, told in the order of time."""

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from .pane import WIDTH
from .story import Attempt, Choice, Passed, Story, Waiting, error_told, story_of

_SLIGHT = 0.05
"""Seconds that are not worth a word."""
_ROUNDING = 0.002
"""Seconds by which what came after something may seem to have come before it."""
_INDENT = " " * 11
"""Behind the time."""
_CLIENT_GONE = "client gone"
_CANCELLED = "cancelled"

_MEANINGS = {
    "rate_limit_exceeded": "A limit of the account's project, by the minute or so. It rests until that is over.",
    "insufficient_quota": "A quota of the account's project is used up, for hours or a day.",
    "server_is_overloaded": "Google has no room for this model at the moment, whichever account asks.",
    "no_account_available": "Google does not let this account in, or it could not be given an access token.",
    "upstream_unreachable": "No connection to the upstream, or it was closed before an answer began.",
    "upstream_interrupted": "The connection broke in the middle of the answer.",
    "timeout": "The upstream did not answer in time.",
    "empty_response": "The model ended its turn without a word.",
    "malformed_tool_call": "The model called a tool in a way that cannot be read.",
    "invalid_argument": "Google holds the request itself at fault.",
    "context_length_exceeded": "The request is longer than the model takes.",
}


_LONG_SILENCE = 5.0
"""Seconds."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What is known beside the document."""

    flow_id: str = ""
    """Of the client's flow."""
    path: str = ""
    answer: bytes = b""
    """What the client was given so far."""
    now: float | None = None
    """Seconds since the request's arrival, of an exchange that goes on; `None` if it does not, or nobody knows."""
    silent: float | None = None
    """Seconds since the model said something, of an exchange that goes on; `None` if it has not, or nobody knows."""


@dataclass(frozen=True, slots=True)
class _Event:
    at: float
    text: str
    more: tuple[str, ...] = ()
    """Paragraphs below it."""
    step: tuple[int, int] = (0, 0)
    """The attempt's number and its stage: what is told first of two things at the same moment."""


def why_text(document: object, scene: Scene) -> str:
    """Total: a document of whichever version is told as far as it can be read."""
    story = _in_step(story_of(document))
    sections = (
        _wrapped(_verdict(story, scene)),
        list(_asked(story, scene)),
        [line for event in _timeline(story, scene) for line in _event(event)],
        list(_now(story, scene)),
        list(_end_matter(story, scene)),
    )
    return "\n\n".join("\n".join(lines) for lines in sections if lines) + "\n"


def _in_step(story: Story) -> Story:
    """No attempt ends behind what came after it."""
    begins = [(number, choice.at) for number, choice in enumerate(story.choices, start=1)]
    begins += [(attempt.number, attempt.at) for attempt in (*story.attempts, *story.under_way)]

    def in_step(attempt: Attempt) -> Attempt:
        later = (max(at, attempt.at) for number, at in begins if number > attempt.number)
        ended = min((at for at in later if 0 < attempt.ended - at <= _ROUNDING), default=attempt.ended)
        return replace(attempt, seconds=ended - attempt.at)

    return replace(story, attempts=tuple(map(in_step, story.attempts)))


# --- in one sentence --------------------------------------------------------------------------------------


def _verdict(story: Story, scene: Scene) -> str:
    if not story.is_over:
        return _verdict_so_far(story, scene)
    if story.error == _CLIENT_GONE:
        return f"The client left after {_s(story.seconds)}, before it had the whole answer. {_left_at(story)}"
    if story.error:
        told = error_told(scene.answer)
        where = "in the middle of the answer" if story.status == 200 else f"after {_s(story.seconds)}"
        return f"The client was told {story.error}, {where}{f': {told}' if told else '.'}"
    if "attempts" in story.unread:
        return f"It was answered in {_s(story.seconds)}."
    if not story.attempts:
        return f"It was answered in {_s(story.seconds)}, and no model was asked."
    tries = f"at attempt {len(story.attempts)}" if len(story.attempts) > 1 else "at the first attempt"
    first = story.first_token_seconds
    words = f"; the first words came after {_s(first)}" if first is not None else ""
    return f"It was answered by {story.account} in {_s(story.seconds)}, {tries}{words}."


def _left_at(story: Story) -> str:
    if story.waiting:
        return f"It was waiting then: {story.waiting[-1].reason}"
    if story.first_token_seconds is None:
        return "The model had not said a word by then."
    return "The answer was on its way."


def _verdict_so_far(story: Story, scene: Scene) -> str:
    if scene.now is None:
        return "The exchange was not over when this was written down; nothing says how it ended."
    since = f"The request arrived {_s(scene.now)} ago."
    if story.waiting and not story.under_way:
        return f"It waits, and nobody is asked. {since} {story.waiting[-1].reason}"
    if not story.under_way:
        return f"It goes on. {since}"
    if any(each.first_token_seconds is not None for each in story.under_way):
        if (silence := _silence(scene)) is not None:
            return f"The answer has begun, and nothing has come of it for {_s(silence)}. {since}"
        return f"The answer is on its way. {since}"
    if all(each.requests == 0 for each in story.under_way):
        return f"It waits for an access token of {story.under_way[-1].account}. {since}"
    accounts = " and ".join(each.account for each in story.under_way)
    return f"It waits for the model: {accounts} paid for the question, and not a word has come back. {since}"


# --- what was asked ---------------------------------------------------------------------------------------


def _asked(story: Story, scene: Scene) -> Iterator[str]:
    if path := scene.path or story.endpoint:
        model = f", model {story.model_asked!r}" if story.model_asked else ""
        yield from _row("Asked", path + model)
    if story.model:
        rule = f", by the rule {story.rule}" if story.rule else ""
        yield from _row("Model", f"{story.model}{rule}")
    if story.exchange:
        yield from _row("Request", f"{story.exchange}, which the client knows as x-request-id")


def _row(name: str, text: str) -> list[str]:
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=f"{name:<{len(_INDENT)}}",
        subsequent_indent=_INDENT,
        break_on_hyphens=False,
    )


# --- step by step -----------------------------------------------------------------------------------------


def _timeline(story: Story, scene: Scene) -> Sequence[_Event]:
    events = [_Event(0.0, "The request arrived.")]
    if story.prepared_seconds is not None:
        events.append(_Event(story.prepared_seconds, "It was read, and put into Gemini's words."))
    for number, choice in enumerate(story.choices, start=1):
        events += _chosen(choice, number)
    for attempt in story.attempts:
        events += _tried(attempt, story)
    for attempt in story.under_way:
        # the last word on an exchange may come before its attempts have ended
        events += _tried(replace(attempt, failure=_CANCELLED), story) if story.is_over else _begun(attempt)
    events += _pauses(story)
    events.sort(key=lambda event: (round(event.at, 3), event.step))
    if story.is_over:
        events.append(_Event(story.seconds, _ending(story), _told(story, scene)))
    return events


def _chosen(choice: Choice, number: int) -> Iterator[_Event]:
    """`number` is that of the attempt which it led to."""
    step = number, 0
    passed = tuple(_passed(choice.skipped, choice.unnamed))
    if choice.waited >= _SLIGHT:
        yield _Event(choice.at, "No account was free, so it waited in line.", passed, step)
        passed = ()
    after = f", after {_s(choice.waited)} in line" if choice.waited >= _SLIGHT else ""
    at = choice.at + choice.waited
    if choice.account:
        yield _Event(at, f"{choice.account} was chosen{after}: {choice.reason}", passed, step)
    else:
        yield _Event(at, f"No account was found{after}: {choice.reason}", passed, step)


def _passed(skipped: Sequence[Passed], unnamed: int) -> Iterator[str]:
    for each in skipped:
        until = f" For {_s(each.seconds)} more." if each.seconds is not None else ""
        yield f"Not {each.account}: {each.reason}{until}"
    if unnamed:
        yield f"Nor {unnamed} more accounts."


def _begun(attempt: Attempt) -> Iterator[_Event]:
    turn = f", for choice {attempt.choice + 1} of the answer" if attempt.choice else ""
    number = attempt.number
    began = f"Attempt {number} began{turn}: {attempt.account} pays ({attempt.upstream})."
    yield _Event(attempt.at, began, step=(number, 1))
    if attempt.token_seconds >= _SLIGHT:
        made = f"Attempt {number} had its access token, which took {_s(attempt.token_seconds)}."
        yield _Event(attempt.at + attempt.token_seconds, made, step=(number, 2))
    if attempt.first_token_seconds is not None:
        spoke = f"Attempt {number}: the model began to speak."
        yield _Event(attempt.at + attempt.first_token_seconds, spoke, step=(number, 3))


def _tried(attempt: Attempt, story: Story) -> Iterator[_Event]:
    yield from _begun(attempt)
    number, at = attempt.number, attempt.ended
    more = f" It took {attempt.requests} requests." if attempt.requests > 1 else ""
    if not attempt.failure:
        yield _Event(at, f"Attempt {number} ended; the turn is whole.{more}", step=(number, 4))
    elif attempt.failure == _CANCELLED:
        yield _Event(at, f"Attempt {number} was given up. {_why_given_up(attempt, story)}", step=(number, 4))
    else:
        failed = f"Attempt {number} failed after {_s(attempt.seconds)}: {attempt.failure}.{more}"
        yield _Event(at, failed, tuple(_meant(attempt, story)), step=(number, 4))


def _why_given_up(attempt: Attempt, story: Story) -> str:
    if any(not each.failure and each.choice == attempt.choice for each in story.attempts):
        return "Another one, asked beside it, spoke first."
    return "Nobody waited for it any more."


def _meant(attempt: Attempt, story: Story) -> Iterator[str]:
    if attempt.message:
        yield f"“{attempt.message}”"
    if meaning := _MEANINGS.get(attempt.failure.rpartition(" ")[2]):
        yield meaning
    others = (each for each in (*story.attempts, *story.under_way) if each.choice == attempt.choice)
    later = (each for each in others if each.number > attempt.number)
    after = next((each for each in later if each.at >= attempt.ended - _ROUNDING), None)
    if after is not None and after.account == attempt.account:
        yield "The same account was asked again."
    elif after is not None:
        yield f"{after.account} was asked instead."
    elif story.error:
        yield "Nobody else was asked."


def _pauses(story: Story) -> Iterator[_Event]:
    """Between a failure and whatever was done next; told of answers with one turn, where nothing else goes on."""
    if any(each.choice for each in story.attempts):
        return
    for attempt in story.attempts:
        if not attempt.failure or attempt.failure == _CANCELLED:
            continue
        pause = next((each.at for each in story.choices[attempt.number :]), 0.0) - attempt.ended
        if pause >= _SLIGHT:
            told = f"A pause of {_s(pause)} before the next attempt."
            yield _Event(attempt.ended, told, step=(attempt.number, 5))


def _ending(story: Story) -> str:
    if story.error == _CLIENT_GONE:
        return "The client closed its connection."
    if not story.error:
        return "The client has the whole answer."
    if story.status == 200:
        return f"The answer ended with an error: {story.error}."
    return f"The client was given an error: {story.error}."


def _told(story: Story, scene: Scene) -> tuple[str, ...]:
    told = error_told(scene.answer) if story.error else ""
    return (f"“{told}”",) if told else ()


def _event(event: _Event) -> Iterator[str]:
    yield from textwrap.wrap(
        event.text,
        WIDTH,
        initial_indent=f"{event.at:7.2f} s  ",
        subsequent_indent=_INDENT,
        break_on_hyphens=False,
    )
    for paragraph in event.more:
        yield from textwrap.wrap(
            paragraph,
            WIDTH,
            initial_indent=f"{_INDENT}  ",
            subsequent_indent=f"{_INDENT}    ",
            break_on_hyphens=False,
        )


# --- what goes on -----------------------------------------------------------------------------------------


def _now(story: Story, scene: Scene) -> Iterator[str]:
    if story.is_over or scene.now is None:
        return
    for waiting in story.waiting:
        yield from _event(_waits(waiting, scene.now))
    for attempt in story.under_way:
        yield from _event(_Event(scene.now, _goes_on(attempt, scene.now, _silence(scene))))


def _waits(waiting: Waiting, now: float) -> _Event:
    so_far = now - waiting.at
    since = f"It has been waiting for {_s(so_far)}, and will for {_s(waiting.longest)} at most."
    skipped = tuple(
        replace(each, seconds=None if each.seconds is None else each.seconds - so_far)
        for each in waiting.skipped
    )
    return _Event(now, f"{since} {waiting.reason}", tuple(_passed(skipped, waiting.unnamed)))


def _silence(scene: Scene) -> float | None:
    """If it is longer than a model takes between two words."""
    return scene.silent if scene.silent is not None and scene.silent >= _LONG_SILENCE else None


def _goes_on(attempt: Attempt, now: float, silence: float | None) -> str:
    begun = f"Attempt {attempt.number} has been under way for {_s(now - attempt.at)}"
    if attempt.first_token_seconds is not None and silence is not None:
        return f"{begun}, and the model has fallen silent: its last word came {_s(silence)} ago."
    if attempt.first_token_seconds is not None:
        return f"{begun}, and the model speaks."
    if not attempt.requests:
        return f"{begun}, and {attempt.account} has no access token yet: nothing was sent."
    return f"{begun}, and the model has not said a word."


# --- the rest ---------------------------------------------------------------------------------------------


def _end_matter(story: Story, scene: Scene) -> Iterator[str]:
    if story.remedies:
        names = ", ".join(dict.fromkeys(story.remedies))
        yield from _row(
            "Without", f"{names}: Gemini had refused the request with it, so it was asked without."
        )
    if story.input_tokens is not None:
        yield from _row("Tokens", _tokens(story))
    shown = [each for each in (*story.attempts, *story.under_way) if each.flows]
    for attempt in shown:
        for place, flow in enumerate(attempt.flows, start=1):
            request = f", request {place}" if len(attempt.flows) > 1 else ""
            yield from _row("Flow", f"{flow} is attempt {attempt.number}{request}: #/flows/{flow}/response")
    if shown and scene.flow_id:
        yield from _row(
            "Filter",
            f'set view_filter "~meta {scene.flow_id}" in the command bar lists them alone, and "" all flows again; '
            "mitmweb's fields for filters do not know ~meta.",
        )
    if story.unread:
        parts = ", ".join(story.unread)
        yield from _row(
            "Not told", f"{parts}: another version of the gateway wrote it, in a way unknown here."
        )


def _tokens(story: Story) -> str:
    parts = [f"{story.input_tokens:,} read"]
    if story.cached_tokens:
        parts.append(f"{story.cached_tokens:,} of them from Gemini's cache")
    parts.append(f"{story.output_tokens or 0:,} written")
    if story.reasoning_tokens:
        parts.append(f"{story.reasoning_tokens:,} of them thoughts")
    if story.dollars is not None:
        parts.append(f"${story.dollars:.4f}")
    return ", ".join(parts)


def _s(seconds: float) -> str:
    """`0.42 s`, `12 s`, `3 min 20 s`, `5 h 2 min`."""
    seconds = max(seconds, 0.0)
    if seconds < 10:
        return f"{seconds:.2f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 120:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, break_on_hyphens=False)

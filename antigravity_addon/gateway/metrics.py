"""What `GET /metrics` shows, for Prometheus.

Names, units, attributes and buckets are those of OpenTelemetry's conventions for generative AI (in development: the
repository open-telemetry/semantic-conventions-genai with its change #521, of October 6, 2026), written as Prometheus
writes them. To our clients we are the server; to the upstream we are the client, and each attempt is an operation. What
the conventions have no name for begins with `gateway_`.

An empty label is one that is not there. `error_type` is the `code` of docs/errors.md, or `cancelled`.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from itertools import chain
from threading import Lock
from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

from antigravity_addon.accounts.account import Account, Upstream, mask_email

from .catalog import BUILT_IN, GEMINI_MODELS
from .routes import Endpoint
from .settings import AccountHeader
from .trace import AttemptRecord

MOST_MODELS = 200
"""Different names of models in labels. Clients make names up, and each costs some forty lines for good."""
LONGEST_NAME = 100
"""Characters of a name in labels."""
OTHER = "other"

_SECONDS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
_FIRST_TOKEN_SECONDS = (
    0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
)  # fmt: skip
_TOKENS = tuple(float(4**power) for power in range(14))

_OPERATIONS = {
    Endpoint.CHAT_COMPLETIONS: "chat",
    Endpoint.RESPONSES: "chat",
    Endpoint.COMPACT: "chat",
    Endpoint.COMPLETIONS: "text_completion",
}
_UPSTREAM_OPERATION = "generate_content"


def _provider(upstream: str) -> str:
    match upstream:
        case Upstream.GEMINI:
            return "gcp.gemini"
        case Upstream.VERTEX:
            return "gcp.vertex_ai"
        case _:
            # what the conventions call any of Google's
            return "gcp.gen_ai"


class Rest(Protocol):
    @property
    def model(self) -> str:
        """Empty for every model."""
        ...

    @property
    def seconds(self) -> float:
        """Until it ends."""
        ...


class AccountState(Protocol):
    """An account at the moment at which it is asked for."""

    @property
    def account(self) -> Account: ...
    @property
    def disabled_because(self) -> str | None:
        """`None` while it is in use."""
        ...

    @property
    def rests(self) -> Iterable[Rest]: ...
    @property
    def leases(self) -> int:
        """Attempts under way."""
        ...


@dataclass(frozen=True, slots=True)
class ExchangeFacts:
    """One client's request for an answer of a model's that is over."""

    endpoint: Endpoint
    client: str
    """Name of its key."""
    model_asked: str
    model: str
    """The Gemini model; empty if none was found."""
    account: str
    """E-mail of the one that served, or was tried last; empty for none."""
    attempts: tuple[AttemptRecord, ...]
    seconds: float
    error: str = ""
    """A code, or `cancelled`; empty for a whole answer."""
    first_token_seconds: float | None = None

    @property
    def upstream(self) -> str:
        """The account's kind; empty for none."""
        return next((a.upstream for a in reversed(self.attempts) if a.account == self.account), "")


def code_of(label: str) -> str:
    """`429 rate_limit_exceeded` -> `rate_limit_exceeded`."""
    return label.rpartition(" ")[2]


class ModelNames:
    """Bounds the names of models that are kept.

    State: the names that were met. One that is no built-in name is taken in once a model has answered to it.
    """

    def __init__(self, most: int = MOST_MODELS) -> None:
        self._most = most
        self._met = {*BUILT_IN, *GEMINI_MODELS}

    def bounded(self, name: str, *, has_answered: bool = False) -> str:
        """The name, or `other`."""
        if len(name) > LONGEST_NAME:
            return OTHER
        if has_answered and len(self._met) < self._most:
            self._met.add(name)
        return name if not name or name in self._met else OTHER


class Metrics:
    """Counts what is over, and reads at each scrape how the accounts are."""

    def __init__(
        self, account_states: Callable[[], Iterable[AccountState]], models: ModelNames | None = None
    ) -> None:
        self._models = models or ModelNames()
        self._registry = registry = CollectorRegistry()
        self._account_states = account_states
        self._account_labels = _AccountLabels()
        operation = ("gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model")
        counter, histogram = partial(_counter, registry), partial(_histogram, registry)
        # --- towards the upstream
        self._attempt_seconds = histogram(
            "gen_ai_client_inference_duration_seconds",
            "Attempts: requests to an upstream, from leasing the account to the last byte.",
            (*operation, "error_type"),
            _SECONDS,
        )
        self._first_chunk = histogram(
            "gen_ai_client_inference_time_to_first_chunk_seconds",
            "From an attempt's start to the first piece of its answer.",
            operation,
            _SECONDS,
        )
        self._attempts = counter(
            "gateway_attempts",
            "Requests to an upstream, by what came of them: ok, a code, or cancelled.",
            ("account", "upstream", "outcome"),
        )
        self._input_tokens = histogram(
            "gen_ai_client_inference_operation_input_tokens",
            "Input tokens of one attempt, cached ones included.",
            (*operation, "error_type"),
            _TOKENS,
        )
        self._output_tokens = histogram(
            "gen_ai_client_inference_operation_output_tokens",
            "Output tokens of one attempt, thinking included.",
            (*operation, "error_type"),
            _TOKENS,
        )
        self._dollars = counter(
            "gateway_cost_dollars",
            "US dollars for what attempts used, by the prices of docs/prices.md; what has none is not counted.",
            ("gen_ai_request_model", "client", "account"),
        )
        tokens = (*operation, "gen_ai_token_modality", "client", "account")
        self._tokens = {
            kind: counter(f"gen_ai_client_inference_usage_{kind}", about, tokens)
            for kind, about in (
                ("input_tokens", "Input tokens, cached ones included."),
                ("cache_read_input_tokens", "Input tokens that the upstream had cached."),
                ("output_tokens", "Output tokens, thinking included."),
                ("reasoning_output_tokens", "Output tokens of the models' thinking."),
            )
        }
        # --- towards clients
        self._request_seconds = histogram(
            "gen_ai_server_request_duration_seconds",
            "Clients' requests for a model's answer, from arrival to last byte.",
            (*operation, "gen_ai_response_model", "error_type"),
            _SECONDS,
        )
        self._first_token = histogram(
            "gen_ai_server_time_to_first_token_seconds",
            "From a request's arrival to the first token of its answer, where it got a whole one.",
            (*operation, "gen_ai_response_model"),
            _FIRST_TOKEN_SECONDS,
        )
        self._requests = counter(
            "gateway_requests",
            "Answers to clients on every path, by client key and HTTP status; 499 if the client went before it had one.",
            ("client", "endpoint", "status"),
        )

        self._refusals = counter(
            "gateway_refusals",
            "Requests that were not let in, by why: wrong_key, no_key, or a code; and connections: other_machine.",
            ("reason",),
        )

    def count_refusal(self, reason: str) -> None:
        """Before it was known whose the request is. `reason` is none of the client's words."""
        self._refusals(reason).inc()

    def count_request(self, *, client: str, endpoint: Endpoint | None, status: int) -> None:
        """`endpoint` is `None` for a path that nobody serves."""
        self._requests(client, "" if endpoint is None else endpoint.value, str(status)).inc()

    def observe(self, exchange: ExchangeFacts) -> None:
        answered = not exchange.error
        asked = self._models.bounded(exchange.model_asked, has_answered=answered)
        model = self._models.bounded(exchange.model, has_answered=answered)
        for attempt in exchange.attempts:
            self._observe_attempt(attempt, model, exchange.client)
        name = _OPERATIONS.get(exchange.endpoint, _UPSTREAM_OPERATION)
        served = (name, _provider(exchange.upstream), asked, model)
        self._request_seconds(*served, exchange.error).observe(exchange.seconds)
        if answered and exchange.first_token_seconds is not None:
            self._first_token(*served).observe(exchange.first_token_seconds)

    def _observe_attempt(self, attempt: AttemptRecord, model: str, client: str) -> None:
        failure = code_of(attempt.failure)
        operation = (_UPSTREAM_OPERATION, _provider(attempt.upstream), model)
        self._attempt_seconds(*operation, failure).observe(attempt.seconds)
        if attempt.first_token_seconds is not None:
            self._first_chunk(*operation).observe(attempt.first_token_seconds)
        self._attempts(attempt.account, attempt.upstream, failure or "ok").inc()
        if (usage := attempt.usage) is None:
            return
        self._input_tokens(*operation, failure).observe(usage.input_tokens)
        self._output_tokens(*operation, failure).observe(usage.output_tokens)
        for kind, count in (
            ("input_tokens", usage.input_tokens),
            ("cache_read_input_tokens", usage.cached_tokens),
            ("output_tokens", usage.output_tokens),
            ("reasoning_output_tokens", usage.reasoning_tokens),
        ):
            self._tokens[kind](*operation, "unknown", client, attempt.account).inc(count)
        if attempt.cost is not None:
            self._dollars(model, client, attempt.account).inc(float(attempt.cost))

    async def exposition(self, accept: str, account_header: AccountHeader) -> tuple[bytes, str]:
        """The text in the format that the scraper's Accept header names, and its content type."""
        encode, content_type = choose_encoder(accept)
        gauges = _to_gauges(self._account_states(), self._models)
        shown = _Shown(gauges, self._registry, self._account_labels, account_header)
        # 200 models that clients made up are 17,000 lines, and take the better part of a second
        return await asyncio.to_thread(encode, shown), content_type


def _counter(
    registry: CollectorRegistry, name: str, about: str, labels: Sequence[str]
) -> Callable[..., Counter]:
    """Gives the one of some labels. prometheus_client keeps it as long, and takes ten times longer to find it."""
    return cache(Counter(name, about, labels, registry=registry).labels)


def _histogram(
    registry: CollectorRegistry, name: str, about: str, labels: Sequence[str], buckets: Sequence[float]
) -> Callable[..., Histogram]:
    """Likewise."""
    return cache(Histogram(name, about, labels, buckets=buckets, registry=registry).labels)


def _to_gauges(states: Iterable[AccountState], models: ModelNames) -> tuple[Metric, ...]:
    usable = GaugeMetricFamily(
        "gateway_account_usable",
        "1 for an account that is neither disabled nor refused by its upstream.",
        labels=("account", "upstream"),
    )
    leases = GaugeMetricFamily(
        "gateway_account_leases", "Attempts under way.", labels=("account", "upstream")
    )
    cooldown = GaugeMetricFamily(
        "gateway_account_cooldown_seconds",
        "What is left of a cooldown, for one model or, without one, for every model.",
        labels=("account", "upstream", "gen_ai_request_model"),
    )
    for state in states:
        labels = (state.account.email, state.account.upstream.value)
        usable.add_metric(labels, float(state.disabled_because is None))
        leases.add_metric(labels, state.leases)
        for model, seconds in _longest(state.rests, models).items():
            cooldown.add_metric((*labels, model), seconds)
    return usable, leases, cooldown


def _longest(rests: Iterable[Rest], models: ModelNames) -> Mapping[str, float]:
    """By label: a model may rest for the account and for its project, and several models share `other`."""
    longest: dict[str, float] = {}
    for rest in rests:
        label = models.bounded(rest.model)
        longest[label] = max(rest.seconds, longest.get(label, 0.0))
    return longest


class _AccountLabels:
    """How accounts are called in what is shown.

    State: the numbers of accounts, in the order in which they were met, since masked addresses may be alike.
    """

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._lock = Lock()

    def of(self, email: str, account_header: AccountHeader) -> str:
        if not email or account_header is AccountHeader.FULL:
            return email
        with self._lock:
            number = self._numbers.setdefault(email, len(self._numbers) + 1)
        if account_header is AccountHeader.OFF:
            return f"account-{number}"
        # as in the response header
        return f"{mask_email(email).replace('…', '***')}#{number}"


@dataclass(frozen=True, slots=True)
class _Shown(Collector):
    """All metrics, with accounts called as the operator wants it."""

    gauges: tuple[Metric, ...]
    registry: CollectorRegistry
    labels: _AccountLabels
    account_header: AccountHeader

    def collect(self) -> Iterator[Metric]:
        for metric in chain(self.gauges, self.registry.collect()):
            # when a series began is nothing that anybody asks for, and half as much again to send
            samples = (sample for sample in metric.samples if not sample.name.endswith("_created"))
            metric.samples = [self._renamed(sample) for sample in samples]
            yield metric

    def _renamed(self, sample: Sample) -> Sample:
        account = sample.labels.get("account")
        if account is None:
            return sample
        return sample._replace(
            labels={**sample.labels, "account": self.labels.of(account, self.account_header)}
        )

"""Flows -> the same flows for strangers: no credential, and names that stand for accounts, projects and machines."""

import ipaddress
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from urllib.parse import urlsplit

from mitmproxy import http
from mitmproxy.proxy.mode_specs import ProxyMode, ReverseMode
from pydantic import BaseModel, ValidationError

from antigravity_addon.accounts.account import mask_email
from antigravity_addon.gateway.known import Known
from antigravity_addon.views.masked_body import masked_body
from antigravity_addon.views.masks import REDACTED, Masks

from .annotate import ATTEMPT_KEY
from .body_redaction import redact_request, redact_response
from .redaction import PRIVATE_HEADER

type _Facts = Mapping[str, object] | list[_Facts] | object

_MACHINES_HEADERS = ("forwarded", "x-forwarded-for", "x-real-ip", "cf-connecting-ip", "true-client-ip")
_URL_HEADERS = ("origin", "referer")
_ADDRESS = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}|[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}")
_PUBLIC_HOSTS = (".googleapis.com", ".google.com", ".localhost", ".invalid")
_SERVICE_ACCOUNT = re.compile(rb"(?<![\w.+-])[\w.+-]++@[\w.-]*gserviceaccount\.com")
_PROJECT = re.compile(r"projects(?:/|%2F)([a-zA-Z0-9][\w:.-]*)")
_MACHINE_ADDRESS = "192.0.2.{}"
"""TEST-NET-1 of RFC 5737: nobody's."""


_SHORTEST_PROJECT = 6
"""Characters of an id at Google Cloud. A shorter one is of something else, and no name to be looked for anywhere."""


class _Envelope(BaseModel):
    """Of Code Assist."""

    project: str = ""


# --- who is who --------------------------------------------------------------------------------------------


def masks_for(flows: Iterable[http.HTTPFlow], known: Known, *, modes: Iterable[str] = ()) -> Masks:
    """Whoever is met first has the first number. `modes` are specifications of listeners, which name machines, too."""
    flows = tuple(flows)
    names: dict[str, str] = {}
    found = [email for flow in flows for email in _accounts_in(flow.metadata)]
    for number, email in enumerate(dict.fromkeys((*found, *sorted(known.emails))), start=1):
        for form in _forms_of(email):
            names.setdefault(form, f"account-{number}")
    services = [name for flow in flows for text in _texts_of(flow) for name in _SERVICE_ACCOUNT.findall(text)]
    _number(names, (name.decode() for name in services), "service-account-{}")
    projects = [project for flow in flows for project in _projects_in(flow)]
    _number(names, (*projects, *sorted(known.projects)), "project-{}")
    for project in (*projects, *known.projects):
        if project in names and len(project) < _SHORTEST_PROJECT:
            names[f"projects/{project}"] = f"projects/{names.pop(project)}"
    hosts = [host for flow in flows for host in _hosts_of(flow)]
    hosts += [host for mode in modes for host in _hosts_of_mode(ProxyMode.parse(mode))]
    _number(names, (host for host in hosts if _is_private_name(host)), "host-{}.invalid")
    for host in hosts:
        if host in names and "." not in host:
            # a word like any other, unless it stands where a host does
            names[f"//{host}"] = f"//{names.pop(host)}"
    _number(names, (host for host in hosts if _is_foreign_address(host)), _MACHINE_ADDRESS)
    return Masks(names, secrets=known.secrets, is_client_key=known.is_client_key)


def _number(names: dict[str, str], found: Iterable[str], mask: str) -> None:
    new = (name for name in dict.fromkeys(found) if name not in names)
    names |= {name: mask.format(number) for number, name in enumerate(new, start=1)}


def _forms_of(email: str) -> tuple[str, ...]:
    """As comments and headers write it."""
    name = email.partition("@")[0]
    masked = mask_email(email)
    return email, f"{name}@…", masked, masked.replace("…", "***")


def _accounts_in(facts: _Facts) -> Iterator[str]:
    match facts:
        case {"account": str(email), **rest}:
            if email:
                yield email
            yield from _accounts_in(rest)
        case Mapping():
            for inner in facts.values():
                yield from _accounts_in(inner)
        case list():
            for inner in facts:
                yield from _accounts_in(inner)
        case _:
            pass


def _texts_of(flow: http.HTTPFlow) -> Iterator[bytes]:
    for message in filter(None, (flow.request, flow.response)):
        yield message.get_content(strict=False) or b""
        yield from (value for _, value in message.headers.fields)


def _projects_in(flow: http.HTTPFlow) -> Iterator[str]:
    """Where an upstream is asked, or says why it refuses: elsewhere such a path is a folder of the client's."""
    if ATTEMPT_KEY not in flow.metadata:
        return
    yield from _PROJECT.findall(flow.request.path)
    if project := flow.request.headers.get("x-goog-user-project", ""):
        yield project
    try:
        envelope = _Envelope.model_validate_json(flow.request.get_content(strict=False) or b"")
    except ValidationError:
        envelope = _Envelope()
    if envelope.project:
        yield envelope.project
    if flow.response is not None and flow.response.status_code >= 400:
        yield from _PROJECT.findall((flow.response.get_content(strict=False) or b"").decode(errors="replace"))


def _hosts_of(flow: http.HTTPFlow) -> Iterator[str]:
    client, server = flow.client_conn, flow.server_conn
    for address in (client.peername, client.sockname, server.peername, server.sockname, server.address):
        if address:
            yield address[0]
    yield from _hosts_of_mode(client.proxy_mode)
    request = flow.request
    yield from (request.host, urlsplit(f"//{request.host_header or ''}").hostname or "")
    yield from (client.sni or "", server.sni or "")
    for name in _MACHINES_HEADERS:
        yield from _ADDRESS.findall(request.headers.get(name, ""))
    for name in _URL_HEADERS:
        yield urlsplit(request.headers.get(name, "")).hostname or ""


def _hosts_of_mode(mode: ProxyMode) -> Iterator[str]:
    if isinstance(mode, ReverseMode):
        yield mode.address[0]
    yield mode.listen_host() or ""


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None


def _is_foreign_address(host: str) -> bool:
    address = _address(host)
    mapped = getattr(address, "ipv4_mapped", None) or address
    return mapped is not None and not (mapped.is_loopback or mapped.is_unspecified)


def _is_private_name(host: str) -> bool:
    is_name = bool(host) and _address(host) is None
    return is_name and host != "localhost" and not f".{host}".endswith(_PUBLIC_HOSTS)


# --- what strangers get ------------------------------------------------------------------------------------


def masked(flow: http.HTTPFlow, masks: Masks, *, with_bodies: bool) -> http.HTTPFlow:
    """A copy with the same id."""
    state = flow.get_state()
    state["backup"] = None
    shown = _from(state)
    for message in filter(None, (shown.request, shown.response)):
        _mask_message(message, masks)
    if not with_bodies:
        redact_request(shown)
        redact_response(shown)
    client, server = shown.client_conn, shown.server_conn
    client.certificate_list = server.certificate_list = ()
    client.mitmcert = server.via = None
    _mask_hosts(shown, masks)
    shown.metadata = _masked(shown.metadata, masks)
    shown.comment = masks.text(shown.comment)
    shown.request.path = masks.text(shown.request.path)
    if shown.error is not None:
        shown.error.msg = masks.text(shown.error.msg)
    for connection in (client, server):
        connection.error = connection.error and masks.text(connection.error)
    return shown


def _mask_hosts(shown: http.HTTPFlow, masks: Masks) -> None:
    def name(host: str) -> str:
        return masks.text(f"//{host}").removeprefix("//")

    request, client, server = shown.request, shown.client_conn, shown.server_conn
    request.data.host = name(request.host)
    request.data.authority = name(request.authority).encode()
    if "host" in request.headers:
        request.headers["host"] = name(request.headers["host"])

    def place(address: tuple[str, int]) -> tuple[str, int]:
        return name(address[0]), address[1]

    client.peername, client.sockname = place(client.peername), place(client.sockname)
    server.peername = server.peername and place(server.peername)
    server.sockname = server.sockname and place(server.sockname)
    server.address = server.address and place(server.address)
    client.sni, server.sni = (sni and name(sni) for sni in (client.sni, server.sni))
    client.proxy_mode = _masked_mode(client.proxy_mode, name)


def _masked_mode(mode: ProxyMode, name: Callable[[str], str]) -> ProxyMode:
    specification = mode.full_spec
    for host in filter(None, _hosts_of_mode(mode)):
        specification = specification.replace(host, name(host))
    try:
        return ProxyMode.parse(specification)
    except ValueError:
        return ProxyMode.parse("regular")


def _from(state: object) -> http.HTTPFlow:
    flow = http.HTTPFlow.from_state(state)  # pyright: ignore[reportArgumentType]
    assert isinstance(flow, http.HTTPFlow)  # noqa: S101  the type is in the state
    return flow


def _mask_message(message: http.Message, masks: Masks) -> None:
    """Its body loses its content encoding, under which nothing can be found."""
    message.headers.fields = tuple(
        (name, REDACTED if PRIVATE_HEADER.search(name.decode("latin-1")) else masks(value))
        for name, value in message.headers.fields
    )
    if message.trailers is not None:
        message.trailers.fields = tuple((name, masks(value)) for name, value in message.trailers.fields)
    if message.raw_content is None:
        return
    try:
        body = message.get_content(strict=True) or b""
        body = masked_body(body, message.headers.get("content-type", ""), masks)
    except ValueError:
        body = b"[redacted %d bytes]" % len(message.raw_content)
    message.headers.pop("content-encoding", None)
    message.raw_content = body
    if "content-length" in message.headers:
        message.headers["content-length"] = str(len(body))


def _masked[T](value: T, masks: Masks) -> T:
    """Every text in it, however deep."""
    match value:
        case str():
            return masks.text(value)  # pyright: ignore[reportReturnType]
        case dict():
            return {_masked(name, masks): _masked(inner, masks) for name, inner in value.items()}  # pyright: ignore[reportReturnType]
        case list() | tuple():
            return type(value)(_masked(inner, masks) for inner in value)  # pyright: ignore[reportReturnType]
        case _:
            return value

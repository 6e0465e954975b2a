"""`POST /v1/completions`."""

from antigravity_addon.gateway.tasks import beside_the_loop
from antigravity_addon.translate.openai_completions.request import prompts_of, to_gemini
from antigravity_addon.translate.openai_completions.response import CompletionStream, CompletionWhole
from antigravity_addon.wire.openai_completions.request import CompletionRequest, parse

from .dialect import Call, Identity, Surroundings, conversation_ids


class _CompletionPrepared:
    def __init__(self, request: CompletionRequest, model: str, size: int) -> None:
        prompts = prompts_of(request)
        self.bodies = tuple(to_gemini(request, prompt, model) for prompt in prompts)
        self.size = size
        self._echoes = prompts if request.echo else ("",) * len(prompts)
        self._include_usage = bool(request.stream_options and request.stream_options.include_usage)

    def streamed(self, identity: Identity) -> CompletionStream:
        return CompletionStream(
            response_id=f"cmpl-{identity.response_id}",
            created=identity.created,
            model=identity.model,
            echoes=self._echoes,
            include_usage=self._include_usage,
        )

    def whole(self, identity: Identity) -> CompletionWhole:
        return CompletionWhole(
            response_id=f"cmpl-{identity.response_id}",
            created=identity.created,
            model=identity.model,
            echoes=self._echoes,
        )

    async def keep(self) -> None:
        """There is nothing that a later request could refer to."""


def read_completion(body: bytes, _content_type: str = "") -> Call:
    request = parse(body)

    async def prepare(model: str, _surroundings: Surroundings) -> _CompletionPrepared:
        size = len(body)
        return await beside_the_loop(lambda: _CompletionPrepared(request, model, size), size=size)

    return Call(
        request.model, bool(request.stream), prepare, conversation=conversation_ids(user=request.user)
    )

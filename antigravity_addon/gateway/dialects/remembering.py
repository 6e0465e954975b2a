"""Thought signatures between requests: looked up for clients that drop them, kept for those that will."""

import logging
from collections.abc import Collection, Mapping

from antigravity_addon.state.memory import KeptSignature, StateError
from antigravity_addon.translate.conversation import Signature

from .dialect import Surroundings

logger = logging.getLogger(__name__)


async def recall_signatures(
    surroundings: Surroundings, ids: Collection[str], *, model: str
) -> Mapping[str, Signature]:
    """Those of the ids that are known, as far as `model` gave them out: another model holds them for forged."""
    if not ids:
        return {}
    try:
        kept = await surroundings.memory.signatures(surroundings.owner, ids)
    except StateError as error:
        logger.warning("Thought signatures could not be looked up: %s", error)
        return {}
    return {
        call_id: Signature(signature.signature, signature.upstream_id)
        for call_id, signature in kept.items()
        if signature.model == model
    }


async def keep_signatures(
    surroundings: Surroundings, signatures: Mapping[str, Signature], *, model: str
) -> None:
    if not signatures:
        return
    kept = {
        call_id: KeptSignature(signature.value, model, signature.upstream_id)
        for call_id, signature in signatures.items()
    }
    try:
        await surroundings.memory.keep_signatures(surroundings.owner, kept)
    except StateError as error:
        logger.warning("Thought signatures could not be kept: %s", error)

"""The models that there are for a client, and the bodies of the model endpoints."""

from antigravity_addon.errors import ModelNotFound
from antigravity_addon.wire.openai_models import Model, ModelList

from .catalog import Catalog, Match
from .clients import Client


class Models:
    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def match(self, name: str, client: Client) -> Match:
        """The rule that serves `name`.

        Raises: ModelNotFound: none, or it is not for this client.
        """
        match = self._catalog.match(name)
        if not client.may_use(name, match.model):
            raise ModelNotFound(
                f"The model {name[:200]!r} does not exist or you do not have access to it. GET /v1/models lists "
                "the names that this API key may use."
            )
        return match

    def list(self, client: Client) -> bytes:
        names = (name for name in self._catalog.names() if client.may_use(name, self._catalog.resolve(name)))
        return ModelList(data=tuple(self._model(name) for name in names)).to_json()

    def one(self, name: str, client: Client) -> bytes:
        self._catalog.require(name)
        self.match(name, client)
        return self._model(name).to_json()

    def _model(self, name: str) -> Model:
        return Model(id=name, created=self._catalog.created, owned_by="google")

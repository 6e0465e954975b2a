"""Accounts -> what upstream requests are paid with."""

from antigravity_addon.accounts.account import Account, ApiKey, ExpressKey

from .endpoint import Authorization


class AccountAuthorizer:
    async def authorize(self, account: Account) -> Authorization:
        """See `Authorizer`."""
        match account.credential:
            case ApiKey(key=key) | ExpressKey(key=key):
                # not `?key=`, which ends up in logs
                return Authorization({"x-goog-api-key": key.get_secret_value()})
            case kind:
                raise NotImplementedError(kind)

    def reject(self, account: Account, authorization: Authorization) -> bool:
        """See `Authorizer`."""
        _ = account, authorization
        return False

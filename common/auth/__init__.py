"""Who calls: API keys, JWTs signed with them, operators' tokens; what they may do: scopes."""

from common.auth.bearer import Authenticator, Refused, Why
from common.auth.principals import KeyType, Mode, Operator, Principal, ServiceKey

__all__ = ["Authenticator", "KeyType", "Mode", "Operator", "Principal", "Refused", "ServiceKey", "Why"]

"""What a caller does about a refusal: by its own kind where there is more to say, else by its family."""

from __future__ import annotations

from common import errors
from common.errors import ServiceError
from common.http.refusals import MethodNotAllowed

_FAMILIES: dict[type[ServiceError], str] = {
    errors.BadRequest: "Correct the request. Sent again as it is, it gets the same answer.",
    errors.Unauthorised: "Send `Authorization: Bearer …` with an API key, a token signed by one, or an operator token.",
    errors.Forbidden: "Use a key or token that is meant for this. Sending it again does not help.",
    errors.NotFound: "Check the address and the id, and that the key belongs to the right service.",
    errors.Conflict: "Read the present state, then decide anew.",
    errors.PayloadTooLarge: "Send less.",
    errors.TooManyRequests: "Wait for `Retry-After` seconds, then send it again.",
    errors.Unavailable: "Wait for `Retry-After` seconds, then send it again, with the same `Idempotency-Key`.",
    MethodNotAllowed: "Use one of the methods in the `Allow` header.",
}

KINDS: dict[str, str] = {
    "already-member": "Nothing needs doing, or remove the old entry first.",
    "already-present": "Use the one that is there.",
    "channel-not-allowed": "Ask an operator: `colonnade notify settings set SERVICE --channels email,sms`.",
    "client-gone": "Nothing: this only stands in our own logs.",
    "credentials-refused": "See the detail: revoked, expired, unknown, a wrong network, or a clock more than 30 s out.",
    "default-needed": "Make another one the default first.",
    "file-not-by-email": "Take the file out of the personalisation.",
    "files-not-set-up": "Files by e-mail do not exist in this version yet.",
    "idempotency-key-reused": "Use a new key for a new request; only the very same body gets the first answer again.",
    "international-not-allowed": "Ask an operator: `colonnade notify settings set SERVICE --international-sms`.",
    "invalid-input": "Correct every field that `faults` names; all are named at once.",
    "key-ended": "Issue a new key.",
    "key-waits": "Restart every program with the ring, run `colonnade ring promote`, restart them all again.",
    "message-not-scheduled": "Nothing can be done: the message is on its way or was never scheduled.",
    "message-too-long": "Shorten the template or the values.",
    "message-unknown": "For gateways: come again later, for some hours. The message may not be stored yet.",
    "name-taken": "Choose another name.",
    "nothing-aside": "Nothing needs doing.",
    "personalisation-missing": "Send a value for each placeholder named. An empty text is a value, null is not.",
    "rate-exceeded": "Wait for `Retry-After` seconds. A refused request takes nothing from the limit.",
    "recipient-not-allowed": "Add the person to the team or guest list, or use a live key of a live service.",
    "restore-cut-off": "`colonnade restore --put-back`, or `--drop-replaced` to keep what was restored.",
    "ring-does-not-fit": "Point KEYS_FILE at the ring of this database.",
    "schema-errors": "Correct every field that `errors` names; all are named at once.",
    "scope-missing": "Use a key with the scope that the detail names: `colonnade key issue … --scopes`.",
    "send-limit-reached": "Wait until midnight UTC, or ask an operator for a higher daily limit.",
    "sender-unknown": "Use an id from `GET /v1/reply-to-addresses` or `/v1/sms-senders`; archived ones do not count.",
    "service-not-named": "Add `?service_id=…`.",
    "signing-key-retired": "Make a new signing key: `colonnade operator new-key`.",
    "template-archived": "Use another template. An archived one can still be read.",
    "template-not-found": "Check the id, and that the key belongs to the service that has the template.",
    "template-version-conflict": "Read the template, make the change again, send it with the new `version`.",
    "unsubscribe-link-expired": "Nothing: a link works for a year.",
    "unsubscribe-link-not-valid": "Copy the whole link.",
}


def advice_for(kind: type[ServiceError]) -> str:
    """What to do about a refusal."""
    if kind.kind in KINDS:
        return KINDS[kind.kind]
    return next((text for family, text in _FAMILIES.items() if issubclass(kind, family)), _FAMILIES[errors.BadRequest])

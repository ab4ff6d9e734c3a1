"""How an https endpoint proves who it is: by the system's own store of certificates, or by one file of a private CA.

httpx alone would trust a list that comes with a Python package, which a company's administrator can not add to.
truststore asks the system itself (the keychain of macOS, the store of Windows, OpenSSL's folders elsewhere).
"""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import TYPE_CHECKING

from reviewer.errors import ConfigError, EngineCertificateError, EngineUnreachableError

if TYPE_CHECKING:
    from reviewer.engine.client.endpoint import Endpoint
    from reviewer.errors import EngineError

_NOT_TLS = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "UNEXPECTED_MESSAGE")


def context(endpoint: Endpoint) -> ssl.SSLContext:
    """What a client of this endpoint checks certificates with; for plain http one that trusts nobody.

    Raises:
        ConfigError: The file of certificates cannot be read.
    """
    if endpoint.uds is not None or not endpoint.url.startswith("https://"):
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # reading a store nobody needs would slow every hook
    if endpoint.ca_file is None:
        import truststore

        return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        return ssl.create_default_context(cafile=endpoint.ca_file)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(
            f"the certificates in {endpoint.ca_file} cannot be read: {_reason(error)}",
            hint="engine.ca_file (REVIEWER_ENGINE_CA_FILE) is a PEM file with the certificate of the CA",
        ) from error


def ca_file(name: str | None) -> Path | None:
    """The path of a configured file of certificates; ``~`` is the user's home."""
    return Path(name).expanduser() if name else None


def failure(endpoint: Endpoint, error: BaseException) -> EngineError | None:
    """The error for a connection that failed over TLS; None where it failed otherwise."""
    cause = _ssl_error(error)
    if cause is None:
        return None
    if isinstance(cause, ssl.SSLCertVerificationError):
        return EngineCertificateError(
            f"{endpoint} cannot prove who it is, and nothing was sent: {cause.verify_message or _reason(cause)}",
            hint="for a private CA name its certificate: REVIEWER_ENGINE_CA_FILE=/path/ca.pem (engine.ca_file)",
        )
    return EngineUnreachableError(
        f"no encrypted connection to {endpoint}: {_reason(cause)}",
        hint="is it a server without TLS? then its URL begins with http://" if cause.reason in _NOT_TLS else None,
    )


def _ssl_error(error: BaseException | None) -> ssl.SSLError | None:
    """The TLS failure among what led to an error."""
    while error is not None and not isinstance(error, ssl.SSLError):
        error = error.__cause__ or error.__context__
    return error


def _reason(error: OSError) -> str:
    return getattr(error, "reason", None) or error.strerror or str(error)

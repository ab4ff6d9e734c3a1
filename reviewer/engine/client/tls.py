"""How the certificate of an https endpoint is verified: by the system's trust store, or by the file of a private CA.

httpx alone would trust the list in a Python package, to which an administrator cannot add. truststore asks the system
(macOS's keychain, Windows's store, OpenSSL's folders elsewhere).
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
    """The context that verifies this endpoint's certificates; for plain http an empty one.

    Raises:
        ConfigError: The file of certificates cannot be read.
    """
    if endpoint.uds is not None or not endpoint.url.startswith("https://"):
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # reading the store would slow every hook
    if endpoint.ca_file is None:
        import truststore

        return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        return ssl.create_default_context(cafile=endpoint.ca_file)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(
            f"the certificates in {endpoint.ca_file} cannot be read: {_reason(error)}",
            hint="engine.ca_file (REVIEWER_ENGINE_CA_FILE) must be a PEM file with the CA's certificate",
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
            f"the certificate of {endpoint} is not trusted, nothing was sent: {cause.verify_message or _reason(cause)}",
            hint="for a private CA, set REVIEWER_ENGINE_CA_FILE=/path/ca.pem (engine.ca_file)",
        )
    return EngineUnreachableError(
        f"no encrypted connection to {endpoint}: {_reason(cause)}",
        hint="if the server has no TLS, its URL must begin with http://" if cause.reason in _NOT_TLS else None,
    )


def _ssl_error(error: BaseException | None) -> ssl.SSLError | None:
    """The TLS error among the causes of an error."""
    while error is not None and not isinstance(error, ssl.SSLError):
        error = error.__cause__ or error.__context__
    return error


def _reason(error: OSError) -> str:
    return getattr(error, "reason", None) or error.strerror or str(error)

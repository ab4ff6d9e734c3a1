"""The key of an endpoint: from the settings, or from the system's keyring under the endpoint's own URL.

The keyring is asked only where the user's settings say so: it may be locked, and unlocking it asks the user.
"""

from __future__ import annotations

from reviewer.engine.client.endpoint import API_KEY_VARIABLE, KEYRING_SERVICE
from reviewer.errors import ConfigError


def from_keyring(url: str) -> str | None:
    """The key that the keyring holds for an endpoint; None where it holds none.

    Blocks while a locked keyring asks its owner, so call it in a thread.

    Raises:
        ConfigError: There is no keyring, or it refuses.
    """
    try:
        import keyring
        from keyring.errors import KeyringError
    except ImportError as error:
        raise ConfigError(
            "engine.keyring is on, and the package keyring is not installed",
            hint=f"pip install 'vllm-reviewer[keyring]', or set {API_KEY_VARIABLE}",
        ) from error
    try:
        return keyring.get_password(KEYRING_SERVICE, url) or None
    except KeyringError as error:
        raise ConfigError(
            f"the keyring gives no key for {url}: {str(error).strip() or type(error).__name__}",
            hint=f"unlock it, or set {API_KEY_VARIABLE}",
        ) from error

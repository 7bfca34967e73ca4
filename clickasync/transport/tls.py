"""Which certificates to trust: those that httpx trusts, so that one setting of a machine serves both."""

from __future__ import annotations

import os
import ssl

__all__ = ["client_context"]


def client_context() -> ssl.SSLContext:
    """The context of a client: SSL_CERT_FILE or SSL_CERT_DIR of the environment, else certifi's certificates.

    Raises:
        OSError: they cannot be read. An `ssl.SSLError` is one.
    """
    file, folder = os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")
    if not (file or folder):
        import certifi

        file = certifi.where()
    context = ssl.create_default_context(cafile=file or None, capath=folder or None)
    context.set_alpn_protocols(["http/1.1"])
    return context

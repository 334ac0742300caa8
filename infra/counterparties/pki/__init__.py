"""A certification authority for tests and demonstrations: certificates, OCSP, time stamps, revocation lists."""

from infra.counterparties.pki.routes import router

__all__ = ["router"]

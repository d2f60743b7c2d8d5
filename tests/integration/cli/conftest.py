"""The recording server of the SDK's tests, for the command line."""

from __future__ import annotations

from tests.integration.sdk.conftest import recorder, running

__all__ = ["recorder", "running"]

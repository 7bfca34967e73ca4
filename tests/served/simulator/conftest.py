from __future__ import annotations

from tests.support.simulator import api, gateway

__all__ = ["api", "gateway"]

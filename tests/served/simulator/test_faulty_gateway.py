"""The harness of the fault tests on the simulator's own server: each fault, as a client sees it."""

from __future__ import annotations

import pytest

from clickasync import ClickatellError, Client, OutcomeUnknownError, TransportError
from clickasync.simulator import VOUCHER, Gateway
from tests.support.faulty_gateway import UNSEEN, Fault, FaultyGateway, always

pytestmark = pytest.mark.anyio

HARMLESS = {Fault.FEWER_LINES, Fault.SHUFFLED, Fault.RETRY_SOME}


@pytest.mark.parametrize("fault", [fault for fault in Fault if fault not in HARMLESS])
async def test_each_fault_is_what_it_says(fault: Fault) -> None:
    """What the gateway never saw leaves the voucher fresh, all else uses it up."""
    faulty = FaultyGateway(Gateway(), always("token_pay", fault))
    async with (
        faulty.serve() as url,
        Client(api_id=1, user="demo", password="demo", base_url=url, retries=0, timeout=0.3) as client,
    ):
        with pytest.raises(ClickatellError) as caught:
            await client.redeem(VOUCHER)
    is_unseen = fault in UNSEEN
    assert (VOUCHER in faulty.gateway.accounts.vouchers) == is_unseen
    if not is_unseen or fault is Fault.RESET_UNSEEN:
        assert isinstance(caught.value, OutcomeUnknownError)
    elif fault in (Fault.TOO_MANY, Fault.TOO_MANY_WAIT):
        assert isinstance(caught.value, TransportError)
    assert (faulty.calls["token_pay"], faulty.open_connections) == (1, 0)

"""Failed tokens are counted by address and minute."""

from trunkline.capture.sdk.throttle import MAX_ADDRESSES, FailureThrottle


def test_an_address_is_blocked_for_the_rest_of_the_minute() -> None:
    throttle = FailureThrottle()
    for _ in range(29):
        throttle.failed("192.0.2.1", 1_000)
    assert not throttle.is_blocked("192.0.2.1", 1_000)
    throttle.failed("192.0.2.1", 1_000)
    assert throttle.is_blocked("192.0.2.1", 59_999)
    assert not throttle.is_blocked("192.0.2.2", 59_999)
    assert not throttle.is_blocked("192.0.2.1", 60_000)


def test_it_remembers_so_many_addresses_only() -> None:
    throttle = FailureThrottle(limit=1)
    for number in range(MAX_ADDRESSES + 1):
        throttle.failed(str(number), 0)
    assert not throttle.is_blocked("0", 0)
    assert throttle.is_blocked("1", 0)
    assert throttle.is_blocked(str(MAX_ADDRESSES), 0)

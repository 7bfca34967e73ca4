"""What users write with results: `ok`, `match`, tags and `into`."""

from clickasync import Accepted, Client, Message, Rejected, SendResult, Skipped, Uncertain


def describe(result: SendResult) -> str:
    if result.ok:
        return result.id
    return result.to


def only_accepted(results: list[SendResult]) -> list[str]:
    return [result.id for result in results if result.ok]


def by_class(result: SendResult) -> str:
    match result:
        case Accepted(to=to, id=id):
            return f"{to} {id}"
        case Rejected(to=to, error=error):
            return f"{to} {error}"
        case Uncertain(to=to, climsgid=climsgid, known_to_gateway=known):
            return f"{to} {climsgid} {known}"
        case Skipped(to=to, reason=reason):
            return f"{to} {reason}"


def by_isinstance(result: SendResult) -> str:
    if isinstance(result, Rejected):
        return str(result.error)
    if result.ok:
        return result.id
    return str(result.tag)


def wrong(result: Rejected) -> str:
    return result.reason  # type: ignore


async def send(client: Client) -> dict[object, bool]:
    messages = [
        Message("27821234567", "Hi Ann", tag=1, queue=1),
        Message("27827654321", "Hi Ben", tag={"any": "thing"}),
    ]
    seen: list[SendResult] = []
    results = await client.send_many(messages, into=seen)
    await client.send_many(["27821234567"], "Hi", into=seen)
    await client.send_many(["27821234567", Message("27827654321", "Ho")], "Hi")
    async with client.bulk(messages) as run:
        async for result in run:
            print(result.tag, result.ok)
        print([uncertain.tag for uncertain in run.unfinished])
    return {str(result.tag): result.ok for result in results}

"""gRPC by its own client over TLS, to an app that speaks HTTP/2 in clear text (``protocol: h2c``)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest
import pytest_asyncio

from tests.services.router.certificates import certificate
from tests.services.router.records import http, instance
from tests.services.router.rig import Router
from tests.support.authority import Authority

pytestmark = pytest.mark.asyncio(loop_scope="module")
HOST = "grpc.example"


class Service(grpc.GenericRpcHandler):
    """Messages are plain bytes; what each method does is in its name."""

    def __init__(self) -> None:
        self.cancelled = asyncio.Event()

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
        """The handler of a method."""
        return {
            "/test.Test/Echo": grpc.unary_unary_rpc_method_handler(self.echo),
            "/test.Test/Count": grpc.unary_stream_rpc_method_handler(self.count),
            "/test.Test/Chat": grpc.stream_stream_rpc_method_handler(self.chat),
            "/test.Test/Sum": grpc.stream_unary_rpc_method_handler(self.sum),
            "/test.Test/Fail": grpc.unary_unary_rpc_method_handler(self.fail),
            "/test.Test/Sleep": grpc.unary_unary_rpc_method_handler(self.sleep),
        }.get(details.method)

    async def echo(self, message: bytes, context: grpc.aio.ServicerContext) -> bytes:
        """The message, and its caller's metadata in the trailers."""
        sent = dict(context.invocation_metadata() or ())
        await context.send_initial_metadata((("early", "yes"),))
        context.set_trailing_metadata((("told", str(sent.get("tell", ""))), ("raw-bin", b"\x00\xff")))
        return message

    async def count(self, message: bytes, context: grpc.aio.ServicerContext) -> AsyncIterator[bytes]:
        """As many messages as asked for."""
        for number in range(int(message)):
            yield str(number).encode()

    async def chat(self, messages: AsyncIterator[bytes], context: grpc.aio.ServicerContext) -> AsyncIterator[bytes]:
        """Each message back, in capitals."""
        async for message in messages:
            yield message.upper()

    async def sum(self, messages: AsyncIterator[bytes], context: grpc.aio.ServicerContext) -> bytes:
        """How many bytes came."""
        return str(sum([len(message) async for message in messages])).encode()

    async def fail(self, message: bytes, context: grpc.aio.ServicerContext) -> bytes:
        """Nothing but a status."""
        context.set_trailing_metadata((("why", "nobody knows"),))
        await context.abort(grpc.StatusCode.NOT_FOUND, "no such thing: 100 % sure")
        return b""

    async def sleep(self, message: bytes, context: grpc.aio.ServicerContext) -> bytes:
        """Nothing for a long while."""
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        return b""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service(router: Router) -> AsyncIterator[Service]:
    """The app, registered and routed."""
    handler = Service()
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((handler,))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    await router.lay(instance("grpc-web", "one", port), http(HOST, "grpc-web", protocol="h2c"))
    yield handler
    await server.stop(0)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def channel(router: Router, service: Service, authority: Authority) -> AsyncIterator[grpc.aio.Channel]:
    """A client's channel; it trusts the authority that signed the host's certificate."""
    await router.lay(certificate(router, authority, "grpc", HOST))
    trust = grpc.ssl_channel_credentials(Path(authority.ca).read_bytes())
    named = (("grpc.ssl_target_name_override", HOST), ("grpc.default_authority", HOST))
    async with grpc.aio.secure_channel(f"127.0.0.1:{router.https}", trust, options=named) as opened:
        yield opened


async def test_unary_calls_with_metadata_and_trailers(channel: grpc.aio.Channel) -> None:
    call = channel.unary_unary("/test.Test/Echo")(b"hello", metadata=(("tell", "this"),), timeout=20)
    assert await call == b"hello"
    assert dict(await call.initial_metadata())["early"] == "yes"
    trailers = dict(await call.trailing_metadata())
    assert (trailers["told"], trailers["raw-bin"]) == ("this", b"\x00\xff")
    large = bytes(3 << 20)
    assert await channel.unary_unary("/test.Test/Echo")(large, timeout=30) == large


async def test_a_hundred_calls_at_a_time(channel: grpc.aio.Channel) -> None:
    echo = channel.unary_unary("/test.Test/Echo")
    asked = [str(number).encode() for number in range(100)]
    assert await asyncio.gather(*(echo(message, timeout=30) for message in asked)) == asked


async def test_server_streaming(channel: grpc.aio.Channel) -> None:
    call = channel.unary_stream("/test.Test/Count")(b"1000", timeout=30)
    assert [int(message) async for message in call] == list(range(1000))


async def test_client_streaming(channel: grpc.aio.Channel) -> None:
    async def messages() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield bytes(10_000)

    assert await channel.stream_unary("/test.Test/Sum")(messages(), timeout=30) == b"1000000"


async def test_each_message_of_a_dialogue_passes_at_once(channel: grpc.aio.Channel) -> None:
    call = channel.stream_stream("/test.Test/Chat")(timeout=30)
    for number in range(50):
        await call.write(f"message {number}".encode())
        assert await call.read() == f"MESSAGE {number}".encode()
    await call.done_writing()
    assert await call.read() == grpc.aio.EOF
    assert await call.code() == grpc.StatusCode.OK


async def test_statuses_and_their_details_arrive(channel: grpc.aio.Channel) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await channel.unary_unary("/test.Test/Fail")(b"", timeout=20)
    assert caught.value.code() == grpc.StatusCode.NOT_FOUND
    assert caught.value.details() == "no such thing: 100 % sure"
    assert dict(caught.value.trailing_metadata())["why"] == "nobody knows"
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await channel.unary_unary("/test.Test/Nothing")(b"", timeout=20)
    assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED


async def test_a_deadline_ends_the_call_at_both_ends(channel: grpc.aio.Channel, service: Service) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await channel.unary_unary("/test.Test/Sleep")(b"", timeout=0.5)
    assert caught.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    async with asyncio.timeout(10):
        await service.cancelled.wait()


async def test_without_an_instance_callers_learn_to_try_later(router: Router, authority: Authority) -> None:
    await router.lay(
        http("gone.example", "gone-web", protocol="h2c"), certificate(router, authority, "gone", "gone.example")
    )
    trust = grpc.ssl_channel_credentials(Path(authority.ca).read_bytes())
    named = (("grpc.ssl_target_name_override", "gone.example"), ("grpc.default_authority", "gone.example"))
    async with grpc.aio.secure_channel(f"127.0.0.1:{router.https}", trust, options=named) as opened:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await opened.unary_unary("/test.Test/Echo")(b"", timeout=20)
    assert caught.value.code() == grpc.StatusCode.UNAVAILABLE

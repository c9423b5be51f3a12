"""Calls of routes, answered by the targets of their policy."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import cache, partial
from http import HTTPStatus
from typing import NamedTuple

from starlette.types import ASGIApp, Send
from yarl import URL

from fine_tuning._util.large_bodies import read_beside
from fine_tuning.gateway.answer_cache import AnswerCache, key_of
from fine_tuning.gateway.attempts import Attempt, Attempts
from fine_tuning.gateway.broken_answers import is_broken_body
from fine_tuning.gateway.client_side import ClientSide
from fine_tuning.gateway.exchanges import Exchange
from fine_tuning.gateway.forwarding import Forwarder, UpstreamRequest, pass_back
from fine_tuning.gateway.http_headers import trace_parent
from fine_tuning.gateway.kept_bodies import BodyLimits
from fine_tuning.gateway.litellm_process import LiteLLMProcess
from fine_tuning.gateway.replies import BrokenOff, LocalReply, Reply
from fine_tuning.gateway.route_table import CANDIDATE, KnownRoute, Part
from fine_tuning.gateway.shadowing import Shadowed, Shadows
from fine_tuning.gateway.target_requests import RoutedCall
from fine_tuning.gateway.translation.chat_apis import with_model_in_path
from fine_tuning.gateway.translation.translated_calls import TranslatedCall
from fine_tuning.gateway.upstreams import LOCAL, Upstream
from fine_tuning.gateway.wire_errors import GatewayError
from fine_tuning.store.records.experiment_json import Arm
from fine_tuning.store.workspace import Workspace

_log = logging.getLogger(__name__)
TARGET = b"x-ft-target"  # tells the client which target answered
CHAT = "/chat/completions"
COUNTING = ("/count_tokens", "/input_tokens", ":countTokens")  # ends of paths: a target counts what it would be asked
LOCAL_UPSTREAM = Upstream(LOCAL, LOCAL)
_Translation = Callable[[Part], TranslatedCall | None]


class Question(NamedTuple):
    """A call of a route, before anyone has answered it.

    Attributes:
        call_id: by which a call without a unit is assigned; each try has an id of its own.
        limits: of the bodies that are kept.
        started: by the performance counter.
    """

    route: KnownRoute
    call: RoutedCall
    project: str
    tags: dict[str, str]
    call_id: str
    limits: BodyLimits
    started: float

    def exchange(self, part: Part, address: str, arm: Arm | None = None, pair_id: str | None = None) -> Exchange:
        """A new try of a target."""
        made = Exchange(
            call_id=f"call_{uuid.uuid4().hex}",
            project=self.project,
            upstream=part.target.upstream,
            address=address,
            method="POST",
            path=with_model_in_path(self.call.path, part.target.model),
            tags=self.tags,
            limits=self.limits,
            trace_parent=trace_parent(self.call.headers),
        )
        made.route = {
            "name": self.route.name,
            "revision": self.route.revision,
            "target": str(part.target),
            "role": part.role,
            "pair_id": pair_id,
            "arm": arm,
            "waited": time.perf_counter() - self.started,
            "unit": self.call.body.unit(self.tags),
        }
        return made


class Sources(NamedTuple):
    """Who is asked: the upstreams by name, the key that is held for a project and an upstream, if any, and the process
    that asks LiteLLM's vendors.
    """

    upstreams: Mapping[str, Upstream]
    held: Callable[[str, str], Awaitable[str | None]]
    litellm: LiteLLMProcess


class RouteCalls:
    """Answers calls of routes. One for a process; call `close` at the end.

    Args:
        app: this server, which answers for its own models.
        record: takes each try when it has ended.
    """

    def __init__(
        self,
        forwarder: Forwarder,
        app: ASGIApp,
        sources: Sources,
        workspace: Workspace,
        record: Callable[[Exchange], None],
    ) -> None:
        self._forwarder, self._app, self._sources, self._keep = forwarder, app, sources, record
        self._cache = AnswerCache()
        self.shadows = Shadows(workspace, self._ask_in_shadow)

    async def close(self) -> None:
        """Stop what runs in the background."""
        await self.shadows.close()
        await self._sources.litellm.close()

    async def answer(self, question: Question, client: ClientSide, send: Send) -> None:
        """Answer a call; where the client leaves, it ends at every target.

        Raises:
            GatewayError: no target gave an answer; nothing was sent to the client yet.
        """
        route, call = question.route, question.call
        decision = route.decide(call.body.unit(question.tags) or question.call_id)
        first = decision.chain[0]
        translation = cache(partial(self._translation, call))  # a target that is tried again gets the same one
        chain = await read_beside(len(call.body.text), _chain, translation, decision.chain)
        key = key_of(question.project, f"{route.name} {route.revision}", call, first.target)
        found: Attempt | None = None
        with client.cancelled_when_it_leaves():
            if route.policy.cache is not None and (known := self._cache.get(key)) is not None:
                cached = first._replace(role="cache")
                exchange = question.exchange(cached, self._upstream(first).address, pair_id=known.call_id)
                exchange.keep_request(call.body.text.encode())
                await self._deliver(Attempt(exchange, known.reply, rest=known.reply.pieces()), send)
                return

            def begin(part: Part) -> Exchange:
                arm = decision.arm if part is first else None
                return question.exchange(part, self._upstream(part).address, arm)

            attempts = Attempts(route.policy.fallback, begin, partial(self._open, call, translation), self._record)
            found = await attempts.answer(chain)
            if found.error is not None:
                attempts.abandon(found)
                raise found.error
            await self._deliver(found, send)
        if found is not None and found.reply is not None and _is_good(found.exchange):
            self._offer(question, found.exchange)
            policy = route.policy.cache if _is_of(found.exchange, first) else None
            if policy is not None and not await _is_broken(found.exchange):
                self._cache.put(key, policy, found.exchange, found.reply.headers)

    def _record(self, exchange: Exchange) -> None:
        """Take a try; one that counts tokens is none of the route's, whose figures and tests are about answers."""
        if exchange.path.endswith(COUNTING):
            exchange.route = None
        self._keep(exchange)

    def _upstream(self, part: Part) -> Upstream:
        return LOCAL_UPSTREAM if part.target.is_local else self._sources.upstreams[part.target.upstream]

    def _translation(self, call: RoutedCall, part: Part) -> TranslatedCall | None:
        return call.translation(self._upstream(part), part.target)

    async def _open(self, call: RoutedCall, translation: _Translation, part: Part, exchange: Exchange) -> Reply:
        body = call.body.with_model(part.target.model)
        exchange.keep_request(body)
        upstream, translated = self._upstream(part), await read_beside(len(call.body.text), translation, part)
        if part.target.is_local:
            if translated is None:
                return await LocalReply.open(self._app, call.local_scope(body), body)
            scope = call.local_scope(translated.body, translated.path)
            return await translated.translated(await LocalReply.open(self._app, scope, translated.body), exchange)
        held = await self._sources.held(exchange.project, upstream.name)
        if translated is not None:
            headers = self._forwarder.headers(call.translated_scope(upstream, held))
            if upstream.vendor is not None:
                reply = await self._sources.litellm.open(upstream.vendor, headers, translated.body)
            else:
                url = URL(upstream.url(translated.path), encoded=True)
                reply = await self._forwarder.open(UpstreamRequest("POST", url, headers, translated.body))
            return await translated.translated(reply, exchange)
        headers = self._forwarder.headers(call.scope_at(upstream, held))
        return await self._forwarder.open(UpstreamRequest("POST", call.url(upstream, part.target.model), headers, body))

    async def _deliver(self, found: Attempt, send: Send) -> None:
        """Send an answer, and record it, also where the client leaves."""
        reply, exchange = found.reply, found.exchange
        assert reply is not None  # noqa: S101 - it has begun
        assert exchange.route is not None  # noqa: S101 - it is of one
        more = [(TARGET, exchange.route["target"].encode())]
        try:
            await pass_back(reply, found.pieces(), exchange, send, more)
        finally:
            reply.close()
            exchange.end()
            self._record(exchange)

    def _offer(self, question: Question, exchange: Exchange) -> None:
        """Have the candidate asked, too, where the incumbent has answered."""
        if exchange.route is not None and exchange.route["role"] == "incumbent":
            self.shadows.offer(
                Shadowed(
                    question.route, question.call, question.project, question.tags, exchange.call_id, question.limits
                )
            )

    async def _ask_in_shadow(self, shadowed: Shadowed) -> None:
        part = shadowed.route.shadow_part()
        upstream = self._upstream(part)
        if shadowed.call.path.endswith(CHAT) and (part.target.is_local or upstream.wire == "openai"):
            # nobody reads this stream, and without its tokens it would cost nothing of the budget
            shadowed = shadowed._replace(call=shadowed.call._replace(body=shadowed.call.body.with_usage()))
        question = Question(*shadowed, time.perf_counter())

        def begin(part: Part) -> Exchange:
            return question.exchange(part, upstream.address, pair_id=shadowed.call_id)

        fallback = shadowed.route.policy.fallback.model_copy(update={"retries": 0, "hedge_seconds": None})
        open_reply = partial(self._open, shadowed.call, partial(self._translation, shadowed.call))
        attempts = Attempts(fallback, begin, open_reply, self._record)
        found = await attempts.answer([part])
        try:
            async with asyncio.timeout(self._forwarder.limits.shadow):
                async for piece in found.pieces():
                    found.exchange.keep_response(piece)
            found.exchange.is_whole = found.error is None
        except (BrokenOff, TimeoutError):
            pass
        finally:
            found.first = None  # it is kept already
            attempts.abandon(found)


def _is_good(exchange: Exchange) -> bool:
    return exchange.is_delivered and exchange.status == HTTPStatus.OK


def _is_of(exchange: Exchange, part: Part) -> bool:
    """Whether a target has answered, and not one that took its place, whose answers are not to outlast its failure."""
    return exchange.route is not None and exchange.route["target"] == str(part.target)


async def _is_broken(exchange: Exchange) -> bool:
    """Whether a response is no answer; one that was not kept may be."""
    if exchange.response is None:
        return False
    raw = bytes(exchange.response.content)
    return await read_beside(len(raw), is_broken_body, exchange.path, raw, exchange.response_encoding)


def _chain(translation: _Translation, drawn: Sequence[Part]) -> list[Part]:
    """The targets that are asked one after the other.

    Raises:
        GatewayError: 400, the incumbent cannot be asked: no fallback hides it.
    """
    first, *others = drawn
    if first.role != CANDIDATE:
        translation(first)
    return [first, *(each for each in others if _can_be_asked(translation, each))]


def _can_be_asked(translation: _Translation, part: Part) -> bool:
    try:
        translation(part)
    except GatewayError as error:
        _log.info("%s is no fallback of this call: %s", part.target, error)
        return False
    return True

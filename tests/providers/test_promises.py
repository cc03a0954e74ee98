"""What every provider promises (docs/providers.md), asked of each of them on a server that misbehaves.

Each call goes each way: directly, to a server of an authority of one's own, and through a proxy.
"""

import contextlib
import itertools
import json
import logging
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from backend.domain.clock import Clock
from backend.domain.errors import (
    CatalogueUnavailable,
    DeliveryRefused,
    KeysUnavailable,
    ProviderBusy,
    ProviderError,
    ProviderForgot,
    ProviderRefused,
    ProviderUnanswered,
    ProviderUnsent,
)  # fmt: skip
from backend.providers.base import Errored, Finished, Receipt, RequestRef
from backend.providers.fal import listing_pages
from tests.loopback import answer, raw
from tests.providers.provider_cases import KEY, PROVIDER_CASES
from tests.providers.ways import PROXY_PASSWORD, WAYS, open_way

PAYLOAD = {"prompt": "A red dress"}
WEBHOOK = "http://127.0.0.1:1/api/video/webhook/job/token-of-a-test"
SECRET = KEY.partition(":")[2]
#: As long as a call may take here, in seconds.
PATIENCE_S = 1.0
#: The line closed without a word.
hang_up = raw(b"")
#: Where nobody listens.
NOBODY_PORT = 1
PAGE = b"<html><h1>502 Bad Gateway</h1><hr>nginx</html>"


@pytest.fixture(params=PROVIDER_CASES, ids=lambda case: case.name)
def any_way(request, monkeypatch):
    """Waits between two tries are told by the tests of the listing."""
    monkeypatch.setattr(listing_pages, "FIRST_WAIT_S", 0.01)
    return request.param


@pytest.fixture(params=WAYS)
def way(request, authority, forward_proxy):
    with open_way(request.param, authority, forward_proxy) as opened:
        yield opened


@pytest.fixture
def case(any_way, way):
    """A provider that goes this way."""
    return replace(any_way, build=partial(any_way.build, outbound=way.outbound))


@pytest.fixture
def listen(way):
    """A function from what a server does to the server at the end of this way."""
    return way.listen


def each_way(what, values, some):
    """All values directly, and some of them each other way: that an answer has its meaning there, too."""
    others = [(way, value) for way in WAYS[1:] for value in some]
    return pytest.mark.parametrize(
        ("way", what), [*(("direct", value) for value in values), *others], indirect=["way"]
    )


def outcome(call, *allowed):
    """What a call gave; nothing but what the protocol allows may be raised."""
    try:
        return call()
    except allowed as error:
        return error


def submit(case, url, patience_s=5.0):
    """What one submit returned or raised."""
    provider = case.build(url, patience_s)
    return outcome(lambda: provider.submit("a/model", PAYLOAD, webhook_url=WEBHOOK), ProviderError)


def calls(provider):
    """What goes to a provider besides a submit: questions, then a photo, and the question what it offers."""
    ref, photo = RequestRef("a/model", "r-1"), (b"\xff\xd8\xff", "image/jpeg", "x.jpg")
    return [
        *(partial(outcome, partial(ask, ref), ProviderBusy, ProviderForgot)
          for ask in (provider.status, provider.result, provider.cancel)),
        partial(outcome, lambda: provider.list_requests("a/model", since=datetime.now(UTC)), ProviderBusy),
        partial(outcome, provider.key_works, ProviderBusy),
        partial(outcome, lambda: provider.upload(*photo), ProviderUnsent, ProviderRefused),
        partial(outcome, lambda: provider.fetch_catalogue(on_progress=str), CatalogueUnavailable),
    ]  # fmt: skip


def everything(provider):
    """What each of them gave."""
    return [call() for call in calls(provider)]


def questions(provider):
    """The same, without the photo and the catalogue."""
    return [call() for call in calls(provider)[:-2]]


def kept(error):
    """An error can be stored and shown: a short code, words, and a detail of 64 K of text at most."""
    assert error.code
    assert " " not in error.code
    assert 10 < len(str(error)) < 5_000
    assert len(json.dumps(error.detail)) < 70_000
    assert "\0" not in json.dumps([error.code, str(error), error.detail], ensure_ascii=False)


def nothing_is_proved(case, url, *verdicts):
    """A catalogue is read whole or not at all, a photo tried later or sent otherwise."""
    *asked, photo, catalogue = everything(case.build(url, PATIENCE_S))
    assert not any(isinstance(got, (Finished, *verdicts)) for got in asked)
    assert isinstance(photo, (ProviderUnsent, ProviderRefused))
    assert catalogue == [] or isinstance(catalogue, CatalogueUnavailable)
    for got in (*asked, photo):
        if isinstance(got, ProviderError):
            kept(got)


# -- one request, one POST; a question that is not answered is no verdict -----------------------

#: Answers that hold nothing usable, and leave open what became of a request; None: half of a good one.
USELESS = {
    "closed without an answer": hang_up,
    "half an answer": None,
    "no HTTP at all": raw(b"\x16\x03\x01 hello?\r\n\r\n"),
    "garbage": answer(200, b"OK \0\xff {"),
    "nothing": answer(200, b""),
    "another shape": answer(200, b"null"),
    "a bomb": answer(200, b"[" * 200_000),
    "a 202 without a body": answer(202, b""),
    "some proxy's 502": answer(502, PAGE, Content_Type="text/html"),
    "some proxy's 504": answer(504, PAGE, Content_Type="text/html"),
    "a length that is no number": raw(b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n{"),
}


@each_way("what", USELESS, ["closed without an answer", "half an answer", "some proxy's 502"])
def test_an_answer_that_leaves_it_open_is_unanswered_after_one_post_and_proves_nothing(case, listen, what):
    half = raw(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n" + case.accepts)
    peer = listen(USELESS[what] or half)
    got = submit(case, peer.url)
    assert isinstance(got, ProviderUnanswered), got
    assert len(peer.seen) == 1
    kept(got)
    blocking = case.build(peer.url, 1).blocking  # such a one forgets everything
    nothing_is_proved(case, peer.url, Errored, *([] if blocking else [ProviderForgot]))


STATUSES = [400, 401, 402, 403, 404, 405, 407, 408, 409, 413, 418, 422, 425, 429, 451, 500, 502, 503, 504]


@each_way("status", STATUSES, [407, 422, 429, 502])
def test_a_definite_no_is_told_with_its_reason_and_nothing_else_counts_as_one(case, listen, status):
    """A breakdown is never taken for a refusal, nor a 407 that comes through a proxy for the proxy's own."""
    peer = listen(answer(status, case.error(status, "Not like this, please.")))
    got = submit(case, peer.url)
    unsent = status in case.later or (status >= 500 and case.own_5xx_is_unsent)
    if status in case.refusals:
        assert type(got) is ProviderRefused
        assert "Not like this, please." in str(got)
    else:
        assert type(got) is (ProviderUnsent if unsent else ProviderUnanswered)
    assert len(peer.seen) == 1
    kept(got)
    nothing_is_proved(case, peer.url)


def test_accepted_requests_are_one_post_each_with_a_receipt_or_with_their_end(case, listen):
    """Many at once, too."""
    peer = listen(answer(200, case.accepts))
    with ThreadPoolExecutor(8) as pool:
        got = list(pool.map(lambda _: submit(case, peer.url), range(8)))
    expected = Finished if case.build(peer.url, 1).blocking else Receipt
    assert [type(one) for one in got] == [expected] * 8
    assert len(peer.seen) == 8
    assert all(b"A red dress" in one.body for one in peer.posts)


@pytest.mark.parametrize("where", ["nobody is there", "no such name", "no TLS"])
def test_a_server_that_can_not_be_spoken_to_got_nothing(case, way, where):
    peer = way.listen(answer(200, case.accepts), tls=False)
    scheme = way.origin.partition(":")[0]
    urls = {"nobody is there": f"{way.origin}:{NOBODY_PORT}", "no such name": f"{scheme}://nobody.invalid:1",
            "no TLS": peer.url.replace("http://", "https://")}  # fmt: skip
    got = submit(case, urls[where])
    assert type(got) is ProviderUnsent
    assert peer.posts == []
    told = "".join(traceback.format_exception(got))  # as a log would show it
    assert "invalid" not in told, "the words of the library hold the URL, and so the webhook's token"
    kept(got)
    nothing_is_proved(case, urls[where], Errored)


# -- an end to it -------------------------------------------------------------------------------


#: What a server begins with before it drips or is silent for good.
HEADS = {
    "the body": b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{",
    "the headers": b"HTTP/1.1 404 X\r\nX: ",
    "nothing": b"",
}


@pytest.mark.parametrize("what", HEADS)
def test_a_call_ends_whatever_the_server_is_at_and_what_came_by_then_is_no_answer(
    any_way, what, authority, forward_proxy
):
    """The servers go on for as long as the test. All calls are made at once, as each takes its time."""
    over = threading.Event()

    def does(connection):
        connection.sendall(HEADS[what])
        while not over.wait(0.05):
            connection.sendall(b" " if HEADS[what] else b"")

    with contextlib.ExitStack() as opened, ThreadPoolExecutor(32) as pool:
        opened.callback(over.set)
        ways = [opened.enter_context(open_way(name, authority, forward_proxy)) for name in WAYS]
        peers = [way.listen(does) for way in ways]
        cases = [replace(any_way, build=partial(any_way.build, outbound=way.outbound)) for way in ways]
        sent = list(pool.map(lambda case, peer: submit(case, peer.url, PATIENCE_S * 2), cases, peers))
        assert [type(one) for one in sent] == [ProviderUnanswered] * len(WAYS)
        assert [len(peer.seen) for peer in peers] == [1] * len(WAYS)
        asked = [calls(case.build(peer.url, PATIENCE_S / 2)) for case, peer in zip(cases, peers, strict=True)]
        got = list(pool.map(lambda call: call(), itertools.chain(*asked)))
    if not any_way.build("http://127.0.0.1", 1).blocking:
        assert all(isinstance(one, (ProviderBusy, ProviderUnsent, CatalogueUnavailable)) for one in got), got


@pytest.mark.parametrize("way", ["direct"], indirect=True)
def test_no_answer_is_read_without_a_bound(case, listen):
    """Besides what is read, some is on its way: systems let the buffers of two sockets grow to 36 MB."""
    on_the_way, taken = 64, [0]  # megabytes

    def flood(connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
        for megabyte in range(256):
            connection.sendall(b" " * 2**20)
            taken.append(megabyte + 1)

    peer = listen(flood)
    assert type(submit(case, peer.url)) is ProviderUnanswered
    assert max(taken) < 4 + on_the_way
    assert everything(case.build(peer.url, 10))
    assert max(taken) < 32 + on_the_way


# -- the key ------------------------------------------------------------------------------------


def test_the_key_stands_in_the_authorization_header_and_nowhere_else(case, listen, monkeypatch, tmp_path):
    """Whatever a netrc file says. Which proxies count, the settings say, and no library by itself."""
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login nobody password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    trap, peer = listen(answer(200, case.accepts)), listen(answer(200, case.accepts))
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, trap.url)
        monkeypatch.setenv(name.lower(), trap.url)
    submit(case, peer.url)
    assert SECRET in peer.posts[0].headers["authorization"]
    everything(case.build(peer.url, PATIENCE_S))
    assert trap.seen == []
    assert len([one for one in peer.posts if b"A red dress" in one.body]) == 1
    for seen in peer.seen:
        assert SECRET in seen.headers.pop("authorization", SECRET)
        assert SECRET not in repr(seen)
        assert "proxy-authorization" not in seen.headers
    assert SECRET not in repr(case.build(peer.url, 1))


@pytest.mark.parametrize("status", [200, 400, 401, 403, 422, 500, 502, "hung up", "nobody there"])
def test_neither_an_answer_that_repeats_the_key_nor_a_lost_one_spreads_it(case, way, status, caplog):
    """Nor the proxy's password, nor the webhook's token; only lines of libraries for debugging hold that."""
    caplog.set_level(logging.DEBUG)
    words = f"Your key {KEY} ({SECRET}) is not good."
    does = hang_up if isinstance(status, str) else answer(status, case.error(status, words))
    url = f"{way.origin}:{NOBODY_PORT}" if status == "nobody there" else way.listen(does).url
    got = submit(case, url)
    told = "".join(traceback.format_exception(got)) if isinstance(got, Exception) else ""
    asked = [repr(one) + repr(getattr(one, "__dict__", "")) for one in questions(case.build(url, PATIENCE_S))]
    for text in (told, repr(got), repr(getattr(got, "detail", "")), caplog.text, *asked):
        assert SECRET not in text
        assert PROXY_PASSWORD not in text
    logged = [record.getMessage() for record in caplog.records if record.levelno >= logging.INFO]
    assert "token-of-a-test" not in f"{got} {getattr(got, 'detail', '')} {logged}"


# -- where it goes ------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(case, listen, status):
    other = listen(answer(200, case.accepts))
    peer = listen(answer(status, b"", Location=f"{other.url}/caught"))
    assert type(submit(case, peer.url)) is ProviderUnanswered
    assert len(peer.seen) == 1
    questions(case.build(peer.url, PATIENCE_S))
    assert other.seen == []


# -- deliveries ---------------------------------------------------------------------------------


def test_a_call_that_claims_nothing_is_nobodys_delivery(case, listen):
    provider, now = case.build(listen(answer(200, case.keys)).url, PATIENCE_S), datetime.now(UTC)
    others = [one.deliver(now, b"{}") for one in PROVIDER_CASES if one.deliver and one.name != case.name]
    for strangers in ({}, {"Content-Type": "text/html", "Authorization": "Bearer x"}, *others):
        assert provider.verify_delivery(list(strangers.items()), b"{}", now=now) is None


def test_a_delivery_is_believed_as_it_was_signed_and_not_otherwise_nor_without_keys(case, listen):
    provider, now = case.build(listen(answer(200, case.keys)).url, PATIENCE_S), datetime.now(UTC)
    assert (provider.load_signing_keys() > 0) == (case.deliver is not None)
    if case.deliver is None:
        return
    lines = list(case.deliver(now, case.done).items())
    believed = provider.verify_delivery(lines, case.done, now=now)
    assert (believed.provider, believed.stale) == (case.name, False)
    assert believed.account
    assert believed.content == provider.read_delivery(case.done)
    assert isinstance(believed.content.outcome, Finished)
    assert believed.content.request_id == believed.request_id == "r-1"
    assert provider.verify_delivery(lines, case.done, now=now + timedelta(days=1)).stale
    shortened = [(lines[:gone] + lines[gone + 1 :], case.done) for gone in range(len(lines))]
    for wrong in ((lines, case.done + b" "), *shortened):
        with pytest.raises(DeliveryRefused):
            provider.verify_delivery(*wrong, now=now)
    keyless = case.build(listen(answer(503, b"")).url, PATIENCE_S)
    with pytest.raises(KeysUnavailable) as unavailable:
        keyless.verify_delivery(lines, case.done, now=now)
    assert "must be reachable" in unavailable.value.remedy


def test_a_delivery_that_can_not_be_understood_has_no_outcome(any_way):
    for body in (b"", b"\xff\0", b"[]", b"{}", b"[" * 200_000, b'{"request_id": 7}', any_way.done[:-5]):
        assert any_way.build("http://127.0.0.1:1", 1).read_delivery(body).outcome is None


# -- itself -------------------------------------------------------------------------------------


def test_it_says_who_it_is_and_how_many_calls_it_holds_open_and_making_it_opens_nothing(case, listen):
    peer = listen(hang_up)
    provider = case.build(peer.url, 1)
    assert provider.name == case.name
    assert (provider.max_concurrent_calls is not None) == provider.blocking
    assert all(model.provider == provider.name for model in provider.unlisted_models())
    assert peer.seen == []


def test_every_provider_that_is_registered_stands_here():
    from backend.bootstrap import PROVIDER_FACTORIES
    from backend.settings import Settings

    registered = {make(Settings(), Clock()).name for make in PROVIDER_FACTORIES}
    assert registered == {one.name for one in PROVIDER_CASES}

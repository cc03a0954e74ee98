"""The shipped nginx configuration in front of hosts that keep what reaches them."""

import re
from collections import Counter

import pytest
from urllib3 import HTTPHeaderDict
from urllib3.exceptions import SSLError

from backend.web import webhooks
from backend.web.api.request_parts import JSON_MAX_BYTES
from backend.web.app import BODY_MAX_BYTES
from tests.deploy.front import DASHBOARD, DEPLOY, HOOKS, KNOWN, die
from tests.loopback import answer
from tests.ports import reserve_port
from tests.waiting import eventually

pytestmark = pytest.mark.needs("nginx")

WEBHOOK = "/api/video/webhook/0190-a-job/token-that-no-log-may-show"
SIGNED = "/media/a.mp4?e=1&s=signature-that-no-log-may-show"
MIB = 1024 * 1024
#: What a careful reader would take out of the configuration, and what then happens, is tested too.
REPEATS = {"proxy_next_upstream error timeout;": "proxy_next_upstream error timeout non_idempotent;"}


@pytest.fixture
def behind(host):
    return host("behind")


@pytest.fixture
def front(nginx, behind):
    return nginx(behind.place)


def test_nginx_finds_nothing_to_complain_about(nginx):
    checked = nginx().check()

    assert checked.returncode == 0, checked.stderr
    assert "warn" not in checked.stderr


def test_the_upstreams_of_compose_find_a_container_that_was_made_anew(front):
    """As far as this nginx can tell, which is older than `resolve`."""
    files = ("upstreams.conf", "who-upstream.conf")
    text = "".join((DEPLOY / "nginx/compose" / name).read_text() for name in files)
    assert len(re.findall(r"^    server .* resolve;$", text, re.MULTILINE)) == 3
    assert text.count("\n    server ") == text.count("\n    zone ") == 3
    version = re.search(r"library/nginx:(\d+)\.(\d+)", (DEPLOY / "compose.yaml").read_text())
    assert version
    assert (int(version[1]), int(version[2])) >= (1, 28)

    here = re.sub(r"server \w+:", "server 127.0.0.1:", text.replace(" resolve;", ";"))
    (front.folder / "dailies/upstreams.conf").write_text(here)
    checked = front.check()
    assert checked.returncode == 0, checked.stderr


# -- nothing is asked for twice -----------------------------------------------------------------


def ill(seen):
    """The provider is told to deliver again; who repeats it here would hide that a host is ill."""
    return answer(503)


@pytest.mark.parametrize("path", ["/api/video/start", WEBHOOK])
@pytest.mark.parametrize(
    ("does", "change", "status", "asked"),
    [(die, {}, 502, 1), (die, REPEATS, 502, 2), (ill, {}, 503, 1)],
    ids=["dies", "control", "ill"],
)
def test_a_post_is_never_repeated_to_a_second_host(nginx, host, path, does, change, status, asked):
    first, second = host("first", does), host("second", does)
    front = nginx(first.place, second.place, change=change)

    assert front.call(HOOKS, "POST", path, b"{}").status == status
    assert len(first.seen) + len(second.seen) == asked


def test_who_takes_no_connection_is_passed_over_and_a_question_also_goes_past_who_dies(nginx, host, behind):
    dying = host("dying", die)
    front = nginx(f"127.0.0.1:{reserve_port()}", behind.place)
    assert {front.call(HOOKS, "POST", "/api/video/start", b"{}").status for _ in range(6)} == {200}
    assert len(behind.seen) == 6

    front = nginx(dying.place, behind.place)
    assert {front.call(HOOKS, "GET", "/api/video/history").data for _ in range(3)} == {b"behind"}
    assert dying.seen


# -- limits ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "path", "passes", "refused"),
    [
        (HOOKS, WEBHOOK, webhooks.BODY_MAX_BYTES, 2 * MIB),
        (HOOKS, "/api/video/start", JSON_MAX_BYTES, 2 * MIB),
        (HOOKS, "/api/video/upload", BODY_MAX_BYTES, 40 * MIB),
        (DASHBOARD, "/_stcore/upload_file/session/file", 33 * MIB, 40 * MIB),
        (DASHBOARD, "/", MIB, 2 * MIB),
    ],
)
def test_what_is_too_large_is_refused_before_it_reaches_a_host(front, behind, name, path, passes, refused):
    answers = [front.call(name, "POST", path, bytes(size), KNOWN).status for size in (refused, passes)]

    assert answers == [413, 200]
    assert [len(seen.body) for seen in behind.seen] == [passes]


def test_scripts_are_slowed_down_and_deliveries_have_room_of_their_own(front):
    def ask(method: str, path: str) -> Counter[int]:
        """400 calls over one connection: without a handshake each, they come faster than any limit."""
        with front.connect(HOOKS) as line:
            return Counter(line.request(method, path).status for _ in range(400))

    scripts, deliveries = ask("GET", "/api/models"), ask("POST", WEBHOOK)
    assert set(scripts) == {200, 429}
    assert scripts[200] >= 40
    assert deliveries == {200: 400}


# -- who comes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["/", "/_stcore/stream", "/app/static/media/x.mp4", "/static/x.js", "/_stcore/upload_file/a/b"]
)
def test_nothing_of_the_dashboard_is_answered_before_it_is_known_who_asks(front, behind, path):
    stranger = front.call(DASHBOARD, "GET", path)
    known = front.call(DASHBOARD, "GET", path, headers=KNOWN)

    assert (stranger.status, len(behind.seen)) == (302, 1)
    assert stranger.headers["location"].endswith(f"/oauth2/start?rd={path}")
    assert (known.status, known.data) == (200, b"behind")


def test_without_the_login_nobody_gets_in(nginx, behind):
    front = nginx(behind.place, change={"http://dailies_who;": f"http://127.0.0.1:{reserve_port()};"})

    assert front.call(DASHBOARD, "GET", "/", headers=KNOWN).status >= 500
    assert behind.seen == []


#: What a browser may say of itself, each of it twice, and what nginx is known by.
CLAIMED = HTTPHeaderDict(
    (name, value)
    for name, value in (
        ("X-Forwarded-Email", "root@example.com"), ("x-forwarded-email", "eve@example.com"),
        ("X-Dailies-Proxy", "guessed"), ("X-Dailies-Proxy", "guessed again"),
        ("X-Dailies-Viewer", "forged"), ("X-Dailies-Viewer", "forged again"),
        ("X-Forwarded-User", "root"), ("X-Forwarded-User", "root again"),
        ("X_Forwarded_Email", "root@example.com"),
        ("X-Forwarded-For", "10.9.8.7"), ("X-Real-IP", "10.9.8.7"),
    )
)  # fmt: skip
PROOF = "what-nginx-alone-knows"
PROVEN = {'set $dailies_proof "";': f'set $dailies_proof "{PROOF}";'}
OWN_LOGINS = {"include dailies/who.conf;": "include dailies/who-logins.conf;"}


@pytest.mark.parametrize(
    ("change", "email", "proof"),
    [(PROVEN, "ana@example.com", PROOF), (OWN_LOGINS, None, None)],
    ids=["oauth2-proxy", "own logins"],
)
def test_who_it_is_is_said_by_nginx_once_and_never_by_the_browser(nginx, behind, change, email, proof):
    front = nginx(behind.place, change=change)
    known = CLAIMED.copy()
    known.add("Cookie", KNOWN["Cookie"])

    front.call(DASHBOARD, "GET", "/", headers=known)
    front.call(DASHBOARD, "GET", "/_stcore/stream", headers=known | {"Upgrade": "websocket"})
    front.call(HOOKS, "GET", "/healthz", headers=CLAIMED)

    *pages, script = (seen.headers for seen in behind.seen)
    assert len(pages) == 2
    for told in pages:
        assert (told.get("x-forwarded-email"), told.get("x-dailies-proxy")) == (email, proof)
    for told in (*pages, script):
        assert (told["x-forwarded-for"], told["x-real-ip"]) == ("127.0.0.1", "127.0.0.1")
        assert not {"x-dailies-viewer", "x-forwarded-user", "x_forwarded_email"} & set(told)
    assert not {"x-forwarded-email", "x-dailies-proxy"} & set(script)


#: Dailies below two paths of a name that serves other things too.
BELOW_PATHS = {
    "server_name hooks.example.com;": "server_name hooks.example.com;\ninclude dailies/below-paths.conf;"
}


def test_below_two_paths_of_a_name_pages_ask_who_comes_scripts_do_not_and_no_path_is_changed(nginx, behind):
    front = nginx(behind.place, change=BELOW_PATHS)
    bare = front.call(HOOKS, "GET", "/dailies?model=x")
    assert (bare.status, bare.headers["location"]) == (308, "/dailies/?model=x")

    pages = [
        f"/dailies/{path}"
        for path in (
            "gallery",
            "_stcore/stream",
            "app/static/media/x.mp4",
            "static/x.js",
            "_stcore/upload_file/a/b",
        )
    ]
    strangers = [front.call(HOOKS, "GET", path).headers.get("location", "") for path in pages]
    assert [place.partition("rd=")[2] for place in strangers] == pages
    assert behind.seen == []

    scripts = [
        f"/dailies-api{path}" for path in ("/api/models", WEBHOOK, "/media/a.mp4", "/healthz", "/metrics")
    ]
    for path in pages:
        assert front.call(HOOKS, "GET", path, headers=KNOWN).status == 200
    for path in scripts:
        assert front.call(HOOKS, "GET", path).status == 200
    for path in ("/dailies/_stcore/upload_file/a/b", "/dailies-api/api/video/upload"):
        statuses = [front.call(HOOKS, "PUT", path, bytes(size * MIB), KNOWN).status for size in (33, 40)]
        assert statuses == [200, 413]
    assert [seen.path for seen in behind.seen if not seen.body] == pages + scripts
    assert "token-that-no-log-may-show" not in front.all_logs()
    assert "/dailies-api/api/video/webhook/0190-a-job/-" in front.log()


# -- one browser, one dashboard ---------------------------------------------------------------------------


def test_one_browser_stays_with_one_dashboard_many_are_spread_and_who_loses_it_finds_another(nginx, host):
    homes = {name: host(name.decode()) for name in (b"one", b"two", b"three")}
    front = nginx(*(home.place for home in homes.values()))
    served = set[bytes]()

    def visit(cookie: str = "") -> tuple[bytes, str]:
        """Who answers, and the cookie that comes with it."""
        headers = {"Cookie": f"{KNOWN['Cookie']}; {cookie}"}
        answer = front.call(DASHBOARD, "GET", "/", headers=headers)
        return answer.data, answer.headers.get("set-cookie", "")

    while served != homes.keys():
        first, given = visit()
        cookie, *rest = given.split("; ")
        assert {visit(cookie) for _ in range(3)} == {(first, "")}
        assert {"Secure", "HttpOnly", "SameSite=Lax"} <= set(rest)
        served.add(first)

    homes[first].close()
    assert visit(cookie)[0] in homes.keys() - {first}


# -- names, headers, logs ---------------------------------------------------------------------------------


def test_only_our_names_only_by_tls_and_only_what_a_host_serves_is_answered(front, behind):
    with pytest.raises(SSLError, match=r"(?i)unrecognized name"):
        front.call("elsewhere.example.com", "GET", "/")

    plain = front.call(DASHBOARD, "GET", "/app?x=1", tls=False)
    assert (plain.status, plain.headers["location"]) == (308, f"https://{DASHBOARD}/app?x=1")

    assert front.call(HOOKS, "GET", "/.env").status == 404
    assert front.call(HOOKS, "GET", "/healthz").headers["strict-transport-security"]
    assert [seen.path for seen in behind.seen] == ["/healthz"]


@pytest.mark.parametrize("change", [{}, {" emerg;": " error;"}], ids=["shipped", "control"])
def test_no_token_and_no_signature_stands_in_a_log_even_of_what_went_wrong(nginx, host, change):
    """Hosts that die, and requests that are too large or plain. The control is an error log as usual."""
    front = nginx(host("dying", die).place, change=change)
    front.call(HOOKS, "POST", WEBHOOK, b"{}")
    front.call(HOOKS, "POST", WEBHOOK, bytes(2 * MIB))
    front.call(HOOKS, "GET", SIGNED)
    front.call(DASHBOARD, "GET", f"/app/static{SIGNED}", headers=KNOWN)
    front.call(HOOKS, "POST", WEBHOOK, bytes(2 * MIB), tls=False)
    eventually(lambda: front.log().count("\n") == 4)

    for secret in ("token-that-no-log-may-show", "signature-that-no-log-may-show"):
        assert (secret in front.all_logs()) is bool(change)
    for told in (" 502 ", " 413 ", "/media/a.mp4", "/api/video/webhook/0190-a-job/-"):
        assert told in front.log()


def test_the_hosts_own_answer_comes_through_with_its_parts(nginx, host):
    """Range goes to the host as it came, and its 206 comes back as it is."""
    behind = host("behind", lambda seen: answer(206, b"cde", Content_Range="bytes 2-4/10"))
    front = nginx(behind.place)

    for name, path in ((HOOKS, "/media/a.mp4"), (DASHBOARD, "/app/static/media/a.mp4")):
        got = front.call(name, "GET", path, headers={**KNOWN, "Range": "bytes=2-4"})
        assert (got.status, got.headers["content-range"], got.data) == (206, "bytes 2-4/10", b"cde")
        assert behind.seen[-1].headers["range"] == "bytes=2-4"

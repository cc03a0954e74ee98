"""The shipped nginx configuration in front of hosts that write down what reaches them."""

import http.client
import re
import ssl
from collections import Counter

import pytest

from tests.deploy.front import DASHBOARD, DEPLOY, HOOKS, KNOWN, Host, die
from tests.ports import reserve_port
from tests.waiting import eventually

pytestmark = pytest.mark.needs("nginx")

WEBHOOK = "/api/video/webhook/0190-a-job/token-that-no-log-may-show"
MIB = 1024 * 1024
#: What a careful reader would take out of the configuration, and what then happens, is tested too.
REPEATS = {"proxy_next_upstream error timeout;": "proxy_next_upstream error timeout non_idempotent;"}


def test_nginx_finds_nothing_to_complain_about(nginx):
    checked = nginx().check()

    assert checked.returncode == 0, checked.stderr
    assert "warn" not in checked.stderr


def test_the_upstreams_of_compose_find_a_container_that_was_made_anew(nginx):
    """As far as this nginx can tell, which is older than `resolve`."""
    text = (DEPLOY / "nginx/compose/upstreams.conf").read_text()
    servers = re.findall(r"^    server .*;$", text, re.MULTILINE)
    assert len(servers) == 3
    assert all(server.endswith(" resolve;") for server in servers)
    assert text.count("\n    zone ") == 3
    version = re.search(r"library/nginx:(\d+)\.(\d+)", (DEPLOY / "compose.yaml").read_text())
    assert version
    assert (int(version[1]), int(version[2])) >= (1, 28)

    front = nginx()
    here = re.sub(r"server \w+:", "server 127.0.0.1:", text.replace(" resolve;", ";"))
    (front.folder / "dailies/upstreams.conf").write_text(here)
    checked = front.check()
    assert checked.returncode == 0, checked.stderr


# -- nothing is asked for twice -----------------------------------------------------------------


@pytest.mark.parametrize("path", ["/api/video/start", WEBHOOK])
@pytest.mark.parametrize("change", [{}, REPEATS], ids=["shipped", "control"])
def test_a_post_is_never_repeated_to_a_second_host_when_the_first_dies_with_it(nginx, host, change, path):
    first, second = host("first", die), host("second", die)
    front = nginx(sidecars=[first.place, second.place], change=change)

    assert front.call(HOOKS, "POST", path, b"{}").status == 502
    assert len(first.asked) + len(second.asked) == (2 if change else 1)


def test_a_question_is_asked_of_the_next_host_when_the_first_dies_with_it(nginx, host):
    first, second = host("first", die), host("second")
    front = nginx(sidecars=[first.place, second.place])

    answers = [front.call(HOOKS, "GET", "/api/video/history").body for _ in range(3)]

    assert set(answers) == {b"second"}


def test_a_host_that_takes_no_connection_is_passed_over_also_by_posts(nginx, host):
    alive = host("alive")
    front = nginx(sidecars=[f"127.0.0.1:{reserve_port()}", alive.place])

    answers = {front.call(HOOKS, "POST", "/api/video/start", b"{}").status for _ in range(6)}

    assert (answers, len(alive.asked)) == ({200}, 6)


def test_an_answer_503_of_one_host_is_the_answer(nginx, host):
    """The provider is told to deliver again; who repeats it here would hide that a host is ill."""

    def ill(handler, body):
        handler.send_error(503)

    first, second = host("first", ill), host("second", ill)
    front = nginx(sidecars=[first.place, second.place])

    assert front.call(HOOKS, "POST", WEBHOOK, b"{}").status == 503
    assert len(first.asked) + len(second.asked) == 1


# -- limits ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "path", "size", "status"),
    [
        (HOOKS, WEBHOOK, MIB, 200),
        (HOOKS, WEBHOOK, 2 * MIB, 413),
        (HOOKS, "/api/video/start", 2 * MIB, 413),
        (HOOKS, "/api/video/upload", 33 * MIB, 200),
        (HOOKS, "/api/video/upload", 40 * MIB, 413),
        (DASHBOARD, "/_stcore/upload_file/session/file", 33 * MIB, 200),
        (DASHBOARD, "/_stcore/upload_file/session/file", 40 * MIB, 413),
        (DASHBOARD, "/", 2 * MIB, 413),
    ],
)
def test_what_is_too_large_is_refused_before_it_reaches_a_host(nginx, host, name, path, size, status):
    behind = host("behind")
    front = nginx(dashboards=[behind.place], sidecars=[behind.place])

    answer = front.call(name, "POST", path, bytes(size), KNOWN)

    assert answer.status == status
    assert [asked[3] for asked in behind.asked] == ([size] if status == 200 else [])


def test_scripts_are_slowed_down_and_deliveries_have_room_of_their_own(nginx, host):
    front = nginx(sidecars=[host("behind").place])

    def ask(method: str, path: str) -> Counter[int]:
        """400 calls over one connection: without a handshake each, they come faster than any limit."""
        line = http.client.HTTPConnection("127.0.0.1")
        with front.shake(HOOKS) as line.sock:
            statuses = Counter[int]()
            for _ in range(400):
                line.request(method, path, headers={"Host": HOOKS})
                answer = line.getresponse()
                answer.read()
                statuses[answer.status] += 1
        return statuses

    scripts, deliveries = ask("GET", "/api/models"), ask("POST", WEBHOOK)
    assert set(scripts) == {200, 429}
    assert scripts[200] >= 40
    assert deliveries == {200: 400}


# -- who comes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["/", "/_stcore/stream", "/app/static/media/x.mp4", "/static/x.js", "/_stcore/upload_file/a/b"]
)
def test_nothing_of_the_dashboard_is_answered_before_it_is_known_who_asks(nginx, host, path):
    behind = host("behind")
    front = nginx(dashboards=[behind.place])

    stranger = front.call(DASHBOARD, "GET", path)
    known = front.call(DASHBOARD, "GET", path, headers=KNOWN)

    assert (stranger.status, behind.asked[:-1]) == (302, [])
    assert stranger.headers["location"].endswith(f"/oauth2/start?rd={path}")
    assert (known.status, known.body) == (200, b"behind")


def test_without_the_login_nobody_gets_in(nginx, host):
    behind = host("behind")
    front = nginx(dashboards=[behind.place], change={"server 127.0.0.1:": "server 127.0.0.9:"})

    assert front.call(DASHBOARD, "GET", "/", headers=KNOWN).status >= 500
    assert behind.asked == []


def test_who_it_is_is_said_by_the_login_and_never_by_the_browser(nginx, host):
    behind = host("behind")
    front = nginx(dashboards=[behind.place], sidecars=[behind.place])
    claims = {"X-Forwarded-Email": "root@example.com", "X-Forwarded-For": "10.9.8.7", "X-Real-IP": "10.9.8.7"}

    front.call(DASHBOARD, "GET", "/", headers={**KNOWN, **claims})
    front.call(HOOKS, "GET", "/healthz", headers=claims)

    pages, script = (asked[2] for asked in behind.asked)
    assert (pages["X-Forwarded-Email"], script.get("X-Forwarded-Email")) == ("ana@example.com", None)
    for name in ("X-Forwarded-For", "X-Real-IP"):
        assert {told[name] for told in (pages, script)} == {"127.0.0.1"}


# -- one browser, one dashboard ---------------------------------------------------------------------------


def test_one_browser_stays_with_one_dashboard_and_many_are_spread(nginx, host):
    homes = [host(f"home {number}") for number in range(3)]
    front = nginx(dashboards=[home.place for home in homes])

    served = Counter()
    for _ in range(30):
        first = front.call(DASHBOARD, "GET", "/", headers=KNOWN)
        cookie = first.headers["set-cookie"].partition(";")[0]
        again = [front.call(DASHBOARD, "GET", "/x", headers=_with(cookie)) for _ in range(4)]
        assert {answer.body for answer in again} == {first.body}
        assert "set-cookie" not in again[0].headers
        served[first.body] += 1

    assert len(served) == 3


def test_when_its_dashboard_is_gone_a_browser_finds_another(nginx, host):
    homes = [host("one"), host("other")]
    front = nginx(dashboards=[home.place for home in homes])
    first = front.call(DASHBOARD, "GET", "/", headers=KNOWN)
    cookie = first.headers["set-cookie"].partition(";")[0]
    assert {"Secure", "HttpOnly", "SameSite=Lax"} <= set(first.headers["set-cookie"].split("; "))

    gone = next(home for home in homes if home.name.encode() == first.body)
    gone.close()
    answer = front.call(DASHBOARD, "GET", "/", headers=_with(cookie))
    homes.remove(gone)
    gone.close = lambda: None

    assert (answer.status, answer.body) == (200, homes[0].name.encode())


def _with(cookie: str) -> dict[str, str]:
    return {"Cookie": f"{KNOWN['Cookie']}; {cookie}"}


# -- names, headers, logs ---------------------------------------------------------------------------------


def test_a_name_that_is_not_ours_gets_no_certificate(nginx):
    with pytest.raises(ssl.SSLError, match=r"(?i)unrecognized name"):
        nginx().shake("elsewhere.example.com")


def test_plain_http_is_sent_to_tls_and_answers_nothing_else(nginx):
    line = http.client.HTTPConnection("127.0.0.1", nginx().plain, timeout=10)
    line.request("GET", "/app?x=1", headers={"Host": DASHBOARD})
    answer = line.getresponse()
    line.close()

    assert (answer.status, answer.getheader("Location")) == (308, f"https://{DASHBOARD}/app?x=1")


def test_what_the_sidecar_does_not_serve_does_not_reach_it(nginx, host):
    behind = host("behind")
    front = nginx(sidecars=[behind.place])

    assert front.call(HOOKS, "GET", "/.env").status == 404
    assert front.call(HOOKS, "GET", "/healthz").headers["strict-transport-security"]
    assert [asked[1] for asked in behind.asked] == ["/healthz"]


SIGNED = "/media/a.mp4?e=1&s=signature-that-no-log-may-show"


def test_no_token_and_no_signature_stands_in_the_log(nginx, host):
    front = nginx(sidecars=[host("behind").place])
    front.call(HOOKS, "POST", WEBHOOK, b"{}")
    front.call(HOOKS, "GET", SIGNED)

    eventually(lambda: "/media/a.mp4" in front.log())
    assert "/api/video/webhook/0190-a-job/-" in front.log()
    assert "no-log-may-show" not in front.all_logs()


@pytest.mark.parametrize("change", [{}, {" emerg;": " error;"}], ids=["shipped", "control"])
def test_no_token_and_no_signature_stands_in_a_log_of_what_went_wrong(nginx, host, change):
    """The control is an error log as usual."""
    dying = host("dying", die).place
    _go_wrong(front := nginx(dashboards=[dying], sidecars=[dying], change=change))

    for secret in ("token-that-no-log-may-show", "signature-that-no-log-may-show"):
        assert (secret in front.all_logs()) is bool(change)
    assert " 502 " in front.log()
    assert " 413 " in front.log()


def _go_wrong(front) -> None:
    """Hosts that die with a request, and requests that are too large or come over plain HTTP."""
    front.call(HOOKS, "POST", WEBHOOK, b"{}")
    front.call(HOOKS, "POST", WEBHOOK, bytes(2 * MIB))
    front.call(HOOKS, "GET", SIGNED)
    front.call(DASHBOARD, "GET", f"/app/static{SIGNED}", headers=KNOWN)
    line = http.client.HTTPConnection("127.0.0.1", front.plain, timeout=10)
    line.request("POST", WEBHOOK, bytes(2 * MIB), {"Host": HOOKS})
    line.close()
    eventually(lambda: front.log().count("\n") == 4)


def test_the_hosts_own_answer_comes_through_with_its_parts(nginx, host):
    """Range goes to the host as it came, and its 206 comes back as it is."""

    def part(handler, body):
        assert handler.headers["Range"] == "bytes=2-4"
        handler.send_response(206)
        handler.send_header("Content-Range", "bytes 2-4/10")
        handler.send_header("Content-Length", "3")
        handler.end_headers()
        handler.wfile.write(b"cde")

    behind: Host = host("behind", part)
    front = nginx(dashboards=[behind.place], sidecars=[behind.place])

    for name, path in ((HOOKS, "/media/a.mp4"), (DASHBOARD, "/app/static/media/a.mp4")):
        answer = front.call(name, "GET", path, headers={**KNOWN, "Range": "bytes=2-4"})
        assert (answer.status, answer.headers["content-range"], answer.body) == (206, "bytes 2-4/10", b"cde")

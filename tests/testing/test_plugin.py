"""The pytest plugin, as a project sees it that tests its agents: in a pytest of its own."""

import stat

import pytest

from .project import ASYNCIO, Project

pytest_plugins = ["pytester"]


def test_what_is_not_there_is_recorded_once_and_answered_from_then_on(project: Project) -> None:
    project.test("""
        def test_it(gateway):
            assert ask(gateway.base_url, "echo:hello") == "hello"
            (asked,) = gateway.requests
            assert (asked.method, asked.path, asked.status) == ("POST", "/v1/chat/completions", 200)
            assert asked.json()["messages"][0]["content"] == "echo:hello"
    """)
    project.run().assert_outcomes(passed=1)
    made = project.cassette("test_it")
    assert stat.S_IMODE(made.stat().st_mode) == 0o600
    assert [path.name for path in made.parent.iterdir()] == ["test_it.mitm"]
    before = made.read_bytes()
    project.go_offline()
    project.run().assert_outcomes(passed=1)
    assert made.read_bytes() == before


def test_a_failed_test_leaves_no_recording(project: Project) -> None:
    project.test("""
        def test_it(gateway):
            assert ask(gateway.base_url, "echo:hello") == "something else"
    """)
    project.run().assert_outcomes(failed=1)
    assert list(project.cassette("test_it").parent.iterdir()) == []


def test_all_records_anew_once_the_test_has_passed(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project.test("""
        def test_it(gateway):
            assert ask(gateway.base_url, "echo:hello") == os.environ["EXPECTED"]
    """)
    monkeypatch.setenv("EXPECTED", "hello")
    project.run().assert_outcomes(passed=1)
    first = project.cassette("test_it").read_bytes()
    monkeypatch.setenv("EXPECTED", "hello?")
    project.run("--gateway-record-mode=all").assert_outcomes(failed=1)
    assert project.cassette("test_it").read_bytes() == first
    monkeypatch.setenv("EXPECTED", "hello")
    project.run("--gateway-record-mode=all").assert_outcomes(passed=1)
    assert project.cassette("test_it").read_bytes() != first


@pytest.mark.parametrize("told", ["CI", "command line", "marker"])
def test_without_a_recording_the_mode_none_says_how_to_make_one(
    project: Project, monkeypatch: pytest.MonkeyPatch, told: str
) -> None:
    mark = '@pytest.mark.cassette("x.mitm", mode="none")' if told == "marker" else ""
    project.test(f"""
        {mark}
        def test_it(gateway): ...
    """)
    if told == "CI":
        monkeypatch.setenv("CI", "true")
    arguments = ["--gateway-record-mode=none"] if told == "command line" else []
    result = project.run(*arguments)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        ["*.mitm is not there, and the record mode is none. Record it: *--gateway-record-mode=once*"]
    )


def test_what_was_not_recorded_is_in_the_report_though_the_agent_swallows_it(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.test("""
        @pytest.mark.cassette("two.mitm")
        def test_it(gateway):
            try:
                answer = ask(gateway.base_url, os.environ["ASKED"])
            except OSError:
                answer = "the agent had no answer"
            assert answer == "hello"
    """)
    monkeypatch.setenv("ASKED", "echo:hello")
    project.run().assert_outcomes(passed=1)
    assert (project.folder / "two.mitm").exists()
    monkeypatch.setenv("ASKED", "echo:hello you")
    result = project.run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*gateway: not recorded*",
            'POST /v1/chat/completions: two.mitm has no recording*is "echo:hello you", and was "echo:hello".',
            "*gateway: recorded, and never asked for*",
            "req_* POST /v1/chat/completions",
        ]
    )


@pytest.mark.parametrize("strict", [False, True])
def test_what_was_never_asked_for_is_told_and_fails_a_strict_test(
    project: Project, monkeypatch: pytest.MonkeyPatch, *, strict: bool
) -> None:
    project.test(f"""
        @pytest.mark.cassette("two.mitm", strict={strict})
        def test_it(gateway):
            for text in os.environ["ASKED"].split():
                ask(gateway.base_url, f"echo:{{text}}")
    """)
    monkeypatch.setenv("ASKED", "one two two")
    project.run().assert_outcomes(passed=1)
    project.run().assert_outcomes(passed=1)
    monkeypatch.setenv("ASKED", "one two")
    result = project.run("-v")
    result.assert_outcomes(passed=not strict, failed=strict)
    result.stdout.fnmatch_lines(
        ["*gateway: recorded, and never asked for*", "*req_* POST /v1/chat/completions"]
    )


def test_nothing_of_a_test_reaches_the_next(project: Project) -> None:
    """Each begins with the first of the answers that were recorded, and knows nothing that was kept in another."""
    project.test("""
        @pytest.mark.parametrize("n", [1, 2])
        @pytest.mark.cassette("shared.mitm")
        def test_it(gateway, n):
            assert gateway.requests == ()
            def post(path, **body):
                request = urllib.request.Request(
                    f"{gateway.base_url}{path}", json.dumps(body).encode()
                )
                return json.load(urllib.request.urlopen(request))
            ids = [post("/responses", model="our-model", input="echo:x")["id"] for _ in "ab"]
            with open("ids", "a") as file:
                file.write(" ".join(ids) + "\\n")
    """)
    project.run().assert_outcomes(passed=2)
    first, second = (project.folder / "ids").read_text().splitlines()
    assert first == second


def test_async_tests_programs_workers_and_forbidden_sockets_are_answered(project: Project) -> None:
    project.test("""
        import asyncio

        @pytest.mark.asyncio
        async def test_async(gateway):
            assert await asyncio.to_thread(ask, gateway.base_url, "echo:hello") == "hello"

        @pytest.mark.anyio
        async def test_anyio(gateway):
            assert ask(gateway.base_url, "echo:hello") == "hello"

        def test_program(gateway):
            code = "import os; from asking import *; print(ask(os.environ['OPENAI_BASE_URL'], 'echo:hello'))"
            output = subprocess.check_output([sys.executable, "-c", code], env=os.environ | gateway.environment)
            assert output.strip() == b"hello"
            assert len(gateway.requests) == 1

        @pytest.mark.parametrize("n", range(4))
        def test_it(gateway, n):
            assert ask(gateway.base_url, f"echo:{n} a/b") == f"{n} a/b"
    """)
    arguments = (*ASYNCIO, "-p", "anyio.pytest_plugin", "-p", "pytest_socket")
    arguments += ("--disable-socket", "--allow-hosts=127.0.0.1", "--allow-unix-socket")
    project.run_apart("-p", "xdist", "-n2", *arguments).assert_outcomes(passed=7)
    assert len(list(project.cassette("x").parent.iterdir())) == 7
    # one gateway is enough to read what two have written
    project.go_offline()
    project.run(*arguments).assert_outcomes(passed=7)


@pytest.mark.parametrize(
    ("option", "sentence"),
    {
        "unknown": ("gateway_upstraem=simulator", "*gateway_upstraem*Did you mean gateway_upstream?"),
        "ours": (
            "gateway_replay=x.mitm",
            "gateway_options: gateway_replay is set for each test, and cannot*",
        ),
        "no account": ("gateway_upstream=gemini", "There is no account to pay with*"),
    }.values(),
    ids=["unknown", "ours", "no account"],
)
def test_a_gateway_that_cannot_start_says_why(project: Project, option: str, sentence: str) -> None:
    project.test("def test_it(gateway): ...")
    (project.folder / "pytest.ini").write_text(f"[pytest]\ngateway_options = {option}\n")
    result = project.run()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([sentence])


def test_the_plugin_costs_nothing_until_it_is_used(project: Project) -> None:
    project.test("""
        def test_it():
            foreign = {"mitmproxy", "pydantic", "aiohttp", "antigravity_addon.testing.process"}
            assert "antigravity_addon.testing.plugin" in sys.modules
            assert not foreign & set(sys.modules)
    """)
    project.run_apart().assert_outcomes(passed=1)

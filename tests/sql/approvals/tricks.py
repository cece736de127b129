"""Attempts to get around a pattern, by the kind of trick, and ordinary calls that rules must approve.

Each rule stands with the calls that are tried against it. A call is the value of the rule's argument, or all parameters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple


class Tried(NamedTuple):
    """A rule, and calls that are tried against it."""

    rule: Mapping[str, Any]
    calls: Mapping[str, Sequence[Any]]
    """By the kind of trick."""


def _command(pattern: str, **more: Any) -> dict[str, Any]:
    return {"arguments": {"/command": pattern}, **more}


def _path(pattern: str, **more: Any) -> dict[str, Any]:
    return {"arguments": {"/path": pattern}, **more}


def _url(pattern: str) -> dict[str, Any]:
    return {"arguments": {"/url": pattern}}


GIT, CAT, WORK = _command("git status*"), _command("cat src/*"), _path("/work/**")
HOST, HOSTS = {"host": "example.org"}, {"host": "*.example.org"}

ATTEMPTS = [
    Tried(
        GIT,
        {
            "several commands": (
                *("git status; rm -rf /", "git status;rm -rf /", "git status && rm -rf /", "git status & rm -rf /"),
                *("git status | sh", "git status || rm -rf /", "git status |& sh", "git status\nrm -rf /"),
                *("git status\r\nrm -rf /", "git status\rrm -rf /", "git status\x0brm -rf /", "git status\x0crm -rf /"),
                *("git status\x85rm -rf /", "git status\u2028rm -rf /", "git status\u2029rm -rf /"),
            ),
            "substitution": (
                *("git status $(rm -rf /)", "git status `rm -rf /`", "git status ${IFS}x", "git status $HOME"),
                *("git status <(rm -rf /)", "git status >(sh)", "git status =(rm x)", "git status (rm x)"),
                *("git status $'\\x3b' rm", 'git status $"x"', "git status ${x:-$(id)}", "git status $((1))"),
            ),
            "redirection": (
                *("git status > /etc/passwd", "git status >> ~/.bashrc", "git status < /etc/shadow", "git status 2>&1"),
                *("git status >| x", "git status &> x", "git status <<< x", "git status <<EOF"),
            ),
            "control": (
                "git status \x01",
                "git status \t-s",
                "git status\x1b[2K",
                "git status \x7f",
                "git status \x9b31m",
            ),
            "quoting": (
                *("git 'status'", '"git" status', "g'i't status", "git\\ status", "git status \\; rm", "\\git status"),
                *("'git status'", 'git "status" -s', "git st\\atus"),
            ),
            "case and spaces": (
                "GIT status",
                "Git Status",
                "git  status",
                " git status",
                "git\u00a0status",
                "git\u3000status",
            ),
            "look-alikes": (
                *("gіt status", "git ѕtatus", "ɡit status", "ｇｉｔ status", "git stаtus", "gıt status", "𝐠𝐢𝐭 status"),  # noqa: RUF001
                *("git status； rm", "git status｜sh", "git status＆＆rm", "git status ＄(rm)", "git status\u037e rm"),  # noqa: RUF001
                *("git status e\u0301", "git status ﬁ", "git status …", "git status ½"),
            ),
            "invisible": (
                *(
                    "git\u200b status",
                    "git \u202estatus",
                    "git status\u200d",
                    "git status\ufeff x",
                    "git status \u00adx",
                ),
                *(
                    "git status \u2066x\u2069",
                    "git status \U000e0041",
                    "git status \ufe0f",
                    "git status \u2060",
                    "git status \u3164",
                ),
                *(
                    "git status \u061c",
                    "git status \u180e",
                    "git status \u2800",
                    "git status \u115f",
                    "git status \u034f",
                ),
            ),
            "encoding": (
                "git%20status",
                "git status %0a rm",
                "git status %3b rm",
                "git status %26%26",
                "git status %COMSPEC%",
            ),
            "another command": (
                *(
                    "sudo git status",
                    "env git status",
                    "x=1 git status",
                    "/tmp/git status",
                    "./git status",
                    "xgit status",
                ),
                *("git -c core.pager=sh status", "git --exec-path=x status", "sh -c git status", "echo git status"),
            ),
            "directories": (
                *(
                    "git status ../secret",
                    "git status ..",
                    "git status -- ../..",
                    "git status a/../../b",
                    "git status ~/x",
                ),
                *(
                    "git status --x=../y",
                    "git status --x=~/y",
                    "git status /proc/self/root/etc",
                    "git status /dev/fd/3",
                ),
                *(
                    "git status /proc/1/environ",
                    "git status '..'/x",
                    "git status {..,x}/y",
                    "git status /dev/tcp/evil/80",
                ),
            ),
            "nesting": (
                *({"command": ["git status"]}, {"command": {"command": "git status"}}, {"Command": "git status"}, {}),
                *({"command": None}, {"": {"command": "git status"}}, {"command ": "git status"}, ["git status"]),
                *(
                    True,
                    7,
                    {"/command": "git status"},
                    {"args": {"command": "git status"}},
                    {"command": {"": "git status"}},
                ),
            ),
        },
    ),
    Tried(
        CAT,
        {
            "directories": (
                *("cat src/../x", "cat src/..", "cat src/a/b", "cat src//etc/passwd", "cat src/./../x", "cat /src/a"),
                *("cat src/.. /a", "cat src", "cat srcs/a", "cat ~/src/a", "cat src\\..\\x", "cat src/%2e%2e"),
            ),
            "argument order": (
                *("cat /etc/passwd src/a", "cat src/a /etc/passwd", "cat src/a b", "cat -n src/a", "cat src/a -"),
                *("cat src/a' '/etc/passwd", 'cat src/a" /etc/passwd"', "cat 'src/a'", "cat  src/a", "cat src/'a'"),
            ),
        },
    ),
    Tried(
        WORK,
        {
            "directories": (
                *("/work/../etc/passwd", "/work/a/../../etc/passwd", "/work/..", "/work/../../../etc", "/etc/passwd"),
                *("/work/a/../..//etc", "/work/./../etc", "/work//../etc", "/work/a/b/../../../etc", "/../work/../etc"),
                *("/workspace/a", "/work", "/work/", "/work/.", "/", "", ".", "..", "work/a", "./work/a", "../work/a"),
            ),
            "backslashes": (
                "/work\\..\\etc",
                "/work/..\\etc",
                "\\work\\a",
                "/work/a\\b/../../etc",
                "C:\\work\\a",
                "/work/\\",
            ),
            "other machines": ("//work/a", "///work/a", "\\\\work\\a", "file:///work/a", "file:/work/a", "//?/work/a"),
            "links": (
                *(
                    "/proc/self/root/work/a",
                    "/proc/self/cwd",
                    "/work/../proc/self/root",
                    "/dev/fd/3",
                    "/proc/1/root/work/a",
                ),
                *("~/work/a", "~root/work", "$HOME/work/a", "${HOME}/work/a", "/work/$HOME", "%HOME%/work/a"),
            ),
            "encoding": (
                *(
                    "/work/%2e%2e/etc",
                    "/work/%2E%2E%2Fetc",
                    "/work/..%2fetc",
                    "/work/%252e%252e/etc",
                    "/work/%00",
                    "/work/%5c",
                ),
                *("/work/a\x00".replace("\x00", "\x01"), "/work/a\n", "/work/\u2028", "/work/..;/etc", "/work/a;b"),
            ),
            "names that Windows shortens": (
                "/work/.. /etc",
                "/work/... /x",
                "/work/a.",
                "/work/a ",
                "/work/.../x",
                "/work/. /x",
            ),
            "look-alikes": ("/wоrk/a", "/work∕..∕etc", "/work／..／etc", "∕work∕a", "/work/．．/etc", "/work/‥/etc"),  # noqa: RUF001
            "invisible": (
                "/work\u200b/a",
                "/work/\u202etxt.exe",
                "/work/a\ufeff",
                "/work/.\u200b./etc",
                "/work/e\u0301",
            ),
            "case": ("/WORK/a", "/Work/a"),
            "nesting": (
                {"path": ["/work/a"]},
                {"path": {"a": "/work/a"}},
                {"paths": "/work/a"},
                {"path": None},
                {},
                [],
            ),
        },
    ),
    Tried(
        _path("/work/*"),
        {"directories": ("/work/a/b", "/work/", "/work", "/work/../a", "/work/a/../../b", "/work/.a/b", "/work//a/b")},
    ),
    Tried(
        _path("/work/**", ignore_case=True),
        {"case": ("/WORK/../etc", "/ETC/passwd", "/worK\u017f/../a", "/WORKS/a", "/wor\u212a/a")},
    ),
    Tried(
        HOST,
        {
            "another host": (
                *(
                    "https://evil.org/",
                    "https://example.org.evil.org/",
                    "https://evil.org/example.org",
                    "https://xexample.org/",
                ),
                *("https://a.example.org/", "https://evil.org?https://example.org", "https://evil.org#example.org"),
            ),
            "user": (
                "https://example.org@evil.org/",
                "https://a@example.org/",
                "https://a:b@example.org/",
                "https://example.org:x@evil.org",
            ),
            "port": ("https://example.org:443/", "https://example.org:8080", "https://example.org:/"),
            "form of the host": (
                *(
                    "https://example.org./",
                    "https://EXAMPLE.org/",
                    "https://Example.Org/",
                    "https://[::1]/",
                    "https://example。org/",
                ),
                *(
                    "https://exаmple.org/",
                    "https://ｅxample.org/",
                    "https://xn--exmple-4nf.org/",
                    "https://example.org%2eevil.org/",
                ),  # noqa: RUF001
                *("https://2130706433/", "https://0x7f.1/", "https://example%2eorg/", "https://\u200bexample.org/"),
            ),
            "scheme": (
                *("//example.org/", "example.org/x", "www.example.org", "HTTPS://example.org/", "ftp://example.org/"),
                *(
                    "javascript:alert(1)//https://example.org/",
                    "https:example.org",
                    "https:/example.org",
                    "https:///example.org",
                ),
                *(
                    "file:///etc/passwd",
                    "data:text/html,x",
                    "view-source:https://example.org/",
                    "blob:https://example.org/x",
                ),
            ),
            "backslashes": (
                "https:\\\\example.org\\",
                "https://evil.org\\@example.org/",
                "https://example.org\\.evil.org/",
            ),
            "spaces": (
                " https://example.org/",
                "https://example.org/ https://evil.org/",
                "https://example.org/\nhttps://evil.org",
            ),
            "several commands": (
                "https://example.org/;rm",
                "https://example.org/&&rm",
                "https://example.org/?x&rm",
                "https://example.org/|sh",
            ),
            "nesting": (
                *({"url": "https://example.org/", "next": "https://evil.org/"}, {"a": [{"b": ["//evil.org"]}]}, {}),
                *({"url": "https://example.org/", "a": {"b": [1, {"c": "https://evil.org"}]}}, {"host": "example.org"}),
                *(
                    {"url": "https://example.org/", "callback": "http:evil.org"},
                    ["https://example.org/", "see //evil.org "[4:]],
                ),
            ),
        },
    ),
    Tried(
        HOSTS,
        {
            "another host": (
                *(
                    "https://example.org/",
                    "https://evilexample.org/",
                    "https://a.example.org.evil.org/",
                    "https://.example.org/",
                ),
                *("https://evil.org?.example.org/", "https://evil.org#.example.org", "https://evil.org/.example.org"),
                *(
                    "https://xn--a.example.org/",
                    "https://a.xn--b.example.org/",
                    "https://a@b.example.org/",
                    "https://*.example.org/",
                ),
            ),
        },
    ),
    Tried(
        _url("https://*.example.org/**"),
        {
            "another host": (
                *(
                    "https://evil.org?.example.org/x",
                    "https://evil.org#.example.org/x",
                    "https://evil.org/.example.org/x",
                ),
                *("https://a@evil.org:1.example.org/x", "http://a.example.org/x", "https://example.org/x"),
            ),
        },
    ),
    Tried(
        _command("python *.py"),
        {
            "argument order": (
                "python -c x a.py",
                "python -m x a.py",
                "python a.py b",
                "python 'a b.py'",
                "python a.pyc",
            )
        },
    ),
    Tried(
        {"tool_name": "git_*", "arguments": {}},
        {
            "tool": (
                {"tool": "Git_status"},
                {"tool": "git"},
                {"tool": "xgit_status"},
                {"tool": "git_\u200bpush"},
                {"tool": "git_;x"},
            )
        },
    ),
    Tried(
        {"arguments": {"/n": "5", "/ok": "true"}},
        {
            "types": (
                {"n": 5, "ok": "yes"},
                {"n": 5.0, "ok": True},
                {"n": 5},
                {"n": "05", "ok": True},
                {"n": 5, "ok": 1},
            )
        },
    ),
]
"""What no rule may approve."""

ORDINARY = [
    Tried(
        GIT,
        {
            "plain": (
                *(
                    "git status",
                    "git status -s",
                    "git status --short --branch",
                    "git status src/a.py",
                    "git status -- a b",
                ),
                *(
                    'git status -- "a b"',
                    "git status --porcelain=v2",
                    "git status -uno",
                    "git status --ignored=matching",
                ),
                *("git status 'a b'", "git status README.md", "git status .", "git status ./src", "git status a/b/c.d"),
            ),
            "other letters": ("git status é.txt", "git status 日本語", "git status ñandú", "git status файл"),
            "more parameters": ({"command": "git status", "timeout": 5}, {"command": "git status", "cwd": "/etc"}),
        },
    ),
    Tried(
        _command("git *"),
        {
            "plain": (
                *(
                    "git log --oneline -5",
                    "git diff main..feature",
                    "git show HEAD~2",
                    "git diff HEAD^ HEAD",
                    "git fetch origin",
                ),
                *(
                    'git commit -m "feat(x): add y"',
                    "git commit -m 'Fix the bug!'",
                    "git checkout -b a/b",
                    "git stash list",
                ),
                *(
                    "git log --since=2.weeks",
                    "git show v1.0.0:a/b.c",
                    "git rebase -i main",
                    "git push origin HEAD:x",
                    "git add -A",
                ),
                *(
                    "git grep -n foo.*bar",
                    "git log --format=%h",
                    "git tag v1",
                    "git blame -L 1,5 a.py",
                    "git branch -d x",
                ),
            )
        },
    ),
    Tried(
        CAT,
        {"plain": ("cat src/a", "cat src/a.py", "cat src/.gitignore", "cat src/a-b_c.txt", "cat src/*", "cat src/a:1")},
    ),
    Tried(
        _command("npm run *"),
        {
            "plain": (
                "npm run test",
                "npm run build -- --watch",
                "npm run lint:fix",
                "npm run test -- -t 'a b'",
                "npm run a -w b",
            )
        },
    ),
    Tried(
        _command("python *.py"),
        {"plain": ("python a.py", "python src/a.py", "python tests/b/c.py", "python a-b.py", "python ./a.py")},
    ),
    Tried(_command("make"), {"plain": ("make",)}),
    Tried(
        _command("ls*"),
        {"plain": ("ls", "ls -la", "ls -l src tests", "ls *.py", "ls a?.py", "ls [ab].py", "ls {a,b}.py")},
    ),
    Tried(
        _command("grep *"),
        {"plain": ("grep -rn TODO src", "grep -E '^a.*b' x", 'grep "a b" x', "grep -i é a.txt", "grep a: b")},
    ),
    Tried(
        _command("docker compose *"),
        {"plain": ("docker compose up -d", "docker compose logs -f web", "docker compose ps")},
    ),
    Tried(
        _command("cargo test*"),
        {"plain": ("cargo test", "cargo test --all", "cargo test a::b -- --nocapture", "cargo tests")},
    ),
    Tried(
        _command("pytest **"),
        {
            "plain": (
                "pytest -q",
                "pytest tests/a.py::test_b",
                "pytest -k 'a and b'",
                "pytest -x tests",
                "pytest --lf -q tests/x",
            )
        },
    ),
    Tried(
        WORK,
        {
            "plain": (
                *(
                    "/work/a",
                    "/work/a/b/c.py",
                    "/work/.env",
                    "/work/a b.txt",
                    "/work/My Notes/x.md",
                    "/work/a-b_c.d",
                    "/work/...a",
                ),
                *(
                    "/work/a(1).txt",
                    "/work/[x]/y",
                    "/work/a,b",
                    "/work/a=b",
                    "/work/a@b",
                    "/work/a+b",
                    "/work/a#b",
                    "/work/a!",
                ),
                *(
                    "/work/a'b",
                    "/work/{a}",
                    "/work/a..b",
                    "/work/..a",
                    "/work/-x",
                    "/work/100%",
                    "/work/a~",
                    "/work/é",
                    "/work/日本",
                ),
            ),
            "another form": (
                *(
                    "/work/./a",
                    "/work//a",
                    "/work/a/",
                    "/work/a/../b",
                    "/work/a/b/../../c",
                    "/work/../work/a",
                    "/./work/a",
                ),
                *("/work/a/./b/", "/tmp/../work/a", "/work///a//b"),
            ),
        },
    ),
    Tried(_path("/work/*"), {"plain": ("/work/a", "/work/.a", "/work/a/", "/work//a", "/work/x/../a", "/work/a b")}),
    Tried(
        _path("src/**/*.py"),
        {"plain": ("src/a.py", "src/a/b.py", "src/a/b/c.py", "./src/a.py", "src/./a.py", "src//a.py", "src/x/../a.py")},
    ),
    Tried(_path("./docs/**"), {"plain": ("docs/a", "./docs/a", "docs/a/b.md", "docs/./a")}),
    Tried(_path("**/README.md"), {"plain": ("README.md", "a/README.md", "a/b/README.md", "/x/README.md")}),
    Tried(_path("/work/**", ignore_case=True), {"case": ("/WORK/a", "/Work/A.TXT", "/work/a", "/wOrK/ä")}),
    Tried(_path("/a/**/z"), {"plain": ("/a/z", "/a/b/z", "/a/b/c/z", "/a/./z", "/a//b/z")}),
    Tried(
        HOST,
        {
            "plain": (
                *(
                    "https://example.org",
                    "https://example.org/",
                    "http://example.org/a/b",
                    "https://example.org/a?b=c&d=e",
                ),
                *(
                    "https://example.org/a#b",
                    "https://example.org/@user/x",
                    "https://example.org/a.b-c_d~e",
                    "https://example.org?q=1",
                ),
                *(
                    "https://example.org/?q=a%20b",
                    "https://example.org/a:b",
                    "https://example.org/a,b",
                    "https://example.org/(x)",
                ),
                *(
                    "https://example.org/a+b",
                    "https://example.org/%s"[:-2] + "x=1",
                    "https://example.org/#/route",
                    "https://example.org/?a=",
                ),
            ),
            "more parameters": (
                *(
                    {"url": "https://example.org/", "method": "GET"},
                    {"url": "https://example.org/", "body": {"note": "Hello."}},
                ),
                *(
                    {"urls": ["https://example.org/a", "https://example.org/b"]},
                    {"a": {"b": "https://example.org"}, "n": 5},
                ),
                *({"url": "https://example.org/", "title": "a: b"}, {"url": "https://example.org/", "file": "a/b.txt"}),
            ),
        },
    ),
    Tried(
        HOSTS,
        {
            "plain": (
                "https://a.example.org/",
                "https://a.b.example.org/x",
                "http://api-1.example.org",
                "https://0.example.org/?a=b",
            )
        },
    ),
    Tried(
        {"host": "LOCALHOST"},
        {"plain": ("http://localhost/", "http://localhost/a/b", "http://localhost")},
    ),
    Tried(
        _url("https://example.org/*"),
        {"plain": ("https://example.org/a", "https://example.org/a.b", "https://example.org/")},
    ),
    Tried(
        _url("https://*.example.org/**"),
        {"plain": ("https://a.example.org/x", "https://a.b.example.org/x/y?z=1", "https://api.example.org/v1/x")},
    ),
    Tried(
        {"tool_name": "git_*", "arguments": {}},
        {"tool": ({"tool": "git_status"}, {"tool": "git_"}, {"tool": "git_log", "x": "; rm"}, {"tool": "git_a.b-c"})},
    ),
    Tried(
        {"tool_name": "*", "arguments": {}},
        {"tool": ({"tool": "a"}, {"tool": "mcp__server__tool"}, {"tool": "fs:read"})},
    ),
    Tried(
        {"arguments": {"/n": "5", "/ok": "true"}},
        {"types": ({"n": 5, "ok": True}, {"n": "5", "ok": "true"}, {"ok": True, "n": 5, "x": None})},
    ),
    Tried(
        {"arguments": {"/list/1/a~1b": "x*"}},
        {"pointers": ({"list": [0, {"a/b": "xy"}]}, {"list": [{}, {"a/b": "x"}]})},
    ),
    Tried({"arguments": {"/a~0b": "*"}}, {"pointers": ({"a~b": "x"}, {"a~b": False}, {"a~b": 1.5}, {"a~b": ""})}),
    Tried(
        {"arguments": {"/text": "*"}},
        {"plain": ({"text": "How are you?"}, {"text": "50% of 3, or f(x)"}, {"text": "x = [1, 2]"})},
    ),
    Tried(
        {"arguments": {"/q": "SELECT *"}},
        {"plain": ({"q": "SELECT count(*) FROM a"}, {"q": "SELECT 1"}, {"q": "SELECT a.b, c"})},
    ),
]
"""What the rules must approve, so that they are of use."""

ESCAPES = [
    Tried(
        _command("rm *"),
        {
            "several commands": (
                *("ls; rm -rf /", "ls && rm -rf /", "ls || rm x", "ls | rm x", "ls & rm x", "ls\nrm x", "ls\r\nrm x"),
                *(
                    "echo $(rm x)",
                    "echo `rm x`",
                    "(rm x)",
                    "{ rm x; }",
                    "cat <(rm x)",
                    "if true; then rm x; fi",
                    "! rm x",
                ),
            ),
            "quoting": (
                "r''m x",
                '"rm" x',
                "'rm' x",
                "r\\m x",
                "\\rm x",
                'r""m x',
                "rm' 'x",
                "$'rm' x",
                "$'\\x72m' x",
                "r\\\nm x",
            ),
            "case and spaces": (
                "RM x",
                "Rm  x",
                "  rm   x",
                "rm\tx",
                "rm\u00a0x",
                "rm${IFS}x",
                "rm$IFS-rf",
                "rm\u3000x",
            ),
            "before the command": (
                *(
                    "sudo rm x",
                    "sudo -n rm x",
                    "env rm x",
                    "env A=1 rm x",
                    "A=1 rm x",
                    "A=1 B=2 rm x",
                    "nohup rm x",
                    "exec rm x",
                ),
                *(
                    "command rm x",
                    "time rm x",
                    "sh -c 'rm x'",
                    'bash -c "rm x"',
                    "xargs rm x",
                    "busybox rm x",
                    "eval rm x",
                ),
            ),
            "directories": ("/bin/rm x", "/usr/bin/rm x", "/bin/../bin/rm x", "./rm x", "//bin//rm x"),
            "look-alikes": ("ｒｍ x", "rｍ x", "𝐫𝐦 x", "r\u200bm x", "rm\u200b x", "r\u00adm x", "ℝm x", "rм x"),  # noqa: RUF001
            "encoding": ("rm%20x", "%72m x", "%2572m x", "r%6d%20x"),
            "braces": ("{rm,-rf,x}",),
        },
    ),
    Tried(
        _path("/etc/**"),
        {
            "directories": (
                *(
                    "/etc/passwd",
                    "/etc/../etc/passwd",
                    "//etc/passwd",
                    "/etc//passwd",
                    "/./etc/passwd",
                    "/tmp/../etc/passwd",
                ),
                *(
                    "/a/b/../../etc/x",
                    "../../../etc/passwd",
                    "x/../../etc/passwd",
                    "/etc/a/b",
                    "/ETC/passwd",
                    "/etc/a/",
                ),
            ),
            "links": ("/proc/self/root/etc/passwd", "/proc/1/root/etc/x", "/proc/self/cwd/etc/x", "file:///etc/passwd"),
            "encoding": ("/%65tc/passwd", "%2fetc%2fpasswd", "/tmp/%2e%2e/etc/x", "/tmp/%252e%252e/etc/x"),
            "backslashes": ("\\etc\\passwd", "/tmp\\..\\etc\\x", "/e\\tc/x"),
            "look-alikes": ("／etc／passwd", "/еtc/passwd", "∕etc∕passwd", "/e\u200btc/x", "/\u202eetc/x"),  # noqa: RUF001
        },
    ),
    Tried(
        {"host": "evil.org"},
        {
            "form": (
                *(
                    "https://evil.org/",
                    "https://EVIL.org",
                    "https://evil.org:443/",
                    "https://a@evil.org/",
                    "https://evil.org./",
                ),
                *("//evil.org", "evil.org/x", "curl -s https://evil.org", "https://a.evil.org/", "https:\\\\evil.org"),
                *(
                    "https://ｅvil.org",
                    "https://e%76il.org",
                    "https://evil。org",
                    "https://e\u200bvil.org",
                    "https://еvil.org",
                ),  # noqa: RUF001
                *({"a": [{"b": "https://evil.org"}]}, {"x": "https://example.org/", "y": "https://evil.org"}),
            )
        },
    ),
    Tried(
        {"tool_name": "Shell*", "arguments": {}},
        {"tool": ({"tool": "shell"}, {"tool": "SHELL_x"}, {"tool": "sh\u200bell"}, {"tool": "ｓhell"})},
    ),
    Tried({"tool_name": "shell", "arguments": {}}, {"tool": ({"tool": "Shell"}, {"tool": "SHELL"}, {"tool": "ѕhell"})}),  # noqa: RUF001
]
"""What DENY rules must refuse in whatever form it comes."""

HARMLESS = [
    Tried(
        _command("rm *"),
        {"plain": ("ls -l", "git status", "format x", "echo warm x", "alarm x", "rmdir x", "npm run x", "rm")},
    ),
    Tried(_path("/etc/**"), {"plain": ("/work/etc/x", "/etcetera/x", "etc/x", "/etc", "/work/a", "/home/u/x")}),
    Tried(
        {"host": "evil.org"},
        {"plain": ("https://example.org/", "https://devil.org/", "https://evil-org.net", "evil org")},
    ),
]
"""What DENY rules must leave alone."""

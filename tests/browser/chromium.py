"""A headless Chromium driven over the DevTools protocol, with nothing but aiohttp."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import os
import re
import shutil
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType

EXECUTABLE = os.environ.get("PARLEY_CHROMIUM") or next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"))),
    None,
)
OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-background-timer-throttling",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--remote-debugging-port=0",
)
PATIENCE = 45


class Page:
    """One tab, with a record of what it asked the network for and what it complained about."""

    def __init__(self, client: ClientSession, address: str, socket: ClientWebSocketResponse) -> None:
        self.requests: list[str] = []
        self.bodies: list[str] = []
        self.frames_sent: list[dict[str, Any]] = []
        self.complaints: list[str] = []
        self._client, self._address, self._socket = client, address, socket
        self._session: str | None = None
        self._ids = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}

    async def open(self) -> None:
        target = await self.call("Target.createTarget", url="about:blank", newWindow=True)
        attached = await self.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Network", "Page", "Runtime", "Log"):
            await self.call(f"{domain}.enable")

    @asynccontextmanager
    async def another_window(self) -> AsyncIterator[Page]:
        """A second window of the same browser, which shares what the browser stores."""
        async with _driven(self._client, self._address) as page:
            yield page

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        id = next(self._ids)
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting[id] = answer
        session = {"sessionId": self._session} if self._session else {}
        await self._socket.send_json({"id": id, "method": method, "params": params, **session})
        async with asyncio.timeout(PATIENCE):
            return await answer

    async def evaluate(self, expression: str) -> Any:
        answer = await self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    async def until(self, condition: str) -> None:
        """Wait, in the page, until the JavaScript condition holds."""
        try:
            await self.evaluate(f"""new Promise((met) => {{
                const holds = () => {{ try {{ return {condition}; }} catch {{ return false; }} }};
                const look = () => (holds() ? met() : setTimeout(look, 10));
                look();
            }})""")
        except TimeoutError:
            text = await self.evaluate("document.body.innerText")
            raise AssertionError(f"never true: {condition}\n{self.complaints}\n{text}") from None

    async def screenshot(self, width: int, height: int, dark: bool = False) -> bytes:
        await self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        await self.call("Emulation.setEmulatedMedia", features=[scheme])
        await self.evaluate("new Promise((painted) => requestAnimationFrame(() => requestAnimationFrame(painted)))")
        picture = await self.call("Page.captureScreenshot")
        return base64.b64decode(picture["data"])

    async def listen(self) -> None:
        async for message in self._socket:
            if message.type is WSMsgType.TEXT:
                self._hear(json.loads(message.data))

    def _hear(self, message: dict[str, Any]) -> None:
        if waiting := self._waiting.pop(message.get("id", 0), None):
            if waiting.cancelled():
                return
            if "error" in message:
                waiting.set_exception(AssertionError(message["error"]))
            else:
                waiting.set_result(message["result"])
            return
        match message.get("method"), message.get("params", {}):
            case "Network.requestWillBeSent", {"request": {"url": url, **request}}:
                self.requests.append(url)
                self.bodies.append(str(request.get("postData", "")))
            case "Network.webSocketCreated", {"url": url}:
                self.requests.append(url)
            case "Network.webSocketFrameSent", {"response": {"payloadData": data}}:
                self.frames_sent.append(json.loads(data))
            case "Runtime.exceptionThrown", {"exceptionDetails": details}:
                self.complaints.append(json.dumps(details))
            case "Log.entryAdded", {"entry": {"level": "error", "text": text}}:
                self.complaints.append(text)


@asynccontextmanager
async def open_page(profile: Path) -> AsyncIterator[Page]:
    assert EXECUTABLE
    process = await asyncio.create_subprocess_exec(
        EXECUTABLE,
        *OPTIONS,
        f"--user-data-dir={profile}",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        address = await _debugger_address(process)
        async with asyncio.TaskGroup() as tasks, ClientSession() as client:
            draining = tasks.create_task(_drain(process))
            async with _driven(client, address) as page:
                yield page
            draining.cancel()
    finally:
        # Chromium is a family of processes; those left behind would hold its standard error open.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.communicate()


@asynccontextmanager
async def _driven(client: ClientSession, address: str) -> AsyncIterator[Page]:
    async with client.ws_connect(address, max_msg_size=0) as socket, asyncio.TaskGroup() as tasks:
        page = Page(client, address, socket)
        listening = tasks.create_task(page.listen())
        await page.open()
        yield page
        listening.cancel()


async def _debugger_address(process: asyncio.subprocess.Process) -> str:
    assert process.stderr
    async with asyncio.timeout(PATIENCE):
        async for line in process.stderr:
            if found := re.search(rb"DevTools listening on (\S+)", line):
                return found[1].decode()
    raise AssertionError("Chromium ended before it could be driven")


async def _drain(process: asyncio.subprocess.Process) -> None:
    assert process.stderr
    while await process.stderr.read(65_536):
        pass

"""Servers and clients of the tests: in memory, as a process, over HTTP."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import anyio
from jsonschema import Draft202012Validator
from mcp import Client, StdioServerParameters
from mcp_types import CallToolResult, TextContent

from semsearch.agents import Archive, Limits, make_server
from semsearch.searching import LiveIndex
from tests.conftest import ROOT

WAIT = 300.0
"""Seconds: a machine may be slow, a test must not hang."""


def run(work: Callable[[], Awaitable[None]]) -> None:
    """Run a coroutine, for a while at most."""

    async def bounded() -> None:
        with anyio.fail_after(WAIT):
            await work()

    anyio.run(bounded)


@asynccontextmanager
async def in_memory(index: Path, limits: Limits | None = None, mode: str = "auto") -> AsyncIterator[Client]:
    """Yield a client of a server in this process."""
    with Archive(lambda: LiveIndex(index), limits) as archive:
        async with Client(make_server(archive), mode=mode, read_timeout_seconds=WAIT) as client:
            yield client


def command(*arguments: object) -> list[str]:
    """Return the command line of ``semsearch mcp``."""
    return [sys.executable, "-m", "semsearch", "mcp", *(str(argument) for argument in arguments)]


def environment() -> dict[str, str]:
    """Return what a server finds in its environment: this package, and nothing that chooses an index or a token."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SEMSEARCH_")}
    return {**kept, "PYTHONPATH": str(ROOT), "SEMSEARCH_CACHE": os.environ["SEMSEARCH_CACHE"]}


def as_process(index: Path) -> StdioServerParameters:
    """Return how a client starts a server as a process."""
    program, *arguments = command("--index", index)
    return StdioServerParameters(command=program, args=arguments, env=environment())


@contextmanager
def over_http(index: Path, *options: object) -> Iterator[str]:
    """Yield the URL of a server that runs as a process; it is ended by its id."""
    process = subprocess.Popen(
        command("--index", index, "--http", "--port", 0, *options),
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    try:
        said = process.stderr.readline()
        assert said.startswith("serving at http://"), said + process.stderr.read()
        yield said.split()[2].rstrip(":")
    finally:
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=WAIT)
    assert process.returncode == 0, err
    assert out == ""
    assert "Traceback" not in err


async def schemas(client: Client) -> dict[str, dict[str, Any]]:
    """Return the output schema of every tool."""
    found = {}
    for tool in (await client.list_tools()).tools:
        assert tool.output_schema is not None
        found[tool.name] = tool.output_schema
    return found


async def ask(client: Client, tool: str, **arguments: Any) -> tuple[dict[str, Any], str]:
    """Call a tool and return its structured content, which is as its schema says, and its text."""
    result = await client.call_tool(tool, arguments)
    assert isinstance(result, CallToolResult)
    assert not result.is_error, result.content
    schema = (await schemas(client))[tool]
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(result.structured_content)
    assert result.structured_content is not None
    (content,) = result.content
    assert isinstance(content, TextContent)
    return result.structured_content, content.text


async def refused(client: Client, tool: str, **arguments: Any) -> str:
    """Call a tool that refuses, and return why."""
    result = await client.call_tool(tool, arguments)
    assert isinstance(result, CallToolResult)
    assert result.is_error
    assert result.structured_content is None
    (content,) = result.content
    assert isinstance(content, TextContent)
    assert "Traceback" not in content.text
    assert str(ROOT) not in content.text
    return content.text

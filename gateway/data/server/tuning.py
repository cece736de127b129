"""Configures the embedded PostgreSQL for the size of the machine, without giving up durability."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import psutil

MEGABYTE = 1024 * 1024
CGROUP_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


def machine_memory() -> int:
    """Memory that this process may use, in bytes: the machine's, or less in a container with a limit."""
    limits = [path.read_text().strip() for path in CGROUP_LIMITS if path.exists()]
    return min([psutil.virtual_memory().total, *(int(limit) for limit in limits if limit.isdigit())])


def tuned(memory: int) -> dict[str, str]:
    """Settings for a server on a machine with `memory` bytes that also runs the gateway."""
    return {
        "max_connections": "200",
        "shared_buffers": _megabytes(memory // 8, least=128, most=2048),
        "effective_cache_size": _megabytes(memory // 2, least=256, most=32_768),
        "maintenance_work_mem": _megabytes(memory // 32, least=64, most=512),
        "work_mem": _megabytes(memory // 800, least=4, most=32),
        # For solid-state storage, where random reads are cheap and can be prefetched.
        "random_page_cost": "1.1",
        "effective_io_concurrency": "200",
        # Every request reads one user's rows, so parallel workers and JIT compilation cost more than they save.
        "max_parallel_workers_per_gather": "0",
        "jit": "off",
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        "min_wal_size": "256MB",
        "max_wal_size": "2GB",
        "checkpoint_timeout": "15min",
        "checkpoint_completion_target": "0.9",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "track_io_timing": "on",
        # A week of logs: each day's file is overwritten a week later.
        "logging_collector": "on",
        "log_directory": "log",
        "log_filename": "postgresql-%a.log",
        "log_rotation_age": "1d",
        "log_rotation_size": "0",
        "log_truncate_on_rotation": "on",
        "log_line_prefix": "%m [%p] %u@%d ",
        "log_lock_waits": "on",
        # Not the errors of statements, of which users can cause any number. The gateway logs those that matter.
        "log_min_messages": "log",
        # Parameters contain what people wrote.
        "log_parameter_max_length": "0",
        "log_parameter_max_length_on_error": "0",
    }


def configuration(settings: Mapping[str, str]) -> str:
    """Render `settings` as a PostgreSQL configuration file."""
    lines = [f"{name} = {_quoted(value)}" for name, value in settings.items()]
    return "\n".join(["# Written by Parley at each start. ALTER SYSTEM overrides it.", *lines, ""])


def _megabytes(amount: int, *, least: int, most: int) -> str:
    return f"{min(max(amount // MEGABYTE, least), most)}MB"


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"

"""What is deployed beside Parley speaks of what there is: metrics by their names, and enough time to stop."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.config import Settings
from gateway.environment import variable
from gateway.http.options import Options
from gateway.http.seats.stopping import LONGEST_SPREAD_SECONDS
from gateway.monitoring.exposition import FAMILIES

DEPLOY = Path(__file__).parents[2] / "deploy"
ENDINGS = {"gauge": ("",), "counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}
EXPOSED = {name + ending for name, (kind, _) in FAMILIES.items() for ending in ENDINGS[kind]}


def panels() -> Iterator[dict[str, Any]]:
    """The panels of the dashboard that show something."""
    dashboard = json.loads((DEPLOY / "grafana/parley.json").read_text())
    return (panel for panel in dashboard["panels"] if panel["type"] != "row")


def named() -> set[str]:
    """The metrics that the dashboard asks for."""
    asked = " ".join(target["expr"] for panel in panels() for target in panel["targets"])
    return set(re.findall(r"\b(?:parley|process)_\w+", asked))


def test_dashboard_asks_for_metrics_that_there_are() -> None:
    assert named() - EXPOSED == set()


def test_dashboard_shows_every_metric() -> None:
    shown = named()
    assert [name for name, (kind, _) in FAMILIES.items() if not {name + each for each in ENDINGS[kind]} & shown] == []


def test_every_panel_has_a_unit_and_a_description() -> None:
    assert [panel["title"] for panel in panels() if not panel["fieldConfig"]["defaults"].get("unit")] == []
    assert [panel["title"] for panel in panels() if not panel["description"]] == []


@pytest.mark.parametrize(
    ("file", "patience"),
    [
        ("kubernetes/parley.yaml", r"terminationGracePeriodSeconds: (\d+)"),
        ("compose.yaml", r"stop_grace_period: (\d+)s"),
        ("systemd/parley.service", r"TimeoutStopSec=(\d+)"),
    ],
)
def test_nobody_is_killed_before_they_had_the_time_to_stop(file: str, patience: str) -> None:
    text = (DEPLOY / file).read_text()
    (seconds,) = re.findall(patience, text)
    drain = re.findall(variable("drain_seconds") + r', value: "(\d+)"', text) or [
        Settings(_env_file=None).drain_seconds
    ]
    stopping = float(drain[0]) + Settings(_env_file=None).shutdown_seconds + LONGEST_SPREAD_SECONDS
    assert int(seconds) > stopping + 2 * Options().close_timeout_seconds


def test_settings_that_are_deployed_are_settings() -> None:
    known = {variable(name) for name in Settings.model_fields}
    for file in DEPLOY.rglob("*"):
        if file.is_file():
            assert set(re.findall(r"\bPARLEY_[A-Z_]+", file.read_text())) <= known, file


def test_messages_to_look_up_are_those_of_the_code() -> None:
    """In the table of symptoms, a message is quoted, with an ellipsis for what varies."""
    rows = re.findall(r"^\| (.*?) \|", (DEPLOY / "README.md").read_text("utf-8"), re.MULTILINE)
    quoted = [part.strip() for row in rows for text in re.findall(r'"(.+?)"', row) for part in text.split("…")]
    files = [file for file in (DEPLOY.parent / "gateway").rglob("*.py") if "node_modules" not in file.parts]
    nodes = (node for file in files for node in ast.walk(ast.parse(file.read_text("utf-8"))))
    texts = [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    assert len(quoted) > 5
    assert [part for part in quoted if not any(part in text for text in texts)] == []

"""Sample values for jobs: a job must be asked for with a number of months in range, or with names of types."""

from __future__ import annotations

VALUES = {"inactiveMonths": (6, 12), "Job.types": (["Conversation"], ["Message"])}

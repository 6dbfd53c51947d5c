"""Hypothesis fails no test for being slow: a busy machine is no defect; speed lives in `make bench`."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

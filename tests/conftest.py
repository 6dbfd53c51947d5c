"""A busy machine is no defect: Hypothesis fails no test for being slow, speed lives in `make bench`.

OpenBLAS has one thread, as in `rag` itself: its threads wait by spinning, and tests run side by side.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # read when numpy is imported
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

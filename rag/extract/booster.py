"""LightGBM through its C library: predictions without its Python package.

``import lightgbm`` pulls pandas and scikit-learn: 1.7 s and 120 MB for a library of 5 MB. Only four
public functions of its C API are needed.
Source: https://lightgbm.readthedocs.io/en/latest/C-API.html
"""

from __future__ import annotations

import ctypes
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rag.errors import ModelDamagedError, ModelMissingError

_FLOAT32 = 0
_RAW_SCORE = 1
_ROW_MAJOR = 1


@lru_cache(maxsize=1)
def _library() -> ctypes.CDLL:
    spec = find_spec("lightgbm")
    if spec is None or spec.origin is None:
        raise ModelMissingError(
            "lightgbm이 설치되어 있지 않습니다.", "pip install lightgbm 을 실행해 주세요."
        )
    folder = Path(spec.origin).parent
    names = ("lib_lightgbm.so", "lib_lightgbm.dylib", "lib_lightgbm.dll", "Release/lib_lightgbm.dll")
    for path in [folder / place / name for place in ("lib", "bin", ".") for name in names]:
        if path.is_file():
            library = ctypes.CDLL(str(path))
            library.LGBM_GetLastError.restype = ctypes.c_char_p
            return library
    raise ModelMissingError(
        f"{folder}에 LightGBM 라이브러리 파일이 없습니다.",
        "pip install --force-reinstall lightgbm 을 실행해 주세요.",
    )


def _check(status: int) -> None:
    if status != 0:
        reason = _library().LGBM_GetLastError().decode("utf-8", "replace")
        raise ModelDamagedError(f"LightGBM 오류: {reason}", "패키지를 다시 설치해 주세요.")


class Booster:
    """Trees that score rows of features. Raw scores: no link function is applied.

    Args:
        text: A model in LightGBM's text format.

    Raises:
        ModelDamagedError: The text is no such model.
        ModelMissingError: LightGBM's library is not installed.
    """

    def __init__(self, text: str) -> None:
        self._handle = ctypes.c_void_p()
        self._library = _library()
        rounds = ctypes.c_int()
        _check(
            self._library.LGBM_BoosterLoadModelFromString(
                ctypes.c_char_p(text.encode()), ctypes.byref(rounds), ctypes.byref(self._handle)
            )
        )
        width = ctypes.c_int()
        _check(self._library.LGBM_BoosterGetNumFeature(self._handle, ctypes.byref(width)))
        self.width = width.value

    def __del__(self) -> None:
        if self._handle.value is not None:
            self._library.LGBM_BoosterFree(self._handle)

    def scores(self, table: NDArray[np.float32]) -> NDArray[np.float64]:
        """``(n,)`` raw scores of ``(n, width)`` features, on one thread.

        Raises:
            ValueError: The table has another width.
        """
        if table.ndim != 2 or table.shape[1] != self.width:
            raise ValueError(f"expected (n, {self.width}) features, found {table.shape}")
        rows = np.ascontiguousarray(table, np.float32)
        out = np.zeros(len(rows), np.float64)
        if not len(rows):
            return out
        length = ctypes.c_int64()
        _check(
            self._library.LGBM_BoosterPredictForMat(
                self._handle,
                rows.ctypes.data_as(ctypes.c_void_p),
                ctypes.c_int(_FLOAT32),
                ctypes.c_int32(rows.shape[0]),
                ctypes.c_int32(rows.shape[1]),
                ctypes.c_int(_ROW_MAJOR),
                ctypes.c_int(_RAW_SCORE),
                ctypes.c_int(0),
                ctypes.c_int(-1),
                ctypes.c_char_p(b"num_threads=1"),
                ctypes.byref(length),
                out.ctypes.data_as(ctypes.POINTER(ctypes.c_double)),
            )
        )
        return out

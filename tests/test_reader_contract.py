"""Every reader keeps the contract: embedded, best sentence, GGUF, and the fakes that other tests rely on."""

from pathlib import Path

import pytest

from rag.assemble import make_reader
from rag.config import load_settings
from rag.protocols import Reader
from tests.contracts.reader import ReaderContract
from tests.fakes import FakeReader, FakeWriter
from tests.tiny_gguf import write_tiny_gguf


class TestFakeReader(ReaderContract):
    @pytest.fixture
    def reader(self) -> Reader:
        return FakeReader()


class TestFakeWriter(ReaderContract):
    @pytest.fixture
    def reader(self) -> Reader:
        return FakeWriter()


class TestSentenceReader(ReaderContract):
    @pytest.fixture(scope="class")
    def reader(self) -> Reader:
        return make_reader(load_settings({"reader": "none"}, environment={}))


class TestSpanReader(ReaderContract):
    @pytest.fixture(scope="class")
    def reader(self) -> Reader:
        return make_reader(load_settings({"reader": "embedded"}, environment={}))


class TestLlamaReader(ReaderContract):
    @pytest.fixture(scope="class")
    def reader(self, tmp_path_factory: pytest.TempPathFactory) -> Reader:
        path: Path = write_tiny_gguf(tmp_path_factory.mktemp("gguf") / "tiny.gguf")
        flags = {"reader": str(path), "llm_context_tokens": 2048, "llm_max_tokens": 40, "llm_threads": 1}
        return make_reader(load_settings(flags, environment={}))

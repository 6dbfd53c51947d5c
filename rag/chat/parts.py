"""What all tabs share: the open index and the loaded models, composed into an assistant for each question."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from threading import Lock

from rag.assemble import make_assistant, make_embedder, make_reader
from rag.assistant import Assistant
from rag.config import Settings
from rag.errors import EmptyCorpusError, IndexMissingError, SettingError
from rag.index import Index
from rag.korean import kiwi
from rag.protocols import Reader
from rag.types import Filter

#: Readers kept loaded; a language model is large, so few.
_LOADED_READERS = 2


@dataclass(frozen=True, slots=True)
class Choice:
    """What a person may set for their own questions; the other settings are the server's.

    Attributes:
        reader: As the setting of this name.
        top_k: Passages read, as the setting.
        abstain_below: Answers below this confidence are refused, as the setting.
    """

    reader: str
    top_k: int
    abstain_below: float


class Parts:
    """The open index and loaded models of one server.

    Args:
        settings: The server's.
        folder: Index folder; it may be empty yet.
        fixed_reader: Refuse any reader but the server's: others may reach this machine.
    """

    def __init__(self, settings: Settings, folder: Path, *, fixed_reader: bool = False) -> None:
        self.settings = settings
        self.folder = folder
        self.fixed_reader = fixed_reader
        self.embedder = make_embedder(settings)
        self._index = self._opened()
        self._loading = Lock()
        self._read_with = lru_cache(maxsize=_LOADED_READERS)(self._loaded)
        self._composed = lru_cache(maxsize=_LOADED_READERS)(self._compose)  # each holds a reader
        self.reader(settings.reader)
        kiwi()

    @property
    def choice(self) -> Choice:
        """What the server's settings say."""
        return Choice(self.settings.reader, self.settings.top_k, self.settings.abstain_below)

    @property
    def index(self) -> Index | None:
        """The live generation as last opened, or ``None`` where nothing is indexed yet."""
        return self._index

    def _opened(self) -> Index | None:
        try:
            return Index.load(self.folder, self.embedder)
        except IndexMissingError:
            return None

    def reopen(self) -> None:
        """Answer from the newest generation from now on; answers under way keep theirs."""
        self._index = self._opened()
        self._composed.cache_clear()

    def _loaded(self, name: str) -> Reader:
        return make_reader(replace(self.settings, reader=name))

    def reader(self, name: str) -> Reader:
        """The reader called ``name``, loaded once.

        Raises:
            SettingError: Another than the server's where that is fixed.
            ModelError: Missing, damaged, or not a GGUF model.
        """
        if self.fixed_reader and name != self.settings.reader:
            raise SettingError(
                "이 서버에서는 모델을 바꿀 수 없습니다.", "서버를 켠 사람이 --reader 로 정합니다."
            )
        with self._loading:
            return self._read_with(name)

    def check(self, choice: Choice) -> None:
        """Load what ``choice`` names.

        Raises:
            SettingError, ModelError: It cannot be used.
        """
        self._settings(choice)
        self.reader(choice.reader)

    def _settings(self, choice: Choice) -> Settings:
        return replace(
            self.settings, reader=choice.reader, top_k=choice.top_k, abstain_below=choice.abstain_below
        )

    def assistant(self, choice: Choice) -> Assistant:
        """An assistant as ``choice`` says, on the index as it is now; the latest few are kept.

        Args:
            choice: Checked like the settings of these names.

        Raises:
            EmptyCorpusError: Nothing is indexed.
            SettingError, ModelError: ``choice`` cannot be used.
        """
        index = self._index
        if index is None:
            raise EmptyCorpusError("아직 문서가 없습니다.", "문서를 먼저 올려 주세요.")
        return self._composed(choice, index)

    def _compose(self, choice: Choice, index: Index) -> Assistant:
        return make_assistant(self._settings(choice), index, self.embedder, self.reader(choice.reader))

    def only(self, document_ids: tuple[str, ...]) -> Filter | None:
        """The filter that admits these documents; ``None``, which admits all, where none are chosen.

        Raises:
            EmptyCorpusError: None of them is left.
        """
        if not document_ids:
            return None
        if self._index is None or not any(name in self._index.store for name in document_ids):
            raise EmptyCorpusError("고른 문서가 이제 없습니다.", "문서를 다시 골라 주세요.")
        return Filter(documents=document_ids)

"""What one browser tab is at: its conversation, its documents, its visitor's settings."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace

from rag.chat.parts import Choice
from rag.chat.words import KOREAN

THEMES = ("system", "light", "dark")


@dataclass(frozen=True, slots=True)
class Preference:
    """A visitor's settings, kept between visits."""

    choice: Choice
    language: str = KOREAN
    theme: str = THEMES[0]

    def to_json(self) -> str:
        """One JSON object."""
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str, choice: Choice) -> Preference:
        """What :meth:`to_json` wrote; ``choice`` and defaults where that is empty or cannot be read."""
        try:
            record = json.loads(text)
            kept = Choice(
                reader=str(record["choice"]["reader"]),
                top_k=int(record["choice"]["top_k"]),
                abstain_below=float(record["choice"]["abstain_below"]),
            )
            return cls(kept, str(record["language"]), str(record["theme"]))
        except (ValueError, KeyError, TypeError):
            return cls(choice)


@dataclass(frozen=True, slots=True)
class Tab:
    """State of one tab; never shared.

    Attributes:
        preference: As its visitor last set it.
        conversation: Id of the open one; 0 before the first question.
        document_ids: Documents that the next question looks into; empty means all.
        looked_for: Words that the history is searched for.
        documents_for: Words that the documents are searched for.
    """

    preference: Preference
    conversation: int = 0
    document_ids: tuple[str, ...] = ()
    looked_for: str = ""
    documents_for: str = ""

    def toggled(self, document_id: str) -> Tab:
        """With this document chosen if it was not, and the other way round."""
        kept = tuple(name for name in self.document_ids if name != document_id)
        chosen = kept if len(kept) < len(self.document_ids) else (*kept, document_id)
        return replace(self, document_ids=chosen)

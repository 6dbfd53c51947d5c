"""Messages to the text that one model was trained to see, by the chat template in its file."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING

from rag.errors import ModelKindError

if TYPE_CHECKING:
    from llama_cpp import ChatCompletionRequestMessage

# Models that always think open a thought at the end of the prompt; it is closed again at once.
_THOUGHT = re.compile(r"<(think|thought|thinking)>\s*\Z")

#: Some templates write today's date; equal questions must make equal prompts, so it stands still.
FIXED_DATE = datetime(2025, 1, 1)


class Chat:
    """The chat template of one model.

    Args:
        template: Jinja source from the file's metadata; ``None`` for a model without one, which then
            sees plain text to continue.
        bos: Text of the token that begins a sequence.
        eos: Text of the token that ends one.

    Raises:
        ModelKindError: A template that cannot be read, or that takes no question.
    """

    def __init__(self, template: str | None, bos: str, eos: str) -> None:
        from jinja2 import TemplateError
        from llama_cpp.llama_chat_format import Jinja2ChatFormatter

        self._formatter: Jinja2ChatFormatter | None = None
        self._has_system_role = True
        if template is None:
            return
        try:
            self._formatter = Jinja2ChatFormatter(template=template, eos_token=eos, bos_token=bos)
            self._formatter.strftime_now = FIXED_DATE.strftime  # type: ignore[assignment]  # the same but for a name
            try:
                self.render("system", "user")
            except (TemplateError, ValueError):  # "System role not supported"
                self._has_system_role = False
                self.render("system", "user")
        except (TemplateError, ValueError, TypeError, LookupError) as error:
            raise unusable(error) from error

    @property
    def is_plain(self) -> bool:
        """Whether the model has no chat template."""
        return self._formatter is None

    def render(self, system: str, user: str) -> str:
        """The prompt, up to where the answer begins; thinking is switched off."""
        if self._formatter is None:
            return f"{system}\n\n{user}\n답:"
        made = self._formatter(messages=self._messages(system, user), enable_thinking=False)
        return without_thought(str(made.prompt))

    def _messages(self, system: str, user: str) -> list[ChatCompletionRequestMessage]:
        if not self._has_system_role:
            return [{"role": "user", "content": f"{system}\n\n{user}"}]
        return [{"role": "system", "content": system}, {"role": "user", "content": user}]


def unusable(error: Exception) -> ModelKindError:
    """What to tell a person about a chat template that does not work."""
    return ModelKindError(
        f"모델의 대화 틀(chat template)을 쓸 수 없습니다: {str(error)[:120]}",
        "다른 사람이 변환한 .gguf나 다른 모델을 써 주세요.",
    )


def without_thought(prompt: str) -> str:
    """The prompt with a thought that it opens at its end closed again."""
    opened = _THOUGHT.search(prompt)
    return f"{prompt.rstrip()}\n\n</{opened[1]}>\n\n" if opened else prompt

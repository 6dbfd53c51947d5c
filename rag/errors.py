"""The error tree: what was found, what was expected, and what to do next.

::

    GeungeoError (1)
    ├── UsageError (2)              a question, flag or setting that cannot be used
    │   ├── QuestionError           empty or over-long question
    │   └── SettingError            unknown or ill-typed setting
    ├── SourceError (3)             a document that cannot be read
    │   ├── DecodeError             unknown encoding or binary content
    │   ├── EmptyCorpusError        no readable document at all
    │   └── ManifestError           a corpus that differs from its manifest
    ├── SearchIndexError (4)             no index, or one that cannot be trusted
    │   ├── IndexMissingError
    │   ├── IndexDamagedError       a digest or a shape does not hold
    │   ├── IndexVersionError       written by another version of the format
    │   ├── IndexMismatchError      built with another embedder
    │   ├── IndexBusyError          another process is writing
    │   └── IndexWriteError         a full disk, a quota, no permission
    ├── ModelError (5)              a model that is missing, damaged or of the wrong kind
    │   ├── ModelMissingError
    │   ├── ModelDamagedError
    │   └── ModelKindError
    └── UnknownSourceError (6)      a citation or document that the index does not hold

The number is the exit code of the command line. Messages are Korean, for the person at the keyboard;
``remedy`` is one sentence that says what to do next.
"""

from __future__ import annotations


class GeungeoError(Exception):
    """Base of every error that is meant to reach a person.

    Args:
        message: What was found and what was expected, in Korean.
        remedy: What to do next, in Korean; empty if the message already says it.
    """

    exit_code = 1

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message} {self.remedy}".rstrip()


class UsageError(GeungeoError):
    """A question, flag or setting that cannot be used."""

    exit_code = 2


class QuestionError(UsageError):
    """An empty or over-long question."""


class SettingError(UsageError):
    """An unknown setting, or a value of the wrong type or range."""


class SourceError(GeungeoError):
    """A document that cannot be read."""

    exit_code = 3


class DecodeError(SourceError):
    """Bytes that are no text in any encoding we know."""


class EmptyCorpusError(SourceError):
    """No readable document among the given paths."""


class ManifestError(SourceError):
    """A corpus whose files differ from its manifest."""


class SearchIndexError(GeungeoError):
    """An index that is missing or cannot be trusted."""

    exit_code = 4


class IndexMissingError(SearchIndexError):
    """There is no index at the given place."""


class IndexDamagedError(SearchIndexError):
    """A digest, a shape or a file of the index does not hold."""


class IndexVersionError(SearchIndexError):
    """The index was written in another version of the format."""


class IndexMismatchError(SearchIndexError):
    """The index was built with another embedder than the one configured."""


class IndexBusyError(SearchIndexError):
    """Another process is writing this index."""


class IndexWriteError(SearchIndexError):
    """The system refused to write the index: a full disk, a quota, no permission."""


class ModelError(GeungeoError):
    """A model that is missing, damaged or of the wrong kind."""

    exit_code = 5


class ModelMissingError(ModelError):
    """No model at the given path or hub name."""


class ModelDamagedError(ModelError):
    """Weights whose digest differs from their manifest."""


class ModelKindError(ModelError):
    """A file that is not the kind of model it is configured as."""


class UnknownSourceError(GeungeoError):
    """A citation or document that the index does not hold."""

    exit_code = 6

"""Other people's sets as ours: corpus JSONL and set JSONL.

KorQuAD 1.0 and 2.x, KLUE-MRC, SQuAD 2.0, BEIR folders, AutoRAG parquet pairs. What cannot be carried
over (an answer that its text does not hold) is skipped and counted, never bent into shape.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from html import unescape
from pathlib import Path
from typing import cast

import rag
from eval import jsonl
from eval.case import MULTI, EvalCase, GoldEvidence
from rag.errors import UsageError
from rag.text import normalise


class Format(StrEnum):
    """What can be imported."""

    KORQUAD1 = "korquad1"
    KORQUAD2 = "korquad2"
    KLUE_MRC = "klue-mrc"
    SQUAD2 = "squad2"
    BEIR = "beir"
    AUTORAG = "autorag"


@dataclass(slots=True)
class Imported:
    """A corpus and its cases while they grow.

    Attributes:
        titles: Document id to title.
        texts: Document id to normalised text.
        skipped: Korean phrases, one for each question left out.
    """

    titles: dict[str, str] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    cases: list[EvalCase] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)

    def add(self, name: str, title: str, text: str) -> str:
        """A document under a free id; the same text twice is one document. Its id."""
        text = normalise(text)
        unique, n = name, 1
        while unique in self.texts and self.texts[unique] != text:
            n += 1
            unique = f"{name}-{n}"
        self.titles[unique], self.texts[unique] = normalise(title).strip() or unique, text
        return unique


def _table(value: object, what: str) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise ValueError(f"{what}이(가) 객체가 아닙니다")
    return value


def _tables(value: object, what: str) -> list[Mapping[str, object]]:
    if not isinstance(value, list):
        raise ValueError(f"{what}이(가) 목록이 아닙니다")
    return [_table(item, what) for item in value]


def _nearest(text: str, words: str, start: int) -> tuple[int, int] | None:
    """Where ``words`` stand in ``text``, nearest to ``start``."""
    places = [match.start() for match in re.finditer(re.escape(words), text)] if words else []
    if not places:
        return None
    best = min(places, key=lambda place: abs(place - start))
    return best, best + len(words)


def _sentence(text: str, start: int, end: int) -> str:
    """The sentences that hold ``[start, end)``, verbatim."""
    spans = [s for s in rag.analyse(text).sentences if s.start < end and start < s.end]
    if not spans:
        return text[start:end]
    return text[min(start, spans[0].start) : max(end, spans[-1].end)].strip()


@dataclass(frozen=True, slots=True)
class _Reply:
    text: str
    start: int


def _replies(qa: Mapping[str, object]) -> list[_Reply]:
    given = qa.get("answers", qa.get("answer", []))
    listed = _tables(given if isinstance(given, list) else [given], "answers")
    return [_Reply(str(one.get("text", "")), int(cast(int, one.get("answer_start", 0)))) for one in listed]


def _question(made: Imported, qa: Mapping[str, object], document: str, cluster: str) -> None:
    """One question of the SQuAD family on a document that is already there."""
    name = str(qa.get("id") or qa.get("guid") or f"q{len(made.cases) + len(made.skipped) + 1}")
    question, text = normalise(str(qa.get("question", ""))).strip(), made.texts[document]
    answerable = not qa.get("is_impossible", False)
    replies = _replies(qa) if answerable else []
    answers = tuple(dict.fromkeys(words for r in replies if (words := normalise(_bare(r.text)).strip())))
    places = [_nearest(text, normalise(_bare(r.text)).strip(), r.start) for r in replies]
    quotes = dict.fromkeys(_sentence(text, *place) for place in places if place)
    if not question or (answerable and not quotes):
        made.skipped.append(
            f"{name}: 답 {list(answers)!r}이(가) 글에 없음" if question else f"{name}: 질문이 비었음"
        )
        return
    evidence = tuple(GoldEvidence(document, quote) for quote in list(quotes)[:1])
    kind = "none" if not answerable else str(qa.get("question_type") or "other")
    made.cases.append(EvalCase(name, question, answers, answerable, evidence, kind, cluster))


def _squad_family(path: Path, made: Imported) -> None:
    """KorQuAD 1.0, KLUE-MRC, SQuAD 2.0: articles of paragraphs; a paragraph is a document."""
    for article in _tables(_json(path).get("data"), "data"):
        title = str(article.get("title", ""))
        for n, paragraph in enumerate(_tables(article.get("paragraphs"), "paragraphs"), 1):
            document = made.add(f"{title or 'article'}#{n}", title, str(paragraph.get("context", "")))
            for qa in _tables(paragraph.get("qas"), "qas"):
                _question(made, qa, document, title or document)


def _korquad2(path: Path, made: Imported) -> None:
    """KorQuAD 2.x: whole pages of HTML, one answer a question; a page is a document."""
    files = sorted(path.glob("*.json")) if path.is_dir() else [path]
    for file in files:
        for page in _tables(_json(file).get("data"), "data"):
            title = str(page.get("title", ""))
            text = _bare(str(page.get("context", "")))
            document = made.add(title or str(page.get("url", "page")), title, text)
            for qa in _tables(page.get("qas"), "qas"):
                _question(made, qa, document, document)


_HIDDEN = re.compile(r"<(script|style)\b.*?</\1\s*>", re.I | re.S)
_BLOCK = re.compile(r"</?(?:p|div|tr|li|ul|ol|table|h[1-6]|br|dd|dt|section)\b[^>]*>", re.I)
_CELL = re.compile(r"</(?:td|th)\s*>", re.I)
_TAG = re.compile(r"</?[a-z][^<>]*>|<!--.*?-->", re.I | re.S)


def _bare(text: str) -> str:
    """Text without tags: blocks as lines, cells apart; text without tags stays as it is."""
    if not _TAG.search(text):
        return text
    text = _CELL.sub(" ", _BLOCK.sub("\n", _HIDDEN.sub("", text)))
    lines = (" ".join(line.split()) for line in unescape(_TAG.sub("", text)).split("\n"))
    return "\n".join(line for line in lines if line)


def _json(path: Path) -> Mapping[str, object]:
    try:
        return _table(json.loads(path.read_text("utf-8")), path.name)
    except OSError as error:
        raise UsageError(f"{path}을(를) 읽을 수 없습니다: {error}.", "경로를 확인해 주세요.") from None


def _beir(path: Path, made: Imported) -> None:
    """BEIR: corpus.jsonl, queries.jsonl, qrels/*.tsv or qrels.tsv. No answers: only retrieval is measured."""
    for _, record in jsonl.read(path / "corpus.jsonl"):
        text, title = str(record.get("text") or record.get("title") or ""), str(record.get("title") or "")
        if text.strip():
            made.add(str(record["_id"] if "_id" in record else record["id"]), title, text)
    relevant: dict[str, list[str]] = {}
    for query, document, score in _qrels(path):
        if score > 0:
            relevant.setdefault(query, []).append(document)
    for _, record in jsonl.read(path / "queries.jsonl"):
        name = str(record["_id"] if "_id" in record else record["id"])
        if name in relevant:
            _retrieval_case(made, name, str(record["text"]), relevant[name])


def _qrels(path: Path) -> Iterator[tuple[str, str, int]]:
    files = [*sorted((path / "qrels").glob("*.tsv")), *sorted(path.glob("qrels.tsv"))]
    if not files:
        raise ValueError("qrels/*.tsv나 qrels.tsv가 없습니다")
    with (next((file for file in files if file.stem == "test"), files[0])).open(encoding="utf-8") as lines:
        for row in csv.reader(lines, delimiter="\t"):
            if len(row) >= 3 and row[-1].strip().lstrip("-").isdigit():
                yield row[0], row[-2], int(row[-1])


def _retrieval_case(
    made: Imported,
    name: str,
    question: str,
    documents: Sequence[str],
    answers: Iterable[str] = (),
    kind: str = "other",
) -> None:
    """A question whose evidence is whole documents."""
    missing = [document for document in documents if document not in made.texts]
    if missing:
        made.skipped.append(f"{name}: 문서 {missing[0]!r}이(가) 없음")
        return
    evidence = tuple(GoldEvidence(document, made.texts[document].strip()) for document in documents)
    said = tuple(dict.fromkeys(words for answer in answers if (words := normalise(answer).strip())))
    made.cases.append(EvalCase(name, normalise(question).strip(), said, True, evidence, kind, documents[0]))


def _rows(path: Path) -> list[dict[str, object]]:
    try:
        from pyarrow import parquet  # noqa: PLC0415  # optional
    except ImportError:
        raise UsageError(
            "parquet을 읽으려면 pyarrow가 있어야 합니다.", "pip install pyarrow 를 실행해 주세요."
        ) from None
    return cast(list[dict[str, object]], parquet.read_table(path).to_pylist())


def _groups(value: object) -> list[list[str]]:
    """``retrieval_gt``: all groups are needed, within a group any document will do."""
    if not isinstance(value, list) or not value:
        raise ValueError("retrieval_gt가 비었습니다")
    return [[str(one) for one in group] if isinstance(group, list) else [str(group)] for group in value]


def _autorag(path: Path, made: Imported) -> None:
    """AutoRAG: corpus.parquet (doc_id, contents) and qa.parquet (qid, query, retrieval_gt, generation_gt)."""
    for row in _rows(path / "corpus.parquet"):
        made.add(str(row["doc_id"]), str(row.get("title") or ""), str(row["contents"]))
    for row in _rows(path / "qa.parquet"):
        groups = _groups(row["retrieval_gt"])
        said = row.get("generation_gt") or []
        answers = [str(one) for one in said] if isinstance(said, list) else [str(said)]
        several = len(groups) > 1
        documents = [group[0] for group in groups] if several else groups[0]
        _retrieval_case(
            made, str(row["qid"]), str(row["query"]), documents, answers, MULTI if several else "other"
        )


_LOADERS: dict[Format, Callable[[Path, Imported], None]] = {
    Format.KORQUAD1: _squad_family,
    Format.KORQUAD2: _korquad2,
    Format.KLUE_MRC: _squad_family,
    Format.SQUAD2: _squad_family,
    Format.BEIR: _beir,
    Format.AUTORAG: _autorag,
}


def load(kind: Format, path: Path) -> Imported:
    """Read a set of another form.

    Args:
        kind: Its form.
        path: A file, or the folder for BEIR, AutoRAG and split KorQuAD 2.x.

    Raises:
        UsageError: It is not of that form.
    """
    made = Imported()
    try:
        _LOADERS[kind](path, made)
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise UsageError(
            f"{path}은(는) {kind} 형식이 아닙니다: {error}.", "형식 이름과 경로를 확인해 주세요."
        ) from None
    if not made.cases:
        raise UsageError(f"{path}에서 질문을 하나도 얻지 못했습니다.", "형식 이름을 확인해 주세요.")
    return made


def write(made: Imported, folder: Path) -> tuple[Path, Path]:
    """``corpus.jsonl`` and ``set.jsonl`` in ``folder``; their paths."""
    corpus, cases = folder / "corpus.jsonl", folder / "set.jsonl"
    jsonl.write(corpus, ({"id": n, "title": made.titles[n], "text": text} for n, text in made.texts.items()))
    jsonl.write(cases, (case.to_json() for case in made.cases))
    return corpus, cases

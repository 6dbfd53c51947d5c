"""Own articles with questions → corpora and the dev and test sets of ``eval/``.

    python -m recipes.sets --out eval encyclopaedia=c_encyclopaedia.jsonl news=n_news.jsonl …

Each input is JSONL: ``id, title, text, date, qas[{q, answers, evidence, type}]``. The last 20 articles of
each file are the test set, all others dev; an article may name its ``part`` itself. Unanswerable questions
are kept; of the answerable ones so many are dropped, chosen by digest, that a fifth of each article's
questions is unanswerable.
"""

from __future__ import annotations

import argparse
import hashlib
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import rag
from eval import jsonl
from eval.case import EvalCase, GoldEvidence, check_evidence, load_set, read_corpus
from rag.text import normalise

#: Questions written for these articles that need two passages, or arithmetic: in our own form.
EXTRA = Path(__file__).with_name("extra.jsonl")
#: What readers of the sets changed, by case: ``id``, what is new, and ``why``.
REVIEW = Path(__file__).with_name("review.jsonl")
#: Answerable questions for each unanswerable one.
RATIO = 4
LICENCE = "Apache-2.0"
CARD = '''purpose = "{purpose}"
corpora = [{corpora}]
licence = "{licence}"
description = """
{about}

만든 법: python -m recipes.sets (recipes/sets). 글과 질문은 모두 이 프로젝트를 위해 우리 말로 지었고,
사실은 지어낸 것이거나 확인하지 않은 것이다. 근거는 글에 글자 그대로 있고(python -m eval validate),
답도 그렇다. 다만 두 구절을 잇거나(multi) 셈하는(sum, date) 질문의 답은 근거에서 계산한 값이다.
답 없는 질문은 같은 글에서 답할 수 없는 것이다. 형식과 근거는 기계로 검사했고, 검토자 둘이 따로
(둘 다 언어 모델이다) 질문 하나하나를 글과 견주어 읽었다. 고친 것은 recipes/sets/review.jsonl에 있다.
질문 {n}개(답 없음 {none}개), 글 {articles}개.
유형: {types}.
답 있는 질문 가운데 {rare:.0%}는 물은 내용어의 절반도 근거에 나오지 않는다.
"""
'''
ABOUT = {
    "dev": """맞추는 데 쓰는 집합. 주의: 들어 있는 읽기 모델과 임베더가 이 글들로 학습했을 수 있으므로
여기서 나온 값은 모델의 실력이 아니다. 찾기 설정을 고르고 고친 것을 견주는 데에만 쓴다.""",
    "test": """재는 데만 쓰는 집합. 글의 part가 test인 것이며 학습에도 조정에도 쓰지 않는다.
sweep은 이 집합을 거절한다.""",
}


def listed(value: Any) -> list[str]:
    """One string or a list of them as a list."""
    return [value] if isinstance(value, str) else list(value or [])


def case(article: dict[str, Any], row: int, qa: dict[str, Any]) -> EvalCase:
    answers = listed(qa["answers"])
    evidence = listed(qa.get("evidence")) if answers else []
    kind = "multi" if len(evidence) > 1 else "none" if not answers else qa["type"]
    return EvalCase(
        id=f"{article['id']}-{row}",
        question=normalise(qa["q"]).strip(),
        answers=tuple(dict.fromkeys(normalise(answer).strip() for answer in answers)),
        answerable=bool(answers),
        evidence=tuple(GoldEvidence(article["id"], normalise(quote).strip()) for quote in evidence),
        type=kind,
        cluster=article["id"],
    )


def chosen(cases: list[EvalCase]) -> list[EvalCase]:
    """All unanswerable cases and RATIO answerable ones for each, in order."""
    quota = RATIO * sum(not one.answerable for one in cases)
    order = sorted(
        (one for one in cases if one.answerable), key=lambda one: hashlib.sha256(one.id.encode()).digest()
    )
    kept = {one.id for one in order[:quota]}
    return [one for one in cases if not one.answerable or one.id in kept]


def reviewed(one: EvalCase, changes: dict[str, Any]) -> EvalCase:
    """The case as its readers left it."""
    made = replace(
        one,
        question=changes.get("question", one.question),
        answers=tuple(changes.get("answers", one.answers)),
        answerable=changes.get("answerable", one.answerable),
    )
    if "evidence" in changes:
        made = replace(
            made, evidence=tuple(GoldEvidence(one.cluster, quote) for quote in changes["evidence"])
        )
    return made


def overlap(one: EvalCase) -> float:
    """Share of the question's content words that its evidence holds too."""
    words = {m.form for m in rag.analyse(one.question).morphemes if m.is_content}
    held = {m.form for e in one.evidence for m in rag.analyse(e.quote).morphemes if m.is_content}
    return len(words & held) / max(1, len(words))


def write_set(name: str, cases: list[EvalCase], corpora: list[Path], folder: Path) -> None:
    path = folder / f"{name}.jsonl"
    jsonl.write(path, (one.to_json() for one in cases))
    check_evidence(path, load_set(path), read_corpus(corpora))
    types = Counter(one.type for one in cases)
    card = CARD.format(
        purpose=name,
        corpora=", ".join(f'"../corpora/{corpus.name}"' for corpus in corpora),
        licence=LICENCE,
        about=ABOUT[name],
        n=len(cases),
        none=sum(not one.answerable for one in cases),
        articles=len({one.cluster for one in cases}),
        rare=sum(overlap(one) < 0.5 for one in cases if one.answerable)
        / sum(one.answerable for one in cases),
        types=", ".join(f"{kind} {n}" for kind, n in types.most_common()),
    )
    path.with_suffix(".card.toml").write_text(card, "utf-8")
    print(f"{path}: {len(cases)} questions, {len({one.cluster for one in cases})} articles, {dict(types)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("inputs", nargs="+", metavar="NAME=FILE")
    parser.add_argument("--out", type=Path, default=Path("eval"))
    options = parser.parse_args()
    corpora: list[Path] = []
    sets: dict[str, list[EvalCase]] = {"dev": [], "test": []}
    for given in options.inputs:
        name, _, file = given.partition("=")
        articles: list[dict[str, Any]] = [dict(record) for _, record in jsonl.read(Path(file))]
        corpora.append(options.out / "corpora" / f"{name}.jsonl")
        jsonl.write(
            corpora[-1],
            (
                {key: a[key] for key in ("id", "title", "text", "date") if key in a} | {"licence": LICENCE}
                for a in articles
            ),
        )
        for article in articles:
            if article["part"] in sets:
                asked = [case(article, n, qa) for n, qa in enumerate(article["qas"], 1)]
                sets[article["part"]] += chosen(asked)
    articles_of = {part: {one.cluster for one in cases} for part, cases in sets.items()}
    for one in load_set(EXTRA):
        for part, names in articles_of.items():
            sets[part] += [one] if one.cluster in names else []
    changes = {str(record["id"]): dict(record) for _, record in jsonl.read(REVIEW)}
    for part, cases in sets.items():
        cases = [reviewed(one, changes.get(one.id, {})) for one in cases]  # noqa: PLW2901
        write_set(part, cases, corpora, options.out / "sets")


if __name__ == "__main__":
    main()

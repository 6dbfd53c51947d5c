"""The command line of evaluation: ``python -m eval run``, ``score``, ``report``, ``compare`` and more."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

import rag
from eval import baseline, dialogue, draft, jsonl
from eval.analysis import Analysis, analyse_run, analyse_scores
from eval.case import check_evidence, load_set, read_card, read_corpus
from eval.compare import pair
from eval.compare import to_markdown as comparison_markdown
from eval.importer import Format, load, write
from eval.record import Located, read_records, read_run
from eval.report import to_json, to_markdown, write_report
from eval.response import from_run, read_foreign
from eval.run import run as run_set
from eval.score import score_all
from eval.sweep import RagWorkshop, Sweep, read_grid, refuse_test_set, write_sweep
from eval.sweep import to_markdown as sweep_markdown
from rag import command
from rag.config import Settings
from rag.errors import GeungeoError, UsageError

app = typer.Typer(
    name="eval",
    help="측정: 질문 집합을 돌리고, 채점하고, 무엇을 믿을지 보입니다.",
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def common(
    debug: Annotated[bool, typer.Option("--debug", help="오류의 자세한 경로를 보입니다.")] = False,
) -> None:
    """Options of every command; what ``--debug`` does is done by :func:`rag.command.run`."""


SetOption = Annotated[Path, typer.Option("--set", help="평가 집합(JSONL).")]
IndexOption = Annotated[Path, typer.Option("--index", help="색인 폴더.")]
ChangeOption = Annotated[
    list[str] | None,
    typer.Option("--set-option", metavar="이름=값", help="설정 하나를 바꿉니다. 여러 번 쓸 수 있습니다."),
]
ConfigOption = Annotated[Path | None, typer.Option("--config", help="설정 파일(TOML).")]
CorpusOption = Annotated[
    list[Path] | None, typer.Option("--corpus", help="코퍼스 JSONL. 여러 번 쓸 수 있습니다.")
]
RunArgument = Annotated[Path, typer.Argument(help="run이 만든 폴더.")]


def settings_of(config: Path | None, changes: Iterable[str] | None) -> Settings:
    """Settings with ``name=value`` changes.

    Raises:
        UsageError: A change without an equals sign, an unknown name or a bad value.
    """
    values: dict[str, str | int | float | None] = {}
    for change in changes or ():
        name, equals, value = change.partition("=")
        if not equals:
            raise UsageError(f"--set-option {change!r}에 등호가 없습니다.", "이름=값 꼴로 적어 주세요.")
        values[name.strip()] = value.strip()
    return rag.load_settings(values, config)


def _progress(done: int, total: int) -> None:
    if done % 10 == 0 or done == total:
        typer.echo(f"\r질문 {done}/{total}", err=True, nl=done == total)


@app.command("run")
def run_command(
    set_path: SetOption,
    index: IndexOption,
    out: Annotated[Path, typer.Option("--out", help="결과 폴더. 끊겼으면 같은 명령으로 잇습니다.")],
    set_option: ChangeOption = None,
    config: ConfigOption = None,
    retry: Annotated[bool, typer.Option("--retry", help="전에 실패한 질문을 다시 묻습니다.")] = False,
) -> None:
    """집합의 모든 질문을 물어 기록합니다. 채점은 하지 않습니다."""
    settings = settings_of(config, set_option)
    load_set(set_path)  # complain before models load
    assistant = rag.load_assistant(settings, index)
    info = run_set(set_path, out, settings, assistant, _progress, retry=retry)
    failed = [record["error"] for record in read_records(out).values() if record["error"]]
    typer.echo(f"{out}: 질문 {info.cases}개, 실패 {len(failed)}개. 이제 python -m eval report {out}")
    if failed:
        typer.echo(f"첫 실패: {failed[0]['kind']}: {failed[0]['message']}", err=True)


def _foreign(answers: Path, set_path: Path | None) -> Analysis:
    if set_path is None:
        raise UsageError("--answers 에는 --set 이 필요합니다.", "무엇에 대한 답인지 --set 으로 알려 주세요.")
    cases = load_set(set_path)
    located = tuple(Located(case, tuple(() for _ in case.evidence)) for case in cases)
    return analyse_scores(answers.name, score_all(located, read_foreign(answers, located)))


def _corpora(set_path: Path, corpora: Iterable[Path] | None) -> list[Path]:
    card = read_card(set_path)
    paths = list(corpora or ()) or list(card.corpora if card else ())
    if not paths:
        raise UsageError(f"{set_path}의 코퍼스를 모릅니다.", "--corpus 로 알려 주세요.")
    return paths


def _texts(set_path: Path, corpora: Iterable[Path] | None) -> dict[str, str]:
    return read_corpus(_corpora(set_path, corpora))


def _index_texts(folder: Path) -> dict[str, str]:
    store = rag.Index.load(folder).store
    return {outline.id: store.document(outline.id).text for outline in store.outlines()}


@app.command()
def score(
    run: Annotated[Path | None, typer.Argument(help="run이 만든 폴더.")] = None,
    answers: Annotated[
        Path | None, typer.Option("--answers", help="다른 시스템의 답: 한 줄에 {id, answer, quotes}.")
    ] = None,
    set_path: Annotated[Path | None, typer.Option("--set", help="--answers 의 평가 집합.")] = None,
    out: Annotated[Path | None, typer.Option("--out", help="보고서를 쓸 폴더.")] = None,
    json_: Annotated[bool, typer.Option("--json", help="모든 값을 JSON으로 씁니다.")] = False,
) -> None:
    """기록이나 다른 시스템의 답을 채점합니다. 모델도 색인도 필요 없습니다."""
    if (run is None) == (answers is None):
        raise UsageError("실행 폴더와 --answers 가운데 하나만 주세요.")
    analysis = _foreign(answers, set_path) if answers else analyse_run(read_run(run or Path()))
    if out:
        write_report(analysis, out)
    typer.echo(json.dumps(to_json(analysis), ensure_ascii=False) if json_ else to_markdown(analysis))


@app.command()
def report(
    run: RunArgument,
    out: Annotated[Path | None, typer.Option("--out", help="쓸 폴더. 없으면 실행 폴더.")] = None,
) -> None:
    """HTML, Markdown, JSON 보고서를 씁니다."""
    for path in write_report(analyse_run(read_run(run)), out or run):
        typer.echo(str(path))


@app.command()
def compare(
    left: Annotated[Path, typer.Argument(help="실행 A.")],
    right: Annotated[Path, typer.Argument(help="실행 B.")],
) -> None:
    """두 실행을 같은 질문끼리 견주고, 결과가 뒤집힌 질문을 보입니다."""
    runs = [read_run(folder) for folder in (left, right)]
    ours, theirs = (score_all(one.cases, from_run(one)) for one in runs)
    typer.echo(comparison_markdown(pair(ours, theirs), str(left), str(right)))
    for name in runs[0].info.differences(runs[1].info):
        typer.echo(f"- {name}")


@app.command()
def validate(
    set_path: SetOption,
    corpus: CorpusOption = None,
    index: Annotated[Path | None, typer.Option("--index", help="코퍼스 대신 볼 색인 폴더.")] = None,
) -> None:
    """집합의 형식과, 모든 근거가 코퍼스에 글자 그대로 있는지 검사합니다."""
    cases = load_set(set_path)
    texts = _index_texts(index) if index is not None else _texts(set_path, corpus)
    check_evidence(set_path, cases, texts)
    none = sum(not case.answerable for case in cases)
    clusters = len({case.cluster for case in cases})
    typer.echo(f"{set_path}: 질문 {len(cases)}개(답 없음 {none}개), 묶음 {clusters}개. 잘못이 없습니다.")


@app.command("baseline")
def baseline_command(
    run: RunArgument,
    check: Annotated[
        bool, typer.Option("--check", help="쓰지 않고, 지금 기준 아래로 내려갔는지만 봅니다.")
    ] = False,
) -> None:
    """실행을 eval/baselines/의 기준으로 삼거나, 기준과 견줍니다."""
    analysis = analyse_run(read_run(run))
    made = baseline.baseline_of(analysis)
    path = baseline.FOLDER / f"{Path(made.set_name).stem}.json"
    if not check:
        baseline.write(made, path)
        typer.echo(f"{path}\n\n{baseline.to_markdown(made)}")
    elif analysis.info and (fallen := baseline.falls(baseline.read(path), analysis.figures, analysis.info)):
        raise GeungeoError("기준 구간 아래로 내려갔습니다. " + "; ".join(fallen), "바꾼 것을 되돌아보세요.")
    else:
        typer.echo("모든 값이 기준 구간 안이거나 위입니다.")


@app.command()
def sweep(
    set_path: SetOption,
    grid: Annotated[Path, typer.Option("--grid", help="[grid]나 [[try]]가 있는 TOML.")],
    out: Annotated[
        Path, typer.Option("--out", help="색인, 실행, 결과를 둘 폴더. 같은 단계는 다시 하지 않습니다.")
    ],
    corpus: CorpusOption = None,
    by: Annotated[str, typer.Option("--by", help="고르는 지표.")] = "good_end",
    set_option: ChangeOption = None,
    config: ConfigOption = None,
) -> None:
    """여러 설정을 개발 집합에서 견주고 가장 좋은 것을 설정 파일로 씁니다. 시험 집합은 거절합니다."""
    refuse_test_set(set_path)
    changes = read_grid(grid)
    corpora = _corpora(set_path, corpus)
    out.mkdir(parents=True, exist_ok=True)
    work = Sweep(set_path, out, RagWorkshop(tuple(corpora)), lambda words: typer.echo(words, err=True))
    trials = work.trials(settings_of(config, set_option), changes, by)
    best = write_sweep(trials, by, work)
    typer.echo(sweep_markdown(trials, by, set_path))
    typer.echo(f"가장 좋은 설정: {best}")


@app.command("import")
def import_command(
    kind: Annotated[Format, typer.Argument(help="형식.")],
    source: Annotated[Path, typer.Argument(help="파일, 또는 폴더(beir, autorag, 나뉜 korquad2).")],
    out: Annotated[Path, typer.Option("--out", help="corpus.jsonl과 set.jsonl을 쓸 폴더.")],
) -> None:
    """다른 형식의 평가 자료를 코퍼스와 집합으로 바꿉니다."""
    made = load(kind, source)
    corpus, cases = write(made, out)
    check_evidence(cases, load_set(cases), read_corpus([corpus]))
    for reason in made.skipped[:10]:
        typer.echo(f"건너뜀: {reason}", err=True)
    typer.echo(f"{corpus}: 문서 {len(made.texts)}개")
    typer.echo(f"{cases}: 질문 {len(made.cases)}개, 건너뜀 {len(made.skipped)}개")


@app.command("make")
def make_command(
    source: Annotated[Path, typer.Option("--from", help="코퍼스 JSONL이나 색인 폴더.")],
    out: Annotated[Path, typer.Option("--out", help="초안을 쓸 JSONL.")],
    per_document: Annotated[int, typer.Option("--per-document", help="문서 하나에서 낼 초안 수.")] = 3,
    reader: Annotated[
        str | None, typer.Option("--reader", help="초안을 함께 지을 언어 모델: .gguf 파일이나 허브 이름.")
    ] = None,
) -> None:
    """자기 문서에서 질문과 답의 초안을 냅니다. 검토(review) 전에는 평가에 쓸 수 없습니다."""
    writer = rag.load_question_writer(rag.load_settings({"reader": reader})) if reader else None
    texts = _index_texts(source) if source.is_dir() else read_corpus([source])
    n = jsonl.write(out, (item.to_json() for item in draft.make(texts, per_document, writer)))
    typer.echo(f"{out}: 초안 {n}개. 이제 python -m eval review {out} --out 집합.jsonl")


def _typed(words: str) -> str:
    """What a person typed; Ctrl-C and the end of input end the review, so that nothing decided is lost."""
    try:
        return str(typer.prompt(words, default="y"))
    except typer.Abort:
        typer.echo()
        return draft.END


@app.command()
def review(
    drafts: Annotated[Path, typer.Argument(help="make가 쓴 초안.")],
    out: Annotated[Path, typer.Option("--out", help="받아들인 질문을 더할 집합(JSONL).")],
) -> None:
    """초안을 하나씩 보며 받아들이거나 버리거나 고칩니다. 끝내면 나머지는 초안에 남습니다."""
    before = load_set(out) if out.is_file() else ()
    done = draft.review(draft.read(drafts), typer.echo, _typed)
    jsonl.write(out, (case.to_json() for case in [*before, *done.accepted]))
    jsonl.write(drafts, (item.to_json() for item in done.left))
    typer.echo(f"{out}: {len(done.accepted)}개를 더함, {done.rejected}개 버림, {len(done.left)}개 남음.")


@app.command("dialogue")
def dialogue_command(
    index: IndexOption,
    set_path: SetOption = Path("eval/sets/dialogue.jsonl"),
    split: Annotated[str, typer.Option("--split", help="dev 또는 test.")] = "test",
    set_option: ChangeOption = None,
    config: ConfigOption = None,
    wrong: Annotated[bool, typer.Option("--wrong", help="잘못 완성한 질문도 보입니다.")] = False,
) -> None:
    """이어 묻는 질문을 바르게 완성한 몫과, 그때 찾은 구절과 답을 잽니다."""
    if split not in dialogue.SPLITS:
        raise UsageError(f"--split {split!r}은(는) 없습니다.", "dev나 test를 적어 주세요.")
    chosen = [one for one in dialogue.load_dialogues(set_path) if one.split == split]
    judged = dialogue.judge(rag.load_assistant(settings_of(config, set_option), index), chosen)
    typer.echo(f"{set_path.name} {split}: 대화 {len(chosen)}개, 이어 묻기 {len(judged)}개\n")
    typer.echo(dialogue.to_markdown(judged))
    if wrong:
        typer.echo("\n" + "\n".join(dialogue.mistakes(judged)))


def main() -> None:
    """Entry point."""
    command.run(app, sys.argv[1:], name="python -m eval", stopped="같은 명령으로 이을 수 있습니다.")


if __name__ == "__main__":
    main()

"""Rooms: documents come and go while people ask; visitors are apart; refusals offer what can be answered."""

import gc
import threading
import time
import weakref
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from rag.assistant import Assistant
from rag.chat import suggestion
from rag.chat.desk import Words
from rag.chat.exchange import Ending, Exchange
from rag.chat.library import Job, Stage
from rag.chat.parts import Choice
from rag.chat.room import Room, said
from rag.chat.session import Preference, Tab
from rag.chat.suggestion import questions
from rag.chat.upload import clean_name, take
from rag.config import Settings, load_chat_settings, load_settings
from rag.errors import GeungeoError, SettingError
from rag.load import Skipped, load
from rag.types import Document
from tests.fakes import FakeReader

HUB = "# 새빛 허브 착공\n\n새빛 허브의 완공 시점은 2031년이다. 새빛 허브의 연면적은 약 92,000㎡이다.\n"
POND = "# 달못 공원\n\n달못 공원은 2019년 5월 문을 열었다. 달못 공원의 입장료는 3,000원이다.\n"


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    made = Room(load_settings({}, None, {}), load_chat_settings(), tmp_path / "index", tmp_path / "data")
    yield made
    made.close()


def dropped(tmp_path: Path, **files: str | bytes) -> list[Path]:
    folder = tmp_path / f"drop-{time.monotonic_ns()}"
    folder.mkdir()
    paths = []
    for name, content in files.items():
        path = folder / name.replace("_", ".")
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        paths.append(path)
    return paths


def over(job: Job) -> Job:
    end = time.monotonic() + 60
    while not job.is_over:
        assert time.monotonic() < end, job
        time.sleep(0.02)
    return job


def tab(room: Room, **changes: object) -> Tab:
    return replace(Tab(Preference(room.parts.choice)), **changes)


def ask(room: Room, question: str, at: Tab, visitor: str = "가") -> tuple[Tab, Exchange]:
    shelf = room.history.of(visitor)
    *_, last = room.ask(question, at, shelf, visitor)
    assert isinstance(last, Tab)
    return last, shelf.turns(last.conversation)[-1].exchange


def test_from_nothing_to_an_answer_to_nothing_of_it(room: Room, tmp_path: Path) -> None:
    _, none = ask(room, "새빛 허브 완공 시점은?", tab(room))
    assert none.ending is Ending.FAILED
    assert "문서" in none.text
    job = over(room.library.add(dropped(tmp_path, hub_md=HUB, pond_md=POND)))
    assert (job.stage, job.done, job.total, job.added) == (Stage.DONE, 2, 2, ("hub.md", "pond.md"))
    at, answer = ask(room, "새빛 허브 완공 시점은?", tab(room))
    assert (answer.ending, answer.short) == (Ending.ANSWERED, "2031년")
    card = answer.cards[0]
    document = room.library.document("hub.md")
    assert document is not None
    assert document.text[card.start : card.end] == card.quote
    assert (card.title, card.marker) == ("새빛 허브 착공", 1)
    assert over(room.library.remove(["hub.md"])).stage is Stage.DONE
    assert [one.id for one in room.library.documents()] == ["pond.md"]
    _, after = ask(room, "새빛 허브 완공 시점은?", at)
    assert "2031" not in after.text
    assert {card.document_id for card in after.cards} <= {"pond.md"}
    last = over(room.library.remove(["pond.md"]))
    assert last.stage is Stage.FAILED
    assert last.notes == ["마지막 문서는 뺄 수 없습니다. 다른 문서를 먼저 올려 주세요."]
    assert [one.id for one in room.library.documents()] == ["pond.md"]  # said, and nothing lost


def test_the_scope_of_a_question(room: Room, tmp_path: Path) -> None:
    over(room.library.add(dropped(tmp_path, hub_md=HUB, pond_md=POND)))
    _, inside = ask(room, "새빛 허브 완공 시점은?", tab(room, document_ids=("hub.md",)))
    _, outside = ask(room, "새빛 허브 완공 시점은?", tab(room, document_ids=("pond.md",)))
    assert inside.short == "2031년"
    assert {card.document_id for card in outside.cards} <= {"pond.md"}
    _, gone = ask(room, "새빛 허브 완공 시점은?", tab(room, document_ids=("없다.md",)))
    assert gone.ending is Ending.FAILED
    assert tab(room).toggled("a").toggled("b").toggled("a").document_ids == ("b",)


def test_a_refusal_offers_passages_and_questions_that_are_answered(room: Room, tmp_path: Path) -> None:
    over(room.library.add(dropped(tmp_path, hub_md=HUB, pond_md=POND)))
    room.suggestions.gather()
    _, refusal = ask(room, "새빛 허브의 시공사는 어디입니까?", tab(room))
    assert refusal.ending is Ending.REFUSED
    assert refusal.cards[0].document_id == "hub.md"
    assert refusal.suggestions
    for question in refusal.suggestions:
        assert ask(room, question, tab(room))[1].ending is Ending.ANSWERED, question


def test_a_refusal_waits_for_no_question_of_ours(
    room: Room, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = HUB.replace("연면적은 약 92,000㎡이다", "상주 인원은 1,500명이다")  # both sentences can be asked
    over(room.library.add(dropped(tmp_path, hub_md=hub)))
    asking: list[threading.Thread] = []
    real = suggestion.answerable

    def noted(assistant: Assistant, document: Document, count: int) -> list[str]:
        asking.append(threading.current_thread())
        return real(assistant, document, count)

    monkeypatch.setattr(suggestion, "answerable", noted)
    unanswered = "새빛 허브의 시공사는 어디입니까?"
    assert ask(room, unanswered, tab(room))[1].ending is Ending.REFUSED
    end = time.monotonic() + 60
    while len(room.suggestions.first(3)) < 2:  # they come in the background
        assert time.monotonic() < end
        time.sleep(0.02)
    assert len(ask(room, unanswered, tab(room))[1].suggestions) == 2
    room.suggestions.of("hub.md")  # has fewer than were looked for, and is not asked again
    assert len(asking) == 1
    assert threading.current_thread() not in asking


def test_broken_duplicate_and_hostile_uploads_are_said(room: Room, tmp_path: Path) -> None:
    over(room.library.add(dropped(tmp_path, hub_md=HUB)))
    files = dropped(tmp_path, again_md=HUB, bad_pdf=b"%PDF-nothing", run_exe=b"MZ", pond_md=POND)
    job = over(room.library.add(files))
    assert job.added == ("pond.md",)
    assert len(job.notes) == 3
    assert not any(path.exists() for path in files)  # nothing is left where uploads arrive
    clash = over(room.library.add(dropped(tmp_path, pond_md=POND.replace("3,000", "4,000"))))
    assert clash.added == ("pond (2).md",)
    nothing = room.library.add(dropped(tmp_path, run_exe=b"MZ"))
    assert nothing.stage is Stage.FAILED
    assert len(room.library.documents()) == 3


def test_documents_are_found_by_title_name_and_publisher(room: Room, tmp_path: Path) -> None:
    over(room.library.add(dropped(tmp_path, hub_md=HUB, pond_md=POND)))
    for query, count in (("허브", 1), ("POND", 1), ("공원 달못", 1), ("없는 말", 0), ("", 2), ("\ud800", 0)):
        assert len(room.library.documents(query)) == count, query


def test_answers_go_on_while_documents_are_indexed(room: Room, tmp_path: Path) -> None:
    over(room.library.add(dropped(tmp_path, hub_md=HUB)))
    big = {f"f{n}_md": POND.replace("달못", f"달못{n}") * 30 for n in range(40)}
    job = room.library.add(dropped(tmp_path, **big))
    answered = 0
    while not job.is_over:
        assert ask(room, "새빛 허브 완공 시점은?", tab(room))[1].short == "2031년"
        answered += 1
    assert job.stage is Stage.DONE, job.notes
    assert answered > 1


def test_visitors_at_once_do_not_mix(room: Room, tmp_path: Path) -> None:
    over(room.library.add(dropped(tmp_path, hub_md=HUB, pond_md=POND)))
    asked = {"가": ("새빛 허브 완공 시점은?", "2031년"), "나": ("달못 공원 입장료는 얼마인가?", "3,000원")}
    seen: dict[str, list[str]] = {}

    def talk(visitor: str) -> None:
        at = tab(room)
        for _ in range(4):
            at, _ = ask(room, asked[visitor][0], at, visitor)
        seen[visitor] = [turn.exchange.short for turn in room.turns(room.history.of(visitor), at)]

    threads = [threading.Thread(target=talk, args=(visitor,)) for visitor in asked]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == {visitor: [short] * 4 for visitor, (_, short) in asked.items()}


def test_stop_keeps_what_was_said(room: Room, tmp_path: Path) -> None:
    over(room.library.add(dropped(tmp_path, hub_md=HUB)))
    shelf = room.history.of("가")
    events = room.ask("새빛 허브 완공 시점은?", tab(room), shelf, "가")
    assert isinstance(next(events), Words)
    room.stop("가")
    room.stop("아무도")
    *_, last = events
    assert isinstance(last, Tab)
    assert shelf.turns(last.conversation)[0].exchange.ending is Ending.STOPPED


def test_what_was_told_is_kept_when_nobody_waits_for_the_rest(room: Room, tmp_path: Path) -> None:
    over(room.library.add(dropped(tmp_path, hub_md=HUB)))
    shelf = room.history.of("가")
    events = room.ask("새빛 허브 완공 시점은?", tab(room), shelf, "가")
    next(events)
    events.close()
    (conversation,) = shelf.conversations()
    assert [turn.exchange.ending for turn in shelf.turns(conversation.id)] == [Ending.STOPPED]
    assert ask(room, "새빛 허브 완공 시점은?", tab(room))[1].ending is Ending.ANSWERED


def test_a_question_put_twice_at_once_is_asked_once(room: Room) -> None:
    shelf = room.history.of("가")
    first, second = (room.ask("새빛 허브 완공 시점은?", tab(room), shelf, "가") for _ in range(2))
    next(first)
    assert list(second) == []
    *_, _ = first
    (conversation,) = shelf.conversations()
    assert len(shelf.turns(conversation.id)) == 1


def test_a_conversation_deleted_meanwhile_begins_anew(room: Room, tmp_path: Path) -> None:
    over(room.library.add(dropped(tmp_path, hub_md=HUB)))
    at, _ = ask(room, "새빛 허브 연면적은?", tab(room))
    room.history.of("가").delete(at.conversation)
    after, answer = ask(room, "새빛 허브 완공 시점은?", at)
    assert (answer.short, after.conversation != at.conversation) == ("2031년", True)


def test_a_fault_of_one_answer_is_told(room: Room, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    over(room.library.add(dropped(tmp_path, hub_md=HUB)))

    def broken(_: tuple[str, ...]) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(room.parts, "only", broken)
    _, failed = ask(room, "새빛 허브 완공 시점은?", tab(room))
    assert (failed.ending, "RuntimeError" in failed.text) == (Ending.FAILED, True)


def test_again_replaces_the_turn(room: Room, tmp_path: Path) -> None:
    at, failed = ask(room, "새빛 허브 완공 시점은?", tab(room))
    assert failed.ending is Ending.FAILED
    over(room.library.add(dropped(tmp_path, hub_md=HUB)))
    shelf = room.history.of("가")
    (turn,) = shelf.turns(at.conversation)
    *_, _ = room.again(turn, at, shelf, "가")
    assert [one.exchange.ending for one in shelf.turns(at.conversation)] == [Ending.ANSWERED]


def test_again_loses_no_answer_to_a_stop_or_a_failure(room: Room, tmp_path: Path) -> None:
    over(room.library.add(dropped(tmp_path, hub_md=HUB)))
    at, answer = ask(room, "새빛 허브 완공 시점은?", tab(room))
    shelf = room.history.of("가")
    (turn,) = shelf.turns(at.conversation)
    shelf.judge(turn.id, True)
    stopped = room.again(turn, at, shelf, "가")
    next(stopped)
    room.stop("가")
    assert list(stopped)[-1] == at
    gone = replace(at, document_ids=("없다.md",))
    assert list(room.again(turn, gone, shelf, "가"))[-1] == gone
    assert [(one.exchange, one.good) for one in shelf.turns(at.conversation)] == [(answer, True)]


def test_follow_ups_see_completed_questions_only_of_real_turns(room: Room, tmp_path: Path) -> None:
    over(room.library.add(dropped(tmp_path, hub_md=HUB)))
    at, _ = ask(room, "", tab(room))
    at, _ = ask(room, "새빛 허브 완공 시점은?", at)
    at, second = ask(room, "그럼 연면적은?", at)
    assert second.complete == "새빛 허브의 연면적은?"
    assert "92,000㎡" in second.text
    earlier = said(room.turns(room.history.of("가"), at))
    assert [turn.question for turn in earlier] == ["새빛 허브 완공 시점은?", "새빛 허브의 연면적은?"]


def test_uploads_are_kept_until_their_document_is_removed(room: Room, tmp_path: Path) -> None:
    kept = tmp_path / "data" / "uploads"
    over(room.library.add(dropped(tmp_path, hub_md=HUB, pond_md=POND)))
    assert sorted(path.name for path in kept.iterdir()) == ["hub.md", "pond.md"]
    again = over(room.library.add(dropped(tmp_path, twin_md=HUB)))
    assert again.stage is Stage.FAILED
    assert any("같은 글" in note for note in again.notes)
    assert sorted(path.name for path in kept.iterdir()) == ["hub.md", "pond.md"]
    assert over(room.library.remove(["pond.md"])).stage is Stage.DONE
    assert [path.name for path in kept.iterdir()] == ["hub.md"]
    assert over(room.library.remove(["hub.md"])).stage is Stage.FAILED
    assert [path.name for path in kept.iterdir()] == ["hub.md"]


@pytest.mark.parametrize("data", ["data", "behind/data"])
def test_uploads_into_a_folder_named_from_here_or_behind_a_link(
    data: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "behind").symlink_to(tmp_path / "real")
    monkeypatch.chdir(tmp_path)
    room = Room(load_settings({}, None, {}), load_chat_settings(), Path("index"), Path(data))
    job = over(room.library.add(dropped(tmp_path, hub_md=HUB, pond_md=POND)))
    assert (job.stage, job.added) == (Stage.DONE, ("hub.md", "pond.md")), job.notes
    over(room.library.remove(["pond.md"]))
    assert [path.name for path in Path(data, "uploads").iterdir()] == ["hub.md"]
    room.close()


def test_a_choice_that_cannot_be_used_is_refused(room: Room, tmp_path: Path) -> None:
    over(room.library.add(dropped(tmp_path, hub_md=HUB)))
    good = room.parts.choice
    for bad in (replace(good, top_k=0), replace(good, abstain_below=2.0), replace(good, reader="없는.gguf")):
        with pytest.raises(GeungeoError):
            room.parts.check(bad)
        _, failed = ask(room, "완공?", tab(room, preference=Preference(bad)))
        assert failed.ending is Ending.FAILED
    strict = tab(room, preference=Preference(replace(good, abstain_below=1.0)))
    assert ask(room, "새빛 허브 완공 시점은?", strict)[1].ending is Ending.REFUSED
    plain = tab(room, preference=Preference(replace(good, reader="none")))
    assert ask(room, "새빛 허브 완공 시점은?", plain)[1].model == "sentence-1"


def test_readers_are_let_go(room: Room, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    over(room.library.add(dropped(tmp_path, hub_md=HUB)))
    loaded: weakref.WeakSet[FakeReader] = weakref.WeakSet()

    def load_reader(_: Settings) -> FakeReader:
        loaded.add(reader := FakeReader())
        return reader

    monkeypatch.setattr("rag.chat.parts.make_reader", load_reader)
    for number in range(6):
        chosen = Choice(f"{number}.gguf", 3 + number, 0.1)
        assert room.parts.assistant(chosen) is room.parts.assistant(chosen)
    gc.collect()
    assert len(loaded) == 2


def test_a_fixed_reader_cannot_be_changed(tmp_path: Path) -> None:
    room = Room(
        load_settings({}, None, {}), load_chat_settings(), tmp_path / "i", tmp_path / "d", fixed_reader=True
    )
    with pytest.raises(SettingError):
        room.parts.reader("/etc/passwd")
    shelf = room.history.of("가")
    shelf.prefer(Preference(Choice("/etc/passwd", 3, 0.5), "en", "dark").to_json())
    kept = room.preference(shelf)
    assert (kept.choice, kept.language) == (Choice("embedded", 3, 0.5), "en")
    room.close()


def test_preferences_that_cannot_be_read_are_the_servers() -> None:
    choice = Choice("embedded", 8, 0.2)
    for text in ("", "{", "[]", '{"choice": {}}', '{"choice": {"reader": 1, "top_k": "x"}}'):
        assert Preference.from_json(text, choice) == Preference(choice)


@pytest.mark.parametrize(
    ("name", "clean"),
    [
        ("../../etc/passwd.txt", "passwd.txt"),
        ("..\\..\\a.md", "a.md"),
        ("한글 문서.pdf", "한글 문서.pdf"),
        ("\u1112\u1161\u11ab.md", "한.md"),
        ("a\0b\nc\u202etxt.md", "a bctxt.md"),
        (".hidden.md", "hidden.md"),
        ("...", "문서"),
        ("<img src=x>.html", "_img src=x_.html"),
        ("가" * 300 + ".docx", "가" * 60 + ".docx"),
        ("x.m/d", "d"),
        ("con:a.txt", "con_a.txt"),
    ],
)
def test_names_of_uploads_are_made_safe(name: str, clean: str) -> None:
    assert clean_name(name) == clean


def test_equal_and_vanished_uploads_lose_no_other(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    one, two, gone = dropped(tmp_path, a_txt="1", b_txt="2", c_txt="3")
    gone.unlink()
    taken, refused = take([one, one, gone, two], tmp_path / "in", load_chat_settings())
    assert [path.name for path in taken] == ["a.txt", "b.txt"]
    assert [line.partition(":")[0] for line in refused] == ["c.txt"]


def test_uploads_beyond_the_limits_are_refused(tmp_path: Path) -> None:
    limits = replace(load_chat_settings(), max_upload_bytes=10, max_upload_files=2)
    (tmp_path / "in").mkdir()
    files = dropped(tmp_path, a_txt="12345", b_txt="12345678901", c_txt="1")
    taken, refused = take(files, tmp_path / "in", limits)
    assert [path.name for path in taken] == ["a.txt"]
    assert len(refused) == 2
    assert not any(path.exists() for path in files)


def test_questions_are_made_of_stated_facts(tmp_path: Path) -> None:
    (path,) = dropped(tmp_path, pond_md=POND)
    (document,) = [item for item in load([path], 10**6) if not isinstance(item, Skipped)]
    made = dict(questions(document))
    assert set(made) == {"달못 공원은 언제 문을 열었나요?", "달못 공원의 입장료는 얼마인가요?"}
    for span in made.values():
        assert document.text[span.start : span.end].endswith(("열었다.", "원이다."))

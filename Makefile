# Everything happens in .venv; targets set up what they need. `make ask` and `make test` are the two doors.
PYTHON ?= python3
Q ?= 카카오 디지털 허브 완공 시점은?
BIN := .venv/bin
# The shell gets the question as data, for it may hold quotes, backticks or dollar signs.
export QUESTION := $(value Q)
CORPUS := $(shell find corpus -type f 2>/dev/null)
# What an index is made with: another one is made when any of it changes.
INDEXING := rag/chunk.py rag/default.toml rag/korean.py rag/store.py rag/text.py \
  $(wildcard $(addprefix rag/,$(addsuffix /*.py,dense embed index lexical library load)) \
  rag/weights/embedder/* rag/weights/morphemes/*)
PARALLEL ?= $(shell nproc 2>/dev/null || echo 2)

.PHONY: ask chat setup dev test lint bench screenshots clean
.DELETE_ON_ERROR:

ask: index/corpus/CURRENT
	@$(BIN)/rag ask "$$QUESTION" --index index/corpus

chat: index/corpus/CURRENT
	@$(BIN)/rag chat --index index/corpus

setup: .venv/ready

dev: .venv/ready-dev

.venv/bin/python:
	@echo "== 가상 환경을 만듭니다 (.venv)"
	$(PYTHON) -m venv .venv

.venv/ready: pyproject.toml constraints.txt | .venv/bin/python
	@echo "== 의존 꾸러미를 설치합니다. llama-cpp-python은 컴파일합니다(2코어에서 4분쯤, 한 번만)."
	CMAKE_BUILD_PARALLEL_LEVEL=$(PARALLEL) $(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt -e .
	@touch $@

.venv/ready-dev: .venv/ready
	@echo "== 검사 도구를 설치합니다"
	$(BIN)/python -m pip install --disable-pip-version-check -q -c constraints.txt -e ".[dev]"
	@touch $@

index/corpus/CURRENT: $(CORPUS) $(INDEXING) | .venv/ready
	@echo "== corpus/를 색인합니다"
	@$(BIN)/rag index corpus --index index/corpus --prune
	@touch $@

lint: .venv/ready-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: .venv/ready-dev lint
	$(BIN)/pytest -n $(PARALLEL)

bench: .venv/ready-dev index/corpus/CURRENT
	$(BIN)/python -m recipes.bench
	$(BIN)/python -m recipes.bench.load --index index/corpus
	$(BIN)/python -m recipes.bench.load --index index/corpus --door chat --users 20 --seconds 60
	$(BIN)/python -m recipes.bench compare
	$(BIN)/python -m recipes.bench scale --passages 1000 --passages 10000

screenshots: .venv/ready-dev index/corpus/CURRENT
	$(BIN)/python -m recipes.screenshots

clean:
	rm -rf .venv index/corpus build *.egg-info

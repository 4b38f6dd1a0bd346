# `make` alone lists the targets. All logic is in manage.py; here is only how to get there from a fresh clone.
PYTHON ?= python3
HOST ?= 127.0.0.1
PORT ?= 8000
DEMO ?= demo

BIN := $(CURDIR)/.venv/bin
MANAGE := $(BIN)/python manage.py
READY := .venv/.ready
FRONTEND := experiment_server/frontend
ARTWORK := stimuli/sources/artwork
WORDNET := scoring/answers/princeton_wordnet
PAGE := experiment_server/static/app.js
DRAWINGS := $(ARTWORK)/node_modules/.package-lock.json
DICTIONARY := $(WORDNET)/node_modules/.package-lock.json
WORDS := experiment_server/translations
CATALOGUES := $(patsubst %.po,%.mo,$(wildcard $(WORDS)/*/LC_MESSAGES/messages.po))
NPM := PATH="$(BIN):$$PATH" npm --no-audit --no-fund --loglevel=error

.DEFAULT_GOAL := help
.PHONY: help setup demo serve test chaos lint bench words clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) $(PAGE) $(DRAWINGS) $(DICTIONARY) $(CATALOGUES) ## make the virtual environment, the participant page, the demo's drawings and WordNet

demo: setup ## run the whole job on the embedded pictures and model; results in demo/
	$(MANAGE) demo --out $(DEMO)

serve: demo ## serve the demo study, so that you can take part in it
	INTERPSCORE_DATA_DIR=$(DEMO)/data INTERPSCORE_DATABASE_URL=sqlite:///$(DEMO)/data/interpscore.sqlite3 \
		$(MANAGE) serve --host $(HOST) --port $(PORT)

# one thread a process, or the two slow each other down
test: setup ## run all tests but the benchmarks
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n 2 --dist loadfile --no-loadscope-reorder

chaos: setup ## kill servers, databases, browsers and connections under load; count what is lost
	$(BIN)/python -m tests.chaos --kills 100 && $(BIN)/python -m tests.chaos.browser --sessions 30

lint: setup ## check style and types
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy . && cd $(FRONTEND) && $(NPM) run check

bench: setup ## measure speed: each benchmark compares two things in one run
	$(BIN)/python -m pytest -q tests/benchmarks

words: $(READY) ## bring the participant page's words into the catalogues, to be translated there
	mkdir -p build
	$(BIN)/pybabel -q extract -F $(WORDS)/babel.cfg -k many:2,3 -c Translators: --add-location=file --no-wrap \
		--project=InterpScore -o build/words.pot $(FRONTEND)/src experiment_server/participant
	$(BIN)/pybabel -q update -i build/words.pot -d $(WORDS) --ignore-obsolete --no-fuzzy-matching --no-wrap \
		--ignore-pot-creation-date

clean: ## delete what the other targets made, the demo's results included
	rm -rf .venv $(DEMO) experiment_server/static $(FRONTEND)/node_modules $(ARTWORK)/node_modules $(WORDNET)/node_modules $(CATALOGUES) build/words.pot

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Error: Python 3.11 or newer is needed; name one with: make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[demo,postgres,languages,meaning,frontend,test,lint]'
	touch $@

$(PAGE): $(READY) $(FRONTEND)/package-lock.json $(wildcard $(FRONTEND)/src/*) $(wildcard $(FRONTEND)/*.mjs)
	cd $(FRONTEND) && $(NPM) ci && $(NPM) run build
	touch $@

%.mo: %.po | $(READY)
	$(BIN)/pybabel -q compile -i $< -o $@

$(DRAWINGS): $(READY) $(ARTWORK)/package-lock.json
	cd $(ARTWORK) && $(NPM) ci
	touch $@

$(DICTIONARY): $(READY) $(WORDNET)/package-lock.json
	cd $(WORDNET) && $(NPM) ci
	touch $@

# make demo   the whole pipeline on generated data      make test   the whole suite
# make airflow  Airflow with the DAGs                   make lint, make bench, make lock
SHELL := /bin/bash
.DEFAULT_GOAL := help
PY := .venv/bin/python
DEMO_PATIENTS ?= 1000
DEMO_NIGHT ?= $(shell TZ=Asia/Seoul date +%F)
BENCH_SCALE ?= 400
BENCH_NIGHTS ?= 3
export ETL_HOME ?= $(CURDIR)/demo

.PHONY: help install assets demo test test-fast histories crashes fuzz faults clean-nights truth consortium airflow atlas docker lint sbom audit bench lock clean

help:  ## show the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

install: .venv/.installed .judge/.installed assets  ## the virtual environments and scripts, from the hashed locks

.venv/.installed: requirements/bootstrap.txt requirements/lock.txt pyproject.toml
	@echo "→ installing into .venv (about a minute the first time)"
	@python3 -c 'import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))' \
	  || { echo "Python 3.11 or 3.12 is needed"; exit 4; }
	@test -x $(PY) || python3 -m venv .venv \
	  || { echo "python3 cannot make a virtual environment; on Debian: apt-get install python3-venv"; exit 4; }
	@$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bootstrap.txt
	@.venv/bin/uv pip sync --quiet --require-hashes requirements/lock.txt
	@.venv/bin/uv pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

.judge/.installed: requirements/judge.txt .venv/.installed
	@test -x .judge/bin/python || .venv/bin/uv venv --quiet --python $(PY) .judge
	@.venv/bin/uv pip sync --quiet --require-hashes --python .judge/bin/python requirements/judge.txt
	@touch $@

VENDOR := etl/pages/static/vendor
assets: $(VENDOR)/.installed  ## scripts of others that pages draw charts with (needs npm; pages work without them)

$(VENDOR)/.installed: package.json package-lock.json
	@if command -v npm >/dev/null && npm ci --silent; then \
	  mkdir -p $(VENDOR) \
	  && cp node_modules/echarts/dist/echarts.min.js node_modules/htmx.org/dist/htmx.min.js $(VENDOR) \
	  && cp node_modules/echarts/LICENSE $(VENDOR)/echarts.LICENSE && cp node_modules/echarts/NOTICE $(VENDOR)/echarts.NOTICE \
	  && cp node_modules/htmx.org/LICENSE $(VENDOR)/htmx.LICENSE && touch $@; \
	else echo "→ without npm and its registry pages have tables in the place of charts; later: make assets"; fi

.env:
	@umask 077; echo "ETL_KEY_SECRET=$$(python3 -c 'import secrets; print(secrets.token_hex(32))')" > $@
	@echo "→ wrote .env with a new secret for the key stores; keep it: another secret gives every patient another id"

demo: install .env  ## eight hospitals' nights on generated exports, into the embedded warehouse
	@echo "→ writing sample exports of eight hospitals, $(DEMO_PATIENTS) patients each"
	@.venv/bin/etl sample "$(ETL_HOME)/exports" --patients $(DEMO_PATIENTS) --seed 1 --night $(DEMO_NIGHT)
	@echo "→ loading the demonstration vocabulary"
	@.venv/bin/etl vocabulary load etl/sample/vocabulary
	@echo "→ running every hospital's night"
	@.venv/bin/etl run --all "$(ETL_HOME)/exports"
	@echo
	@echo "Try next:"
	@echo "  .venv/bin/etl sql \"select c.concept_name, count(*) n from condition_occurrence o join concept c on c.concept_id = o.condition_concept_id group by 1 order by 2 desc limit 10\""
	@echo "  .venv/bin/etl unmapped snuh        # the codes to map next"
	@echo "  make airflow                       # the same nights as Airflow DAGs"
	@echo "  make atlas                         # OHDSI's ATLAS on them"

test: install  ## the whole suite; COVERAGE=yes tells which branches it takes
	@$(PY) -m pytest -n 2 --dist loadscope $(if $(COVERAGE),--cov --cov-report=term:skip-covered)

test-fast: install  ## rules and conventions, below two minutes: for the loop while writing
	@$(PY) -m pytest tests/unit tests/conventions -n 2 --dist loadscope -q

airflow: install .env  ## Airflow on this machine with the DAGs loaded
	@$(PY) -m etl.operations.airflow.start

atlas: install .env  ## OHDSI's ATLAS on the published nights, at http://127.0.0.1:8090
	@.venv/bin/etl achilles
	@.venv/bin/etl export "$(ETL_HOME)/atlas.duckdb" --force
	@$(PY) tests/acceptance/outside_judge/for_atlas.py "$(ETL_HOME)/atlas.duckdb"
	@.judge/bin/duckcdm serve "CDM=$(ETL_HOME)/atlas.duckdb" --achilles --port 8090

docker:  ## the production set-up in containers, with the demo's nights (Docker 25 with Compose 2.24.4 or newer)
	@docker/secrets.sh
	@docker compose --file docker/compose.yaml --profile demo up --build

histories: install  ## a thousand random histories of changes, each against one delivery of its outcome
	@ETL_TEST_HISTORIES=1000 ETL_TEST_NIGHTS=120 .venv/bin/pytest -q -n 2 -k "any_history or folded_history" \
	  tests/integration/test_deltas.py tests/integration/test_long_histories.py

crashes: install  ## two hundred kills on each warehouse: in every stage, folding, going back, cleaning, numbering
	@ETL_TEST_KILLS=100 .venv/bin/pytest -q -s -n 0 tests/integration/test_crashes.py

fuzz: install  ## deliveries and YAML as nobody writes them, a thousand each: an error with an exit code, or success
	@ETL_TEST_FUZZ=$${ETL_TEST_FUZZ:-1000} .venv/bin/pytest -q -n 0 --timeout 0 tests/integration/test_fuzz.py

faults: install  ## every fault of the catalogue made on purpose: which check sees it, and where; writes docs/faults.md
	@$(PY) tests/benchmarks/faults.py

clean-nights: install  ## two hundred clean nights one after the other: nothing may be told of them; writes docs/clean-nights.md
	@$(PY) tests/benchmarks/clean_nights.py

truth: install  ## how well the shipped data sets find who is ill, at three levels of code quality; writes docs/phenotypes.md
	@$(PY) tests/benchmarks/truth.py $${TRUTH_FOLDER:-$(CURDIR)/demo/truth}

consortium: install  ## all eight hospitals' nights through a real Airflow on PostgreSQL, triggered over its API
	@ETL_TEST_AIRFLOW_HOSPITALS=all .venv/bin/pytest -q -n 0 tests/acceptance/test_airflow_service.py

lint: install  ## ruff, mypy and the arrows between rooms
	@.venv/bin/ruff check . && .venv/bin/ruff format --check . && .venv/bin/mypy --strict etl && .venv/bin/lint-imports

.tools/.installed: requirements/tools.txt .venv/.installed
	@test -x .tools/bin/python || .venv/bin/uv venv --quiet --python $(PY) .tools
	@.venv/bin/uv pip sync --quiet --require-hashes --python .tools/bin/python requirements/tools.txt
	@touch $@

sbom: .tools/.installed  ## what the product is made of, as CycloneDX: sbom.cdx.json, and of the pages' scripts where npm is there
	@.tools/bin/cyclonedx-py environment $(PY) --pyproject pyproject.toml --output-reproducible --output-file sbom.cdx.json
	@if command -v npm >/dev/null; then npm sbom --package-lock-only --sbom-format cyclonedx > sbom-pages.cdx.json; fi

audit: .tools/.installed  ## known holes in what the locks pin (asks pypi.org, so needs the network)
	@for lock in lock production judge tools bootstrap; do \
	  echo "→ requirements/$$lock.txt"; .tools/bin/pip-audit --require-hashes --disable-pip --requirement requirements/$$lock.txt || bad=1; \
	done; test -z "$$bad"

bench: install  ## a whole run and nights of changes beside the floor, on one machine in one go
	@$(PY) tests/benchmarks/bench.py --scale $(BENCH_SCALE) --nights $(BENCH_NIGHTS)

lock: install  ## resolve the dependencies of pyproject.toml again
	@.venv/bin/uv pip compile --quiet --upgrade --generate-hashes --no-emit-index-url --python-version 3.11 \
	  --extra dev pyproject.toml -o requirements/lock.txt
	@.venv/bin/uv pip compile --quiet --upgrade --generate-hashes --no-emit-index-url --python-version 3.11 \
	  --extra docker --constraints requirements/lock.txt pyproject.toml -o requirements/production.txt
	@.venv/bin/uv pip compile --quiet --upgrade --generate-hashes --no-emit-index-url --python-version 3.11 \
	  requirements/judge.in -o requirements/judge.txt
	@.venv/bin/uv pip compile --quiet --upgrade --generate-hashes --no-emit-index-url --python-version 3.11 \
	  requirements/tools.in -o requirements/tools.txt

clean:  ## remove the demo (exports, lake, warehouse, keys, reports)
	@rm -rf demo

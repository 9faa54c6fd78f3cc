# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

PYTHON ?= python3

# Commands come from .venv; nothing is read from or left in the caller's ~/.ansible,
# where an installed copy of the collection would shadow this one.
WITH_VENV := PATH="$(CURDIR)/.venv/bin:$$PATH"
export ANSIBLE_CONFIG := $(CURDIR)/ansible.cfg
export ANSIBLE_HOME := $(CURDIR)/.build/ansible

# Ansible refuses to start in a locale without UTF-8.
ifneq (,$(filter C POSIX,$(LC_ALL)))
export LC_ALL := C.UTF-8
endif

# Who may import whom in the engine; the contracts are in pyproject.toml.
IMPORTS := PYTHONPATH=.collections $(WITH_VENV) lint-imports --no-logo --cache-dir .build/import-linter

PLAYBOOK := $(WITH_VENV) ansible-playbook -i .demo/inventory.yml playbooks/cleanup.yml

.PHONY: help demo demo-total-loss test molecule soak bench profiles test-fast hooks lint unit integration pytest sanity targets integration-targets importer gates release test-versions test-full coverage mutants generate docs clean distclean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-16s %s\n", $$1, $$2 }' Makefile

demo: .venv/demo.stamp ## build two small sites in .demo and show what would be removed
	@$(WITH_VENV) python demo/build_sites.py .demo
	@$(PLAYBOOK) --check --diff -e media_cleanup_report=$(CURDIR)/.demo/review.html
	@cat demo/next_steps.txt
	@echo "  Look at the pictures of all that would be removed: open this page in a browser"
	@echo "    $(CURDIR)/.demo/review.html"

demo-total-loss: .venv/demo.stamp ## the same sites with every upload missing: a guard refuses the plan
	@$(WITH_VENV) python demo/build_sites.py .demo --total-loss
	@$(PLAYBOOK) --check --diff || echo "The playbook ended with exit status $$?."

test: ## all that has to pass: lint, sanity, importer, molecule, unit and integration tests
	@echo "Two at a time, each is shown when it has ended; about half an hour in all …"
	@$(MAKE) --no-print-directory --keep-going -j2 --output-sync=target pytest sanity lint importer gates integration-targets molecule

test-fast: .venv/tests.stamp ## what each save should pass, within a minute: ruff, mypy, imports, unit tests except those of scale
	$(WITH_VENV) ruff check --quiet .
	$(WITH_VENV) mypy --no-error-summary
	$(IMPORTS)
	$(WITH_VENV) pytest -n auto --dist loadfile tests/unit --ignore-glob='*/test_scale.py' --ignore-glob='*/test_memory.py'

hooks: .venv/tests.stamp ## let git check each commit with ruff, mypy, yamllint and the like
	$(WITH_VENV) pre-commit install

lint: .venv/tests.stamp ## form, types, documentation
	$(WITH_VENV) ruff check --quiet .
	$(WITH_VENV) ruff format --quiet --check .
	$(WITH_VENV) mypy --no-error-summary
	$(IMPORTS)
	$(WITH_VENV) yamllint --strict .
	$(WITH_VENV) shellcheck .ci/run benchmarks/peers/pipeline.sh benchmarks/peers/bucket_pipeline.sh
	$(WITH_VENV) reuse lint --quiet
	$(WITH_VENV) ansible-lint -q
	$(WITH_VENV) antsibull-changelog lint
	HOME=.build $(WITH_VENV) antsibull-docs lint-collection-docs --plugin-docs .

unit: .venv/tests.stamp ## unit tests
	$(WITH_VENV) pytest tests/unit

integration: .venv/tests.stamp ## integration tests: playbooks, role, databases
	$(WITH_VENV) pytest tests/integration

# Both in one run, file by file in two processes: it is the longest part of `make test`.
pytest: .venv/tests.stamp
	$(WITH_VENV) pytest -n 2 --dist loadfile --no-loadscope-reorder

molecule: .venv/tests.stamp ## the scenarios: modules and playbook, role with cron and with systemd, a fleet
	HOME=$(CURDIR)/.build ANSIBLE_COLLECTIONS_PATH=$(CURDIR)/.collections $(WITH_VENV) \
		molecule test --all --workers 2 --no-command-borders

soak: .venv/tests.stamp ## faults and a live uploader for as long as wanted: make soak ROUNDS=2000 CLEANUPS=1000 BUCKETS=400
	$(WITH_VENV) python tests/soak.py --rounds $(or $(ROUNDS),500) --cleanups $(or $(CLEANUPS),200) \
		--buckets $(or $(BUCKETS),100)

sanity: .venv/tests.stamp ## ansible-test sanity, on every Python that is here
	$(WITH_VENV) python tests/run_sanity.py

targets: .venv/tests.stamp ## ansible-test units and integration
	$(WITH_VENV) python tests/run_targets.py

# The units are the same that pytest runs, and take ansible-test ten minutes: a process for each test.
integration-targets: .venv/tests.stamp
	$(WITH_VENV) python tests/run_targets.py integration

importer: .venv/tests.stamp ## Galaxy's own importer, on the archive that users would install
	$(WITH_VENV) python tests/run_importer.py

gates: .venv/tests.stamp ## the community's own gates for collections, by antsibull-nox
	$(WITH_VENV) python tests/run_gates.py

release: .venv/tests.stamp ## version, changelog, commit, tag and archive, all or nothing: make release VERSION=1.2.0
	$(WITH_VENV) python .ci/release.py "$(VERSION)"

bench: .venv/bench.stamp ## speed and memory against peers: make bench SIZE=1000000 ROUNDS=5 FLAT=5000000 HOSTS=500
	@$(WITH_VENV) python benchmarks/bench.py --size $(or $(SIZE),200000) --rounds $(or $(ROUNDS),3) \
		--flat-size $(or $(FLAT),0) --hosts $(or $(HOSTS),50) --only "$(ONLY)"

profiles: .venv/bench.stamp ## where the engine spends its time: make profiles SIZE=1000000
	@$(WITH_VENV) python benchmarks/profiles.py --size $(or $(SIZE),200000)

test-versions: .venv/tests.stamp ## on each version that can be had, or: make test-versions ONLY=controller ANSIBLE=2.18 ON=3.11
	$(WITH_VENV) python tests/run_versions.py $(ONLY:%=--only %) $(ANSIBLE:%=--ansible %) $(ON:%=--python %)

test-full: .venv/tests.stamp ## all that speaks to a database through other drivers, the page with each ansible-core, an inventory in Spark, each media store on each service
	$(WITH_VENV) python tests/run_versions.py --only driver
	$(WITH_VENV) python tests/run_versions.py --only page
	$(WITH_VENV) python tests/run_versions.py --only spark
	MEDIA_CLEANUP_TEST_EACH_SERVICE=1 $(WITH_VENV) pytest tests/unit/plugins/module_utils/media/test_conformance.py

coverage: .venv/tests.stamp ## which lines and branches of engine and modules the tests reach
	@rm -rf .build/coverage && mkdir -m 1777 -p .build/coverage
	_ANSIBLE_ANSIBALLZ_COVERAGE_CONFIG='{"config": "$(CURDIR)/pyproject.toml", "output": "$(CURDIR)/.build/coverage/data.module"}' \
		$(WITH_VENV) coverage run -m pytest -m 'not untraced' $(TESTS)
	$(WITH_VENV) coverage combine --quiet
	$(WITH_VENV) coverage report

mutants: .venv/tests.stamp ## break the engine in one place at a time: does a unit test notice?
	$(WITH_VENV) python tests/run_mutants.py $(MODULES) --every $(or $(EVERY),1)

generate: .venv/tests.stamp ## what follows from the table of options and from the marks of the tests: docs, argument specs
	$(WITH_VENV) python tests/update_generated.py
	$(WITH_VENV) python tests/update_promises.py

docs: .venv/tests.stamp ## the reference of all options, as HTML in .build/docs; and the pictures in docs/
	@rm -rf .build/docs && mkdir -m 700 -p .build/docs
	HOME=$(CURDIR)/.build $(WITH_VENV) antsibull-docs sphinx-init --use-current --lenient --sphinx-theme alabaster --dest-dir .build/docs django_media.cleanup
	cd .build/docs && HOME=$(CURDIR)/.build $(WITH_VENV) ./build.sh
	$(WITH_VENV) python tests/take_pictures.py
	@echo "Read .build/docs/build/html/index.html"

clean: ## remove what the targets made, except .venv
	rm -rf .build .demo .hypothesis tests/output
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +

distclean: clean ## remove .venv too
	rm -rf .venv

# One environment, filled in two steps: the demo does not wait for the test tools.
.venv/demo.stamp: demo/requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed: make PYTHON=python3.12")'
	@echo "Setting up .venv for the demo …"
	@$(PYTHON) -m venv .venv
	@.venv/bin/python -m pip install --disable-pip-version-check -qq -r demo/requirements.txt
	@touch $@

.venv/tests.stamp: tests/requirements.txt .venv/demo.stamp
	@echo "Setting up .venv for the tests …"
	@.venv/bin/python -m pip install --disable-pip-version-check -qq -r tests/requirements.txt
	@touch $@

.venv/bench.stamp: benchmarks/requirements.txt .venv/tests.stamp
	@.venv/bin/python -m pip install --disable-pip-version-check -qq -r benchmarks/requirements.txt
	@touch $@

# Every command a README shows. `make demo` on a fresh machine needs Python >= 3.11, make and git.

PYTHON ?= python3
ENV := .venv
ACTIVATE := . $(ENV)/bin/activate
INTEGRATIONS := tests/unit/integrations/requirements.txt
FIRST := reports/demo/figures/figure1.png
QUICK := tests/golden $(addprefix tests/unit/,compare config figures models project stats tables test_commands.py test_imports.py)

.PHONY: demo quick-demo test quick lint house format shell integrations report bench gpu-check gpu-visit peers image lock clean

# Hundreds of processes import torch: where Python may not keep what it compiles, each compiles it anew, for seconds.
export PYTHONDONTWRITEBYTECODE :=

# An environment whose Python is gone is none, however new it is.
ifneq ($(shell test -e $(ENV)/installed && { $(ENV)/bin/python -c "" 2> /dev/null || echo gone; }),)
.PHONY: $(ENV)/installed
endif

demo: $(ENV)/installed          ## every table and figure on embedded data
	@$(ACTIVATE) && snakemake --cores all --quiet all && lets status | tail -n 1
	@echo
	@echo "Look at   reports/demo/index.html           all tables and figures on one page"
	@echo "          reports/demo/tables, figures      csv, md, tex; svg, png"
	@echo "          reports/demo/audit/audit.md       every number back to bytes; again: lets audit"
	@echo
	@$(ACTIVATE) && lets compare | head -n 1

quick-demo: $(ENV)/installed    ## the first table and figure of the demo, in a minute or so; make demo goes on from there
	@echo "A part of the demo's runs; the time to go is that of all of them"
	@$(ACTIVATE) && snakemake $(FIRST) --cores all --quiet all && echo && lets report --table radius --show
	@echo
	@echo "Look at   $(FIRST)   the same as a picture, and where LETS went from its starts"
	@echo "Go on     make demo                             every other table and figure, on one page"

test: $(ENV)/integrations       ## the whole test suite
	@$(ACTIVATE) && OMP_NUM_THREADS=1 pytest -n auto --dist loadfile --no-loadscope-reorder

quick: $(ENV)/installed         ## what a change breaks most often, in a minute and a half: imports, statistics, tables, params
	@$(ACTIVATE) && OMP_NUM_THREADS=1 pytest -q -n auto --dist loadfile $(QUICK)

integrations: $(ENV)/integrations  ## Lightning, accelerate and tensorboardX, which tests of what is optional alone use: 18 MB

lint: $(ENV)/installed          ## formatting, types, workflow and Dockerfile
	@$(ACTIVATE) && ruff format --check . && ruff check . && mypy && snakefmt --check Snakefile workflow \
		&& snakemake --lint && hadolint Dockerfile

house: $(ENV)/installed         ## how large the code is, and who imports whom
	@$(ACTIVATE) && python -m tests.house

format: $(ENV)/installed
	@$(ACTIVATE) && ruff format . && ruff check --fix . && snakefmt Snakefile workflow

shell: $(ENV)/installed         ## a shell in which lets, snakemake and dvc work as typed
	@$(ACTIVATE) && exec $${SHELL:-bash}

report: $(ENV)/installed        ## Snakemake's own report: provenance and run times of every job
	@$(ACTIVATE) && snakemake --report work/snakemake-report.html

bench: $(ENV)/installed peers   ## every benchmark that needs no GPU, then docs/speed.md: about an hour of a quiet machine
	@$(ACTIVATE) && lets bench all; code=$$?; lets bench --page && exit $$code

gpu-check: $(ENV)/installed     ## once, on a machine with a GPU: does all of it work there, and how fast? ten minutes
	@$(ACTIVATE) && lets bench gpu-check --device cuda

gpu-visit: $(ENV)/installed     ## MINUTES (10) of the paper's runs on a GPU, and what is to be carried home in work/visit
	@$(ACTIVATE) && lets visit --minutes $(or $(MINUTES),10)

peers: $(ENV)/installed         ## other people's optimizers, which `lets bench peers` compares ours with
	$(ENV)/bin/pip install --quiet --disable-pip-version-check --require-hashes --no-deps --upgrade --target work/peers \
		--requirement benchmarks/peers/requirements.txt

image:                          ## containers/lets.sif, which --use-singularity runs in
	@containers/build

lock: $(ENV)/installed          ## pin every package by hash; names no registry
	@$(ACTIVATE) && uv pip compile pyproject.toml --extra pipeline --extra dev --extra language --extra cluster --extra crate --universal --python-version 3.11 --generate-hashes \
		--custom-compile-command "make lock" --quiet --output-file requirements.lock
	@$(ACTIVATE) && printf '%s\n' accelerate lightning lightning-utilities protobuf tensorboardX torchmetrics | uv pip compile - --no-deps --generate-hashes \
		--custom-compile-command "make lock" --quiet --output-file $(INTEGRATIONS)

clean:                          ## remove what can be made again, data and the environment excepted
	rm -rf results work .snakemake

$(ENV)/integrations: $(INTEGRATIONS) | $(ENV)/installed
	@$(ENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps --requirement $(INTEGRATIONS)
	@touch $@

$(ENV)/installed: requirements.lock pyproject.toml
	@command -v $(PYTHON) > /dev/null || { echo "error: $(PYTHON) – is not there – install Python 3.11 or newer, \
	then run  make $(MAKECMDGOALS) PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) install.py $(ENV) "$(MAKECMDGOALS)"

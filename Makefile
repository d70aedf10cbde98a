# Learners need two commands, `make lab` and `make test`; the others are for authors.
# Arguments pass through: make lab ARGS="--no-browser --port=8899"
PYTHON ?= python3
PY = .venv/bin/python
# Open the first lesson; encrypt between server and kernel (without it the kernel warns);
# root, in a container, may run it too.
LAB = --LabApp.default_url=/lab/tree/notebooks/00_start_here.ipynb \
  --KernelManager.transport_encryption=auto $(if $(filter 0,$(shell id -u)),--allow-root)
# Its prompt would cover the first lesson; it also looks for updates.
NEWS = @jupyterlab/apputils-extension:announcements

lab: .venv/ready-lab
	$(PY) -m jupyterlab $(LAB) $(ARGS)
test: .venv/ready-test
	$(PY) -m pytest $(ARGS)
notebooks: .venv/ready-test
	$(PY) tools/build_notebooks.py $(ARGS)
figures: .venv/ready-test
	$(PY) figures/make_figures.py $(ARGS)
bench: .venv/ready-test
	$(PY) tests/benchmarks/run.py $(ARGS)
weights: .venv/ready-test
	$(PY) tools/make_weights.py $(ARGS)

# The set-up runs again only when a requirements file or pyproject.toml has changed.
.venv/ready-lab: requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; this one is " + sys.version.split()[0] + ". Try: make PYTHON=python3.12 lab")'
	@echo "Setting up .venv. The first time takes some minutes."
	$(PYTHON) -m venv .venv
	$(PY) -m pip install --disable-pip-version-check -r requirements.txt
	@$(PY) -m jupyter labextension disable "$(NEWS)" >/dev/null 2>&1 || true
	@touch $@
.venv/ready-test: .venv/ready-lab requirements-dev.txt
	$(PY) -m pip install --disable-pip-version-check -r requirements-dev.txt
	@touch $@

.PHONY: lab test notebooks figures bench weights

# make check  lint, types and the tests that your change can break, in two minutes: while you work
# make book   everything from nothing: environment, a minute of training, the rendered book
# make serve  the rendered book at http://127.0.0.1:8000
# make single the book on one page; make links: do its links to other sites still work?
# make student   the notebooks without solutions; make downloads: these, a PDF, an EPUB and slides, beside the pages
# make test   every test, every notebook re-run and compared, the book built with warnings as errors
# make nightly   the same with every case of the exhaustive tests, of which the others try a random tenth: for a night

PYTHON ?= python3
PORT ?= 8000
BIN := .venv/bin
BROWSER := tests/book/test_rendered.py tests/book/test_live.py tests/book/test_widgets_browser.py tests/book/test_widget_pages.py \
           tests/book/test_inside_page.py tests/book/test_python_here.py tests/book/test_camera.py
SCHEMA := $(BIN)/check-jsonschema --quiet --builtin-schema vendor
NBVAL := --nbval --nbval-current-env --nbval-sanitize-with tests/nbval.cfg --nbval-cell-timeout 600
AWAY := $(shell mktemp -u -d)
# Where there is no NVIDIA card, make TORCH_INDEX=https://download.pytorch.org/whl/cpu book takes PyTorch's build for
# processors, 0.2 GB to download instead of 3. Not by itself: an index that answers in part would give a torch and a
# torchvision that do not fit each other.
TORCH_INDEX ?=

.PHONY: book html single links serve check test nightly lint unit trust notebooks rendered audit colab compat execute stamp clean student slides downloads

book: .venv/installed
	$(BIN)/facekp demo
	$(MAKE) html

html: .venv/installed
	$(BIN)/jupyter-book build . -W -n --keep-going --quiet
	@echo "The book is ready. Open $(CURDIR)/_build/html/index.html"

# All of the book on one page, for reading offline or printing.
single: .venv/installed
	$(BIN)/jupyter-book build . --builder singlehtml --quiet
	@echo "Open $(CURDIR)/_build/singlehtml/index.html"

# The notebooks without the solutions of their exercises, for a class.
student: .venv/installed
	$(BIN)/python book/tools/student.py _build/student

# Slides of three chapters.
slides: .venv/installed
	$(BIN)/python book/tools/slides.py _build/downloads/slides

# All downloads of the book, beside its pages. Needs Chromium, which prints the PDF; an EPUB too where pandoc is there.
downloads: .venv/installed single slides
	$(BIN)/python book/tools/print_book.py _build/singlehtml/book/welcome.html _build/downloads/facekp-book.pdf
	-$(BIN)/python book/tools/epub.py _build/singlehtml/book/welcome.html _build/downloads/facekp-book.epub
	$(MAKE) html

# Do the links to other sites still lead somewhere? Needs a connection.
links: .venv/installed
	$(BIN)/jupyter-book build . --builder linkcheck --quiet

serve: html
	$(BIN)/python -m http.server --bind 127.0.0.1 --directory _build/html $(PORT) || { echo "Is port $(PORT) taken? Another: make serve PORT=8001"; exit 1; }

test: .venv/installed lint unit trust notebooks html rendered

# Every case, the same ones each night; what make test tries is chosen anew in every run.
nightly: export FACEKP_TESTS = all
nightly: test

check: .venv/installed lint
	$(BIN)/python tests/check.py $(if $(SINCE),--since $(SINCE))

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/mypy facekp
	$(SCHEMA).github-workflows .github/workflows/*.yml
	$(SCHEMA).github-issue-forms .github/ISSUE_TEMPLATE/[!c]*.yml
	$(SCHEMA).dependabot .github/dependabot.yml
	$(SCHEMA).citation-file-format CITATION.cff
	$(BIN)/zizmor --offline --quiet .github
	@if command -v actionlint >/dev/null; then actionlint; else echo "actionlint is not on this machine; CI runs it"; fi

unit: .venv/installed
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests $(BROWSER:%=--ignore %) --ignore tests/robustness -n auto --dist loadfile -q

# Bad files, kills, full disks; and does the table of what was tried agree with the tests?
trust: .venv/installed
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests/robustness -n auto --dist loadfile -q -rs
	$(BIN)/python tests/tried.py --check

rendered: .venv/installed
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest $(BROWSER) -n auto --dist loadgroup -q -rs

# From a copy far from the repository, with the library as pip installs it: as in Colab. Side by side, a thread each.
notebooks: .venv/installed
	$(BIN)/python -m pip install --quiet --no-deps --target $(AWAY)/site .
	cp book/*.ipynb tests/nbval.cfg $(AWAY)/ && mkdir $(AWAY)/tests && mv $(AWAY)/nbval.cfg $(AWAY)/tests/
	cd $(AWAY) && PYTHONPATH=$(AWAY)/site TQDM_DISABLE=1 FACEKP_KAGGLE= OMP_NUM_THREADS=1 $(CURDIR)/$(BIN)/python -m pytest -p no:cacheprovider $(NBVAL) -n auto --dist loadscope .
	rm -rf $(AWAY)

# Known vulnerabilities in what is installed; needs a connection. --strict: what could not be asked about is an error.
audit: .venv/installed
	$(PYTHON) -m venv .venv-audit
	.venv-audit/bin/python -m pip install --quiet pip-audit
	.venv-audit/bin/pip-audit --strict --skip-editable --path $$($(BIN)/python -c "import sysconfig; print(sysconfig.get_path('purelib'))")
	rm -rf .venv-audit

# The notebooks alone in an empty folder, in a new environment with what Colab has: no test package, no extra.
colab: .venv/installed
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/python book/tools/compat.py "as in Colab"

# That, and the tests with the oldest and the newest versions that pyproject.toml allows. Most of an hour.
compat: .venv/installed
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/python book/tools/compat.py

execute: .venv/installed
	TQDM_DISABLE=1 $(BIN)/python book/tools/execute.py

stamp: .venv/installed
	$(BIN)/python book/tools/stamp.py
	$(BIN)/python book/tools/tables.py

# The environment is made anew only when what it holds has changed.
.venv/installed: requirements.txt pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "There is no $(PYTHON) here. Install Python 3.11 or newer, or name yours: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and 'facekp needs Python 3.11 or newer; this is ' + sys.version.split()[0] + '. Try: make PYTHON=python3.12 $(MAKECMDGOALS)')"
	@$(PYTHON) -m venv .venv || { echo "Python's venv module is missing. On Debian or Ubuntu: sudo apt-get install python3-venv"; exit 1; }
	$(BIN)/python -m pip install --quiet --upgrade pip
	@echo "Installing PyTorch, Jupyter Book and the rest: some minutes and up to 7 GB."
	[ -z "$(TORCH_INDEX)" ] || $(BIN)/python -m pip install --index-url "$(TORCH_INDEX)" torch torchvision
	@$(BIN)/python -m pip install --no-compile -r requirements.txt || { echo "The installation stopped; its last lines say why. book/troubleshooting.md says what to do."; exit 1; }
	@echo "Compiling them on all cores ..."
	@$(BIN)/python -m compileall -q -j 0 .venv/lib >/dev/null || true  # some packages bring files for other Pythons
	touch $@

clean:
	rm -rf _build .venv .venv-audit runs demo.png .ruff_cache .mypy_cache

# `just` runs everything before a push; the tools come from: pip install -e ".[dev]" -c constraints.txt

default: format check test

# Put the source in order.
format:
    ruff format .
    ruff check --fix .

# Format, lint, types, docs: what CI runs, on the active environment.
check:
    .ci/checks

# The fast tests. `just test -m slow` runs the others.
test *arguments:
    pytest -n 2 {{arguments}}

# Write the generated pages and the output shown in README and guide.
docs:
    python -m docs.generate

# The whole of CI in a fresh environment.
ci:
    .ci/run

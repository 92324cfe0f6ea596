# leadscore: build, install and test. On a bare Debian machine with a Rust toolchain, `make test` is enough.
#
#   make               release build (and what it needs, as with make setup)
#   make setup         the packages that it needs (tools/setup)
#   make install       release build, installed into the server that PG_CONFIG names
#   make demo          a small application, scored, in a cluster of its own (examples/agency), and the console on it (CONSOLE=no: without)
#   make demo-stop     removes the demo's cluster and ends the console, which stay up to look around in
#   make demo-real     a public data set of real customers (examples/cdnow)
#   make test-crash    hundreds of crashes at random points, in a cluster of its own (tests/crash)
#   make test-applications  Odoo and Creme CRM with and without leadscore: their own tests, their usual actions (tests/applications)
#   make upgrade-script  the script from the last released version to this one (tools/upgrade-script)
#   make test          every test in a private cluster; the last line is "N passed, N failed" (SUITES="regress dump": some)
#   make test-assert   on a PostgreSQL 15 that checks its own assumptions, built from source, with a library that checks overflow
#   make installcheck  the SQL tests in the running server that PGHOST and PGPORT name, extension installed there
#   make bench         the benchmark (tests/bench)
#   make lint          formatting and clippy
#   make deny          licences, known vulnerabilities and sources of the crates (cargo-deny)
#   make deb           a Debian package, in target/deb
#   make test-deb      installs and removes that package in a fresh Debian without Rust (debootstrap, as root)
#   make dist          the distribution for PGXN of what is committed, target/leadscore-VERSION.zip
#   make test-dist     unpacks it elsewhere, and there: make && make install && make installcheck
#   make clean         what was built
#
# PG=17 chooses PostgreSQL of another major version, 15 to 18 (15 otherwise); setup brings one where Debian has none.
# PG_CONFIG=/path/to/pg_config chooses any server.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.DEFAULT_GOAL := all
# Cargo and the cluster are one each; their steps are in an order.
.NOTPARALLEL:
.PHONY: all setup install demo demo-stop demo-real test test-crash test-applications test-assert upgrade-script installcheck bench lint deny deb test-deb dist test-dist clean

ifdef PG
export PG
endif
ifdef PG_CONFIG
export PG_CONFIG
endif

# Sets PG and PG_CONFIG, finds cargo, drops RUSTFLAGS. In the recipes, since setup may bring the server only now.
ENVIRONMENT = . tools/postgres && find_postgres
FEATURES = --no-default-features --features "pg$$PG"

all: setup
	@$(ENVIRONMENT)
	rm -rf "target/package-$$PG"
	DESTDIR="target/package-$$PG" tools/install

setup:
	@tools/setup

install:
	@tools/install

demo: setup install
	@examples/agency/run

demo-stop:
	@examples/agency/run stop

demo-real: setup install
	@examples/cdnow/run

test: setup install
	@tests/run $(SUITES)

test-crash: setup install
	@tests/crash/campaign

test-applications: setup install
	@$(ENVIRONMENT)
	trap 'tools/cluster stop .cluster/applications' EXIT
	tools/cluster start .cluster/applications
	eval "$$(tools/cluster env .cluster/applications)"
	tests/applications/campaign

test-assert:
	@export PG=15
	unset PG_CONFIG
	tools/setup
	tools/setup bison flex zlib1g-dev
	tools/server 15-assert
	. tools/postgres
	PG_CONFIG=$$(servers_directory)/15-assert/bin/pg_config
	export PG_CONFIG
	find_postgres
	PROFILE=dev tools/install
	echo "test-assert: left out are pg_cron, which this server has not, and what does not reach the library: rust licenses pgspot pgxn"
	tests/run $(or $(SUITES),regress isolation property stress reach fuzz memory backtraces two_phase standby dump replication upgrade docs pixel)

upgrade-script: install
	@$(ENVIRONMENT)
	tools/upgrade-script

installcheck:
	@tests/run --running regress isolation

bench: setup install
	@tests/bench/run
	trap 'tools/cluster stop .cluster/track' EXIT
	tools/cluster start .cluster/track
	eval "$$(tools/cluster env .cluster/track)"
	tests/bench/track
	tests/bench/waits
	tests/bench/deferred

lint:
	@$(ENVIRONMENT)
	cargo fmt --check --all
	export PGRX_PG_CONFIG_PATH="$$PG_CONFIG"
	cargo clippy --workspace --all-targets $(FEATURES) -- -D warnings

deny:
	@cargo deny --version >/dev/null 2>&1 || { echo "deny: building cargo-deny (several minutes)"; cargo install --locked --quiet cargo-deny; }
	cargo deny check

deb: setup
	@tools/setup debhelper dpkg-dev fakeroot lintian
	debian/build

test-deb: deb
	@tools/setup debootstrap
	debian/test

dist:
	@$(ENVIRONMENT)
	version=$$(sed -nE '0,/^version/s/^version *= *"(.*)"/\1/p' Cargo.toml)
	command -v pgxn_meta >/dev/null || { echo "dist: building PGXN's validator"; cargo install --locked --quiet pgxn_meta; }
	pgxn_meta META.json
	mkdir -p target
	git archive --format zip --prefix "leadscore-$$version/" --output "target/leadscore-$$version.zip" HEAD
	echo "dist: target/leadscore-$$version.zip, $$(stat -c %s "target/leadscore-$$version.zip") bytes"

test-dist: dist
	@tests/pgxn/distribution

clean:
	@$(ENVIRONMENT)
	for cluster in .cluster/*/; do
	    if [ -d "$$cluster" ]; then tools/cluster stop "$$cluster"; fi
	done
	rm -rf .cluster examples/console/node_modules tests/console/node_modules tests/ecosystem/node_modules
	cargo clean

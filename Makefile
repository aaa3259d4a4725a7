# vps. `make help` says what there is. On a fresh Debian 12 with git, make and npm every target does its own set-up.

PREFIX  ?= /usr/local
DESTDIR ?=
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)

# Node's own variables of whoever calls make shall steer neither builds nor tests.
unexport NODE_OPTIONS NODE_PATH

.DELETE_ON_ERROR:
.PHONY: help all build native sanitized test unit-test host-test vm-test vm-shell sanitizer-test lint format docs bench \
        demo install uninstall clean setup-build setup-test setup-lint setup-bench setup-demo test-image

help:
	@echo 'make build      the programs in dist/, with what that takes (apt packages, npm)'
	@echo 'make demo       creates, starts, enters and removes a private server; leaves nothing behind'
	@echo 'make test       all rings of tests: unit, host (root), vm (a booted Debian under QEMU)'
	@echo '                each alone: make unit-test, host-test, vm-test; make vm-shell: a shell in that Debian'
	@echo 'make lint       types, style, layers, C format, generated files up to date'
	@echo 'make bench      every published figure, measured'
	@echo 'make install    PREFIX=/usr/local DESTDIR=    make uninstall takes it away again'

all: build

# --- set-up: what is missing is installed, and said -----------------------------------------------------------------

setup-build: node_modules/.package-lock.json
	@scripts/install-packages build
setup-demo: setup-build
	@scripts/install-packages demo
setup-test: setup-build
	@scripts/install-packages demo test
setup-lint: setup-build
	@scripts/install-packages lint
setup-bench: setup-test
	@scripts/install-packages bench

node_modules/.package-lock.json: package.json package-lock.json
	npm ci --no-audit --no-fund --loglevel=error
	@touch $@

# --- build ----------------------------------------------------------------------------------------------------------

NATIVE  := dist/native
TYPESCRIPT := $(shell find bin commands src scripts -name '*.ts' 2>/dev/null)

CC      ?= gcc
CXX     ?= g++
WARN    := -Wall -Wextra -Werror -Wshadow -Wformat=2
HARDEN  := -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fPIE -Wl,-z,relro,-z,now -Wl,-z,noexecstack
CFLAGS_ALL   := -std=c11 -D_GNU_SOURCE -O2 -g0 $(WARN) -Inative/common
CXXFLAGS_ALL := -std=c++20 -O2 -g0 -Wall -Wextra -Werror -fPIC -shared -fstack-protector-strong -D_FORTIFY_SOURCE=2 \
                -DNAPI_VERSION=9 -isystem node_modules/node-addon-api \
                -isystem $(firstword $(wildcard node_modules/node-linux-*/include/node) /usr/include/node) \
                -Wl,-z,relro,-z,now

COMMON     := $(wildcard native/common/*.c)
SUPERVISOR := $(wildcard native/supervisor/*.c native/supervisor/*/*.c) $(COMMON)
ATTACH     := $(wildcard native/attach/*.c) $(COMMON)
INIT       := $(wildcard native/init/*.c) $(COMMON)
PROBE      := $(wildcard native/probe/*.c) native/common/rlimits.c
ADDON      := $(wildcard native/addon/*.cc)
HEADERS    := $(wildcard native/*/*.h native/*/*/*.h)

build: setup-build native dist/main.js

native: $(NATIVE)/vps-supervisor $(NATIVE)/vps-attach $(NATIVE)/vps-init $(NATIVE)/vps-probe $(NATIVE)/vps.node

$(NATIVE)/vps-supervisor: $(SUPERVISOR) $(HEADERS) Makefile | setup-build
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) $(HARDEN) -static-pie $(SUPERVISOR) -o $@ -lseccomp
$(NATIVE)/vps-attach: $(ATTACH) $(HEADERS) Makefile | setup-build
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) $(HARDEN) -static-pie $(ATTACH) -o $@
$(NATIVE)/vps-init: $(INIT) $(HEADERS) Makefile | setup-build
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) $(HARDEN) -static-pie $(INIT) -o $@
$(NATIVE)/vps-probe: $(PROBE) $(HEADERS) Makefile | setup-build
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) $(HARDEN) -static-pie $(PROBE) -o $@ -pthread
$(NATIVE)/vps.node: $(ADDON) $(HEADERS) Makefile | setup-build
	@mkdir -p $(@D)
	$(CXX) $(CXXFLAGS_ALL) $(ADDON) -o $@

dist/main.js: $(TYPESCRIPT) package.json tsconfig.json | setup-build
	node scripts/build.ts
	@touch $@

# The same C with the address and undefined-behaviour sanitizers, for tests/host/sanitizers.test.ts; their reports go to
# build/sanitized/reports.
SANITIZE := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer \
            -DVPS_REPORTS='"$(CURDIR)/build/sanitized/reports"'
SANITIZER_OPTIONS := tests/helpers/sanitizer-options.c

sanitized: build/sanitized/vps-supervisor build/sanitized/vps-attach

build/sanitized/vps-supervisor: $(SUPERVISOR) $(HEADERS) $(SANITIZER_OPTIONS) Makefile | setup-build
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) $(SANITIZE) $(SUPERVISOR) $(SANITIZER_OPTIONS) -o $@ -lseccomp
build/sanitized/vps-attach: $(ATTACH) $(HEADERS) $(SANITIZER_OPTIONS) Makefile | setup-build
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) $(SANITIZE) $(ATTACH) $(SANITIZER_OPTIONS) -o $@

# --- tests ----------------------------------------------------------------------------------------------------------

test:
	@scripts/run-rings unit-test host-test vm-test

unit-test: setup-test build
	node scripts/vitest.ts --project unit
# The one test image that is downloaded: in the machine's own network, before the tests leave it.
test-image: setup-test build
	@ls -d build/test-root/var/lib/vps/images/debian-* >/dev/null 2>&1 || \
	        VPS_ROOT=$(CURDIR)/build/test-root bin/vps image build debian
host-test: setup-test build sanitized test-image
	@scripts/host-parts
vm-test: setup-test build
	node tests/vm/run.ts test
vm-shell: setup-test build
	node tests/vm/run.ts shell

lint: setup-lint native
	node node_modules/typescript/bin/tsc
	biome check --error-on-warnings
	node scripts/check-layers.ts
	clang-format --dry-run -Werror $(wildcard native/*/*.c native/*/*.h native/*/*/*.c native/*/*/*.h native/*/*.cc bench/*.c)
	shellcheck bin/vps scripts/install-packages scripts/in-own-namespaces scripts/run-rings scripts/host-parts scripts/demo .ci/run \
	        bench/peers/in-sealed-world
	node scripts/build.ts --check
	node scripts/generate-definition-docs.ts --check
	node scripts/generate-command-docs.ts --check
	node scripts/generate-api-docs.ts --check

format: setup-lint
	biome check --write
	clang-format -i $(wildcard native/*/*.c native/*/*.h native/*/*/*.c native/*/*/*.h native/*/*.cc bench/*.c)

docs: build
	node scripts/generate-definition-docs.ts
	node scripts/generate-command-docs.ts
	node scripts/generate-api-docs.ts

bench: setup-bench build
	scripts/in-own-namespaces node bench/run.ts

demo: setup-demo build
	@scripts/in-own-namespaces scripts/demo

# --- installation ---------------------------------------------------------------------------------------------------

LIB := $(DESTDIR)$(PREFIX)/lib/vps

install: build
	install -d $(LIB)/bin $(LIB)/node/bin $(DESTDIR)$(PREFIX)/bin \
	        $(DESTDIR)$(PREFIX)/share/bash-completion/completions $(DESTDIR)$(PREFIX)/share/zsh/site-functions
	rm -rf $(LIB)/dist $(LIB)/rootfs-templates
	cp -R dist rootfs-templates $(LIB)/
	rm -rf $(LIB)/dist/types
	install -m 644 package.json oclif.manifest.json LICENSE $(LIB)/
	install -m 755 bin/vps $(LIB)/bin/vps
	install -m 755 $$(node -p process.execPath) $(LIB)/node/bin/node
	ln -sfn ../lib/vps/bin/vps $(DESTDIR)$(PREFIX)/bin/vps
	bin/vps completion bash > $(DESTDIR)$(PREFIX)/share/bash-completion/completions/vps
	bin/vps completion zsh > $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_vps

uninstall:
	rm -rf $(LIB)
	rm -f $(DESTDIR)$(PREFIX)/bin/vps $(DESTDIR)$(PREFIX)/share/bash-completion/completions/vps \
	      $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_vps

clean:
	rm -rf dist build

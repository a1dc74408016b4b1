# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
#   make            build/conctrace          make V=1 shows the commands
#   make demo       see it at work           make test    everything that can fail
#   make unit       unit tests only          make lint    style and house rules
#   make targets    the Go programs the tests trace; GO_VERSIONS="1.19 1.24" limits them
#   make bench      what tracing costs       make format  apply the style
#   make kernels    tests on other kernels, in virtual machines
#   make install    DESTDIR, PREFIX          make package a tar.gz of the installed tree
#   make clean      keeps what scripts/deps fetched; make distclean does not

VERSION := 0.1.0
PREFIX ?= /usr/local
CC = gcc
CLANG ?= clang
CFLAGS ?= -O2 -g
O := build
D := $(O)/deps

.SUFFIXES:
.DELETE_ON_ERROR:
.SECONDARY:

ifeq ($(V),1)
Q :=
say :=
else
Q := @
say = @printf '  %-10s %s\n' $(1) $(2);
endif

# ---- libraries: our own copy below build/deps, else the system's --------------------------------

library = $(shell $(CC) -print-file-name=lib$(1).a 2>/dev/null)
# the archive where there is one, so that the binary needs few packages on other machines
prefer_static = $(if $(findstring /,$(call library,$(1))),$(call library,$(1)),-l$(1))

LIBBPF := $(or $(wildcard $(D)/libbpf/lib/libbpf.a),$(call library,bpf),libbpf.a)
LIBBPF_INCLUDE := $(addprefix -isystem ,$(wildcard $(D)/libbpf/include))
BPFTOOL := $(or $(wildcard $(D)/bpftool/bin/bpftool),$(wildcard /usr/sbin/bpftool),bpftool)
MULTIARCH := $(shell $(CC) -print-multiarch 2>/dev/null)

LDLIBS := $(LIBBPF) -Wl,--as-needed $(call prefer_static,Zydis) $(call prefer_static,Zycore) \
	$(call prefer_static,jansson) $(call prefer_static,protobuf-c) -lsqlite3 -lcurl -ldw -lelf -lz -lm -pthread

# ---- what is there -------------------------------------------------------------------------------

BPF_SRC := $(wildcard bpf/*.bpf.c)
USER_SRC := $(wildcard user/*/*.c)
PROTO := $(wildcard user/export/*.proto)
UNIT_SRC := $(wildcard tests/unit/test_*.c)
UNIT_HELP_SRC := $(filter-out $(UNIT_SRC),$(wildcard tests/unit/*.c))
C_FILES := $(wildcard bpf/*.[ch] include/*.h user/*/*.[ch] tests/unit/*.[ch] tests/bench/*.[ch] tests/e2e/*.[ch])

BPF_OBJ := $(BPF_SRC:%.c=$(O)/%.o)
PROTO_OBJ := $(PROTO:%.proto=$(O)/proto/%.pb-c.o)
PROTO_H := $(PROTO:%.proto=$(O)/proto/%.pb-c.h)
USER_OBJ := $(USER_SRC:%.c=$(O)/obj/%.o)
UNIT_BIN := $(UNIT_SRC:tests/unit/%.c=$(O)/unit/%)
ASAN_BIN := $(UNIT_SRC:tests/unit/%.c=$(O)/asan/unit/%)
SKELETON := $(O)/conctrace.skel.h

CPPFLAGS_ALL := -D_GNU_SOURCE -Iuser -Iinclude -I$(O) -I$(O)/proto/user $(LIBBPF_INCLUDE) -DCONCTRACE_VERSION='"$(VERSION)"' \
	$(CPPFLAGS)
CFLAGS_ALL := -std=gnu11 -Wall -Wextra $(CFLAGS)
SANITIZE := -O1 -fsanitize=address,undefined -fno-sanitize-recover=undefined \
	-fno-omit-frame-pointer

.PHONY: all bench-helpers unit asan unit-binaries targets oracles test kernels lint print-flags format demo bench install package \
	clean distclean
all: $(O)/conctrace

# ---- kernel side ---------------------------------------------------------------------------------

$(O)/bpf/%.o: bpf/%.c Makefile | $(LIBBPF)
	$(call say,CLANG,$<)
	@mkdir -p $(@D)
	$(Q)$(CLANG) -target bpf -mcpu=v3 -O2 -g -Wall -Wextra -D__TARGET_ARCH_x86 -D__BPF__ \
		-Iinclude -Ibpf $(LIBBPF_INCLUDE) -I/usr/include/$(MULTIARCH) -MMD -MP -c $< -o $@

$(O)/conctrace.bpf.o: $(BPF_OBJ) | $(BPFTOOL)
	$(call say,BPFLINK,$@)
	$(Q)$(BPFTOOL) gen object $@ $(BPF_OBJ)

$(SKELETON): $(O)/conctrace.bpf.o
	$(call say,SKEL,$@)
	$(Q)$(BPFTOOL) gen skeleton $< name conctrace_bpf >$@

libbpf.a bpftool:
	@echo "$@ is missing: run scripts/deps build" >&2; false

# ---- user side -----------------------------------------------------------------------------------

# user/export/x.proto is #include "export/x.pb-c.h"; the generated code is not ours to warn about
$(O)/proto/%.pb-c.c $(O)/proto/%.pb-c.h &: %.proto
	$(call say,PROTOC,$<)
	@mkdir -p $(@D)
	$(Q)protoc-c --proto_path=. --c_out=$(O)/proto $<

$(O)/proto/%.o: $(O)/proto/%.c
	$(Q)$(CC) -I$(O)/proto -O2 -g -w -c $< -o $@

$(O)/obj/%.o: %.c Makefile | $(SKELETON) $(PROTO_H)
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -MMD -MP -c $< -o $@

$(O)/asan/obj/%.o: %.c Makefile | $(SKELETON) $(PROTO_H)
	$(call say,'CC asan',$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) $(SANITIZE) -MMD -MP -c $< -o $@

# the tables of recordings, embedded as they are
$(O)/obj/user/collect/recording_schema.o $(O)/asan/obj/user/collect/recording_schema.o: \
	user/collect/recording.sql

in_library = $(filter-out %/user/cmd/main.o,$(1))

$(O)/libconctrace.a: $(call in_library,$(USER_OBJ)) $(PROTO_OBJ)
	$(call say,AR,$@)
	@rm -f $@
	$(Q)$(AR) rcs $@ $^

$(O)/asan/libconctrace.a: $(call in_library,$(USER_SRC:%.c=$(O)/asan/obj/%.o)) $(PROTO_OBJ)
	$(call say,'AR asan',$@)
	@rm -f $@
	$(Q)$(AR) rcs $@ $^

$(O)/conctrace: $(O)/obj/user/cmd/main.o $(O)/libconctrace.a $(LIBBPF)
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS_ALL) $(LDFLAGS) $(filter-out $(LIBBPF),$^) $(LDLIBS) -o $@

# ---- unit tests ----------------------------------------------------------------------------------

$(O)/unit/%: $(O)/obj/tests/unit/%.o $(UNIT_HELP_SRC:%.c=$(O)/obj/%.o) $(O)/libconctrace.a
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) $(LDFLAGS) $^ $(LDLIBS) -lcmocka -o $@

$(O)/asan/unit/%: $(O)/asan/obj/tests/unit/%.o $(UNIT_HELP_SRC:%.c=$(O)/asan/obj/%.o) \
		$(O)/asan/libconctrace.a
	$(call say,'LINK asan',$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) $(SANITIZE) $(LDFLAGS) $^ $(LDLIBS) -lcmocka -o $@

unit-binaries: $(UNIT_BIN) $(ASAN_BIN)

unit: $(UNIT_BIN)
	$(Q)scripts/run-tests unit

asan: $(ASAN_BIN)
	$(Q)scripts/run-tests asan

# ---- what only the benchmark needs -----------------------------------------------------------------

BENCH_BIN := $(patsubst tests/bench/%.c,$(O)/bench/%,$(wildcard tests/bench/*.c))

$(O)/bench/%: $(O)/obj/tests/bench/%.o $(O)/libconctrace.a
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) $(LDFLAGS) $^ $(LDLIBS) -o $@

bench-helpers: $(BENCH_BIN)

# ---- the programs that the tests trace -----------------------------------------------------------

GO_VERSIONS ?= $(notdir $(wildcard $(D)/go/*))
TARGET_SRC := $(wildcard tests/targets/*/*.go tests/targets/*/*/*.go tests/targets/*/*.[chs] \
	tests/targets/go.mod tests/targets/*/go.mod tests/targets/build.sh)

targets: $(GO_VERSIONS:%=$(O)/targets/.built-%)

$(O)/targets/.built-%: $(TARGET_SRC)
	$(Q)tests/targets/build.sh $*
	$(Q)touch $@

# binaries that know their own symbols, for the unit tests of the function table
oracles:
	$(Q)tests/unit/oracle/build.sh

# ---- the rest ------------------------------------------------------------------------------------

# In a make of its own: this one has looked for the libraries before they were installed.
test:
	$(Q)scripts/deps test
	$(Q)$(MAKE) --no-print-directory all unit-binaries targets oracles
	$(Q)scripts/run-tests unit asan lint e2e

kernels:
	$(Q)scripts/deps kernels
	$(Q)$(MAKE) --no-print-directory all targets
	$(Q)scripts/run-tests kernels

lint: $(SKELETON)
	$(Q)scripts/run-tests lint

print-flags:
	@echo $(CPPFLAGS_ALL) $(filter-out -g,$(CFLAGS_ALL))

format:
	$(Q)clang-format -i $(C_FILES)

demo:
	$(Q)scripts/demo

bench:
	$(Q)scripts/bench

install: $(O)/conctrace
	$(call say,INSTALL,'$(DESTDIR)$(PREFIX)')
	$(Q)install -D -m 755 $< '$(DESTDIR)$(PREFIX)/bin/conctrace'
	$(Q)install -D -m 644 user/cmd/conctrace.8 '$(DESTDIR)$(PREFIX)/share/man/man8/conctrace.8'
	$(Q)install -D -m 644 scripts/conctrace.bash-completion \
		'$(DESTDIR)$(PREFIX)/share/bash-completion/completions/conctrace'
	$(Q)install -D -m 644 -t '$(DESTDIR)$(PREFIX)/share/doc/conctrace' LICENSES/*

PACKAGE := conctrace-$(VERSION)-linux-$(shell uname -m)

package: $(O)/conctrace
	@rm -rf $(O)/package
	$(Q)$(MAKE) --no-print-directory install DESTDIR=$(O)/package/$(PACKAGE) PREFIX=
	$(call say,TAR,$(O)/$(PACKAGE).tar.gz)
	$(Q)tar -C $(O)/package --owner=0 --group=0 --numeric-owner -czf $(O)/$(PACKAGE).tar.gz \
		$(PACKAGE)

clean:
	$(Q)find $(O) -mindepth 1 -maxdepth 1 ! -name deps -exec rm -rf {} + 2>/dev/null || true

distclean:
	$(Q)rm -rf $(O)

-include $(BPF_OBJ:.o=.d) $(USER_OBJ:.o=.d) $(USER_SRC:%.c=$(O)/asan/obj/%.d)
-include $(foreach src,$(UNIT_SRC) $(UNIT_HELP_SRC),$(src:%.c=$(O)/obj/%.d) $(src:%.c=$(O)/asan/obj/%.d))

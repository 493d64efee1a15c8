# make demo    see it work; WAREHOUSE=bigquery: in a stand-in for BigQuery
# make test    analyze, lint, check terraform/, fuzz briefly, test
# make terraform checks the module in terraform/; where there is no terraform or no provider, it says so
# make analyze every statement that BigQuery gets, by Google's own analyzer
# make browser installs Chromium, in which tests look at our pages; where there is none, they are skipped
# make build   bin/vitalsink
# make cost    the table of costs in README, from the catalogue and the generator
# make bench   how fast everything is, into docs/performance.md: about 40 minutes and 10 GB of bin/bench
# make scale   10 million samples through load and run, compared with the truth
# make live-check PROJECT=…  what only a real BigQuery project can show, its speed and its cost (without PROJECT: on a stand-in)
# make chaos   processes killed at random for DURATION=5m, then every row compared with the truth (SEED=… to repeat one, PUBSUB=emulator for Google's)
# make soak    services at full speed for DURATION=30m while BigQuery fails in all sorts of ways
# make outage  a disk that stays full for minutes, under a running service
# make release bin/release: the program without DuckDB, for Linux on amd64 and arm64 (VERSION=v0.1.0), with checksums
# make sbom    bin/release: what is in each of them, as CycloneDX
# make vuln    known vulnerabilities in what is called; where their database cannot be reached, it says so
# make notices THIRD_PARTY_NOTICES.md, of what is linked; fails for a licence that asks for more than to be passed on

SHELL := /bin/sh
.DEFAULT_GOAL := build

# DuckDB is C++; without a compiler Go would leave it out without a word.
export CGO_ENABLED := 1

LINT_VERSION := v2.15.0
LINT := .tools/golangci-lint-$(LINT_VERSION)
# Inputs, no duration: at the end of one Go 1.26 may report a fault that there is none (https://go.dev/issue/75804).
FUZZTIME := 3000x
# pstest changes a message that it delivers again while it may still send it (pubsub/v2 2.9.0): the detector is to find ours.
PSTEST := -gcflags=cloud.google.com/go/pubsub/v2/pstest=-race=false

# Tests of which -short leaves something out, and where they are: the package of the longest, bigquery, is the first.
LONG = $$(awk '/^func Test/ { name = $$2; sub(/\(.*/, "", name) } /$(LEFT_OUT)/ { print name }' $$(find connector transforms -name '*_test.go') | sort -u | paste -sd'|' -)
LONG_PACKAGES = $$(find connector transforms -name '*_test.go' | xargs grep -lE '$(LEFT_OUT)' | xargs -n1 dirname | sort -u | sed 's,^,./,')
LEFT_OUT := connectortest\.(Long|Run)\(t|testing\.Short\(\)

.PHONY: build demo test terraform analyze lint fuzz bench cost scale chaos soak outage live-check compiler browser release sbom vuln notices

build: compiler
	@go build -o bin/vitalsink ./connector/cmd/vitalsink

demo: build
	@bin/vitalsink demo --warehouse $(or $(WAREHOUSE),duckdb)

# The race detector makes the longest tests several times as long: with it all but those run, and without it just those:
# AFTER_SHORT leaves out the cases of a suite that have run with it. The test runner comes last, so that its summary ends
# the output.
test: analyze lint terraform fuzz
	@./tools/browser --optional
	@./tools/licences
	@./tools/vuln 120
	@tools/static /dev/null
	go -C tools/performance test ./...
	go test -race -short -shuffle=on -timeout=60m $(PSTEST) ./...
	go test -count=1 -run='^TestPace$$' ./transforms
	AFTER_SHORT=true go test -shuffle=on -timeout=60m -run="^($(LONG))$$" $(LONG_PACKAGES)

# Alone and first: the first time it is built, that takes minutes and 6 GB. Without cgo, so that it is built once.
analyze: $(LINT)
	@CGO_ENABLED=0 go -C tools/analyzer test ./...
	@cd tools/analyzer && CGO_ENABLED=0 ../../$(LINT) run ./...

terraform:
	@./tools/terraform

lint: $(LINT) compiler
	$(LINT) run ./...
	@for tool in performance shipping; do (cd tools/$$tool && CGO_ENABLED=0 ../../$(LINT) run ./...) || exit 1; done

fuzz: compiler
	@for target in $$(grep -rlE '^func Fuzz' --include='*_test.go' . | xargs -n1 dirname | sort -u); do \
		for name in $$(grep -hoE '^func Fuzz[A-Za-z0-9_]+' $$target/*_test.go | cut -d' ' -f2); do \
			go test -run='^$$' -fuzz="^$$name$$" -fuzztime=$(FUZZTIME) -fuzzminimizetime=10x $$target || exit 1; \
		done; \
	done

bench: compiler
	@tools/bench bin/bench

cost:
	CGO_ENABLED=0 go test ./connector/bigquery -count=1 -run='^TestCostTable$$' -update

scale: compiler
	go test -count=1 -v -timeout=60m -run='^TestScale$$' ./connector/cmd/vitalsink \
		-scale.users=$(or $(USERS),375) -scale.days=$(or $(DAYS),7) -scale.memory=$(or $(MEMORY),2GiB)

# What came out is the last line.
CAMPAIGN = report=$$(mktemp); go test -count=1 -v -timeout=24h -run='^$(1)$$' ./connector/cmd/vitalsink -campaign.report=$$report -campaign.emulator=$(if $(filter emulator,$(PUBSUB)),true,false) $(2); \
	code=$$?; cat $$report; rm -f $$report; exit $$code

chaos: compiler
	@$(call CAMPAIGN,TestChaos,-chaos=$(or $(DURATION),5m) -chaos.seed=$(or $(SEED),0))

soak: compiler
	@$(call CAMPAIGN,TestSoak,-soak=$(or $(DURATION),30m))

outage: compiler
	go test -count=1 -v -timeout=30m -run='^TestRunOutlivesFullDisk$$' ./connector/cmd/vitalsink \
		-outage=$(or $(DURATION),3m) -outage.messages=$(or $(MESSAGES),1500)

# The real one needs no C compiler.
live-check: $(if $(PROJECT),,compiler)
	@$(if $(PROJECT),CGO_ENABLED=0) go build -o bin/livecheck ./connector/cmd/livecheck
	@bin/livecheck $(if $(PROJECT),--project $(PROJECT)) --location $(or $(LOCATION),EU) --samples $(or $(SAMPLES),1000000) $(FLAGS)

$(LINT):
	@mkdir -p .tools
	GOBIN=$(CURDIR)/.tools CGO_ENABLED=0 go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_VERSION)
	@mv .tools/golangci-lint $(LINT)

compiler:
	@./tools/compiler

browser:
	@./tools/browser

release:
	@rm -rf bin/release && mkdir -p bin/release
	GOARCH=amd64 tools/static bin/release/vitalsink-linux-amd64 $(VERSION)
	GOARCH=arm64 tools/static bin/release/vitalsink-linux-arm64 $(VERSION)
	@cp LICENSE THIRD_PARTY_NOTICES.md bin/release
	@cd bin/release && sha256sum * >SHA256SUMS && cat SHA256SUMS

sbom:
	@for binary in bin/release/vitalsink-linux-amd64 bin/release/vitalsink-linux-arm64; do tools/sbom $$binary || exit 1; done

vuln:
	@tools/vuln

notices:
	@tools/licences
	CGO_ENABLED=0 go -C tools/shipping run ./notices >THIRD_PARTY_NOTICES.tmp
	@mv THIRD_PARTY_NOTICES.tmp THIRD_PARTY_NOTICES.md

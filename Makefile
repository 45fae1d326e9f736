# `make` lists what there is.

GO ?= go
STATICCHECK ?= honnef.co/go/tools/cmd/staticcheck@v0.8.2
FUZZTIME ?= 20s

.DEFAULT_GOAL := help
.PHONY: help demo build test lint bench microbench fuzz faults faults-long mutants

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST)

demo: ## mirror this repository's tree into a temporary directory and show it live
	@bash docs/demo.sh

build: ## bin/hydrasync
	$(GO) build -o bin/hydrasync ./cmd/hydrasync

test: ## all tests, with the race detector
	$(GO) test -race ./...

lint: ## formatting, vet, staticcheck, and the drawing of imports
	@test -z "$$(gofmt -l .)" || { echo "gofmt would change:"; gofmt -l .; exit 1; }
	$(GO) vet ./...
	$(GO) run $(STATICCHECK) ./...
	$(GO) test -run TestImportsFollowTheDrawing ./cmd/hydrasync

bench: build ## hydrasync, its peers and the machine itself at the same work: BENCH='--rows live --rounds 5'
	$(GO) build -o bin/hydrabench ./cmd/hydrabench
	bin/hydrabench $(BENCH)

microbench: ## all go test benchmarks, with allocations
	$(GO) test -run '^$$' -bench . -benchmem ./...

fuzz: ## every fuzz target, for FUZZTIME each
	@set -e; for dir in $$($(GO) list -f '{{.Dir}}' ./...); do \
		for target in $$(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\).*/\1/p' $$dir/*_test.go 2>/dev/null); do \
			echo "$$target in $$dir"; $(GO) test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) $$dir; \
		done; done

faults: ## kills, power cuts, broken networks, hostile ends, planted bugs: the campaign within ten minutes
	@HYDRASYNC_FAULTS=ci bash .ci/campaign

faults-long: ## the whole campaign, for hours: HYDRASYNC_SEED and HYDRASYNC_SEEDS say which and how many, CAMPAIGN=Crash a part
	@HYDRASYNC_FAULTS=long bash .ci/campaign

mutants: ## every planted bug, and the table of docs/testing.md anew: ONLY=REGEXP tries some
	$(GO) test -v -count=1 -timeout 2h -run TestCampaignMutants ./cmd/hydrasync/trials/mutants -only '$(or $(ONLY),.)' -write

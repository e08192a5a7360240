#!/usr/bin/env bash
# Everything `make test` runs. It ends with "N passed, 0 failed, M skipped" and fails when something failed.
# A tool that is missing skips what needs it on a developer's machine; with CI=true it is a failure, so that CI never
# passes because it did not look.
set -uo pipefail
cd "$(dirname "$0")/.."

passed=0 failed=0 skipped=0
check() { # name, command...
  local name=$1 out
  shift
  if out=$("$@" 2>&1); then
    passed=$((passed + 1))
    printf 'ok    %s\n' "$name"
  else
    failed=$((failed + 1))
    printf 'FAIL  %s\n%s\n' "$name" "$out"
  fi
}
missing() { # tool, what needs it, how to get it
  if [ "${CI:-}" = true ]; then
    failed=$((failed + 1))
    printf 'FAIL  %s is missing (for %s): %s\n' "$1" "$2" "$3"
  else
    skipped=$((skipped + 1))
    printf 'skip  %s is missing (for %s): %s\n' "$1" "$2" "$3"
  fi
}
formatted() {
  local wrong
  wrong=$(find . -name '*.go' -not -path './.git/*' -not -path './.demo/*' -print0 | xargs -0 gofmt -l)
  [ -z "$wrong" ] || { printf 'run make fmt:\n%s\n' "$wrong"; return 1; }
}

command -v go >/dev/null || { echo "go is missing: https://go.dev/dl, the version stands in go.mod"; exit 1; }
# slapd lies outside of most people's PATH. Where it can be installed without asking it is; otherwise the tests say how.
if ! PATH=$PATH:/usr/sbin command -v slapd >/dev/null && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends slapd; } >/dev/null 2>&1 ||
    echo "slapd cannot be installed: tests of LDAP directories are skipped"
fi
command -v git >/dev/null || missing git "the check of generated files" "apt-get install git"

mkdir -p .build
: > .build/terraformrc # a caller's own file could send provider installation elsewhere
export TF_CLI_CONFIG_FILE=$PWD/.build/terraformrc TF_IN_AUTOMATION=1 CHECKPOINT_DISABLE=1

check "gofmt" formatted
check "go vet" go vet ./...
if terraform=$(command -v terraform || command -v tofu); then
  export TF_ACC=1 TF_ACC_TERRAFORM_PATH=$terraform
  case $terraform in *tofu) export TF_ACC_PROVIDER_HOST=registry.opentofu.org ;; esac
  check "terraform fmt" "$terraform" fmt -check -recursive examples
else
  missing "terraform or tofu" "the acceptance tests" "https://developer.hashicorp.com/terraform/install"
fi

# Lists and actions need a newer Terraform than most machines have: whoever has one beside the other names it.
if [ -n "${NEWER_TERRAFORM:-}" ]; then
  check "the provider with $NEWER_TERRAFORM" env TF_ACC=1 TF_ACC_TERRAFORM_PATH="$NEWER_TERRAFORM" go test -count=1 ./provider -run '^TestTerraform'
fi

if [ $# -eq 0 ]; then # two packages run it: whoever finds it compiled only links it; tags as internal/testkit/stepca.go has them
  check "step-ca" go build -modfile=tools/step-ca/go.mod -tags=nobadger,nomysql,nopgx,nopkcs11,noyubikey -o .build/step-ca github.com/smallstep/certificates/cmd/step-ca
  check "etcd" go build -modfile=tools/etcd/go.mod -o .build/etcd go.etcd.io/etcd/server/v3 # likewise
fi
go build -o .build/testcount ./internal/testcount || exit 1
# Data centers come and go inside of a test's process, each with its memtables, and the race detector gives back none of what it keeps
# beside them: without a bound the provider's tests take 20 GB.
export GOMEMLIMIT=${GOMEMLIMIT:-2GiB}
go test -race -count=1 -timeout 45m -json "${@:-./...}" |
  .build/testcount -passed "$passed" -failed "$failed" -skipped "$skipped"

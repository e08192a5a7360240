#!/usr/bin/env bash
# Writes the provider's reference (docs/index.md, docs/resources and so on) from the schemas that the provider itself
# reports. No Terraform binary is asked, so every machine writes the same files. tfplugindocs removes and writes only its
# own folders below docs/; the pages beside them are written by hand.
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p .build
go run ./internal/genschema registry.terraform.io/hashicorp/concord > .build/schema.json
go tool -modfile=tools/go.mod tfplugindocs generate --provider-name concord --providers-schema .build/schema.json
# The API of the three listeners, from the same tables that the routes are made from.
go run ./internal/genopenapi docs/openapi "$(sed -n 's/^const Version = "\(.*\)"/\1/p' server/cli/*.go)"

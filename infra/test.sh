#!/bin/sh
# npm test: sets the machine up as ./farm does, then unit, integration and e2e tests; arguments go to vitest.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd -P)
trap '[ $? -eq 0 ] || echo "0 passed, 1 failed"' EXIT # only set-up can end here: vitest takes this process over
. "$root/infra/bootstrap.sh"
cd "$root"
PATH=$root/node_modules/.bin:$PATH
export PATH
"$farm_node" orchestrator/cli/main.ts setup --for test
exec "$farm_node" node_modules/vitest/vitest.mjs run "$@"

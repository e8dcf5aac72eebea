# Sourced by ./farm and infra/test.sh with $root set: makes sure of the npm packages, then sets $farm_node to a
# Node that runs TypeScript as it is (24.15 or newer). Everything it says goes to standard error.

farm_cache=${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/wheelfarm
farm_stamp=$root/node_modules/.wheelfarm-lock

farm_stop() { # code, sentence, next step
  printf 'farm: %s\n  code   %s\n  next   %s\n' "$2" "$1" "$3" >&2
  exit 1
}

# npm writes .package-lock.json last; newer than the lockfile means that npm itself was here since.
farm_packages_fresh() {
  [ -d "$root/node_modules" ] || return 1
  cmp -s "$root/package-lock.json" "$farm_stamp" && return 0
  [ -n "$(find "$root/node_modules/.package-lock.json" -newer "$root/package-lock.json" 2>/dev/null)" ] || return 1
  cp "$root/package-lock.json" "$farm_stamp"
}

farm_install_packages() {
  command -v node >/dev/null 2>&1 && command -v npm >/dev/null 2>&1 ||
    farm_stop FARM_SETUP_FAILED 'Node.js with npm is not on PATH.' \
      'Install Node.js 20 or newer with npm (on Debian and Ubuntu: apt-get install nodejs npm), then try again.'
  farm_major=$(node -p 'process.versions.node.split(".")[0]')
  [ "$farm_major" -ge 20 ] ||
    farm_stop FARM_SETUP_FAILED "Node.js $(node -v) is too old to install the packages." \
      'Install Node.js 20 or newer, then try again.'
  echo 'set-up  npm        packages and Node 24: about 950 MB unpacked, about 80 s' >&2
  farm_began=$(date +%s)
  (cd "$root" && npm ci --no-audit --no-fund --loglevel=error >&2) ||
    farm_stop FARM_SETUP_FAILED 'npm ci did not end well; its message stands above.' \
      'Check the network and the registry that npm is set to use (npm config get registry), then try again.'
  cp "$root/package-lock.json" "$farm_stamp"
  echo "set-up  npm        done in $(($(date +%s) - farm_began)) s" >&2
}

if ! farm_packages_fresh; then
  mkdir -p "$farm_cache"
  if command -v flock >/dev/null 2>&1; then
    exec 9>"$farm_cache/npm.lock"
    flock -n 9 || { echo 'set-up  npm        waiting for another set-up' >&2; flock 9; }
    farm_packages_fresh || farm_install_packages
    exec 9>&-
  else
    farm_install_packages
  fi
fi

farm_node=$root/node_modules/.bin/node
if ! "$farm_node" -e '' 2>/dev/null; then
  farm_node=$(command -v node || true)
  [ -n "$farm_node" ] && "$farm_node" -e \
    'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 24 || (a === 24 && b >= 15) ? 0 : 1)' ||
    farm_stop FARM_SETUP_FAILED 'No Node.js 24 for this machine is among the packages.' \
      'Install Node.js 24.15 or newer, then try again.'
fi
export NODE_COMPILE_CACHE="${NODE_COMPILE_CACHE:-$farm_cache/compiled}"

#!/bin/sh
# Sets up all that Dragonflow needs on Debian 12: packages, Node 26 and the npm packages. Idempotent; POSIX sh, because it runs
# before a usable Node exists. Two at once wait for each other.
set -eu
cd "$(dirname "$0")/.."

packages="openvswitch-switch iproute2 iputils-ping iputils-arping ethtool procps iperf3 udhcpc isc-dhcp-client openssl strace python3-openstackclient git netcat-openbsd"

say() { echo "setup: $*" >&2; }
fail() { echo "setup: $*" >&2; exit 1; }

missing() {
  for p in $packages; do
    case "$(dpkg-query -W -f '${db:Status-Abbrev}' "$p" 2>/dev/null || true)" in ii*) ;; *) printf '%s ' "$p" ;; esac
  done
}
want=$(cat package-lock.json package.json | sha256sum | cut -c1-16)
ready() { [ "$(cat node_modules/.setup 2>/dev/null)" = "$want" ] && node_modules/.bin/node -e 0 2>/dev/null; }

[ "$(uname -s)" = Linux ] || fail "Dragonflow needs Linux (Debian 12); this is $(uname -s)"
command -v dpkg-query >/dev/null || fail "Dragonflow's setup needs Debian 12 (dpkg is missing here)"
command -v npm >/dev/null || fail "npm is missing; install Node 20 with npm first: apt-get install nodejs npm"

need=$(missing)
if [ -z "$need" ] && ready; then exit 0; fi
exec 9>.setup.lock
flock 9

need=$(missing)
if [ -n "$need" ]; then
  [ "$(id -u)" = 0 ] || fail "these Debian packages are missing and only root can install them; run as root: apt-get install -y ${need% }"
  say "installing Debian packages: ${need% }"
  log=$(mktemp)
  trap 'rm -f "$log"' EXIT
  # policy-rc.d keeps the packages' daemons down: Dragonflow starts its own, the machine's Open vSwitch stays as it was.
  policy=/usr/sbin/policy-rc.d
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod +x "$policy"
    trap 'rm -f "$log" "$policy"' EXIT
  fi
  install() { DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 install -y -q --no-install-recommends $need >"$log" 2>&1; }
  # The package lists may be missing or old: fetch them only where the install cannot do without.
  install || { apt-get -o DPkg::Lock::Timeout=300 update -q >"$log" 2>&1 && install; } ||
    { tail -n 3 "$log" >&2; fail "could not install: ${need% } (is the package mirror reachable? see the lines above)"; }
fi

if ! ready; then
  say "installing Node 26 and npm packages"
  npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2 ||
    fail "npm ci failed (is the npm registry reachable? see the lines above)"
  node_modules/.bin/node -e 0 || fail "no Node 26 for $(uname -m): only x64 and arm64 are supported"
  printf %s "$want" >node_modules/.setup
fi
say "ready"

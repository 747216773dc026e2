#!/bin/sh
# Sets up all that Dragonflow needs on Debian 12: packages, Node 26, the npm packages, and the build. Idempotent; POSIX sh, because it runs
# before a usable Node exists. Two at once wait for each other. Silent when there is nothing to do.
set -eu
cd "$(dirname "$0")/.."
. scripts/built.sh

packages="openvswitch-switch iproute2 iputils-ping iputils-arping ethtool procps iperf3 udhcpc isc-dhcp-client openssl strace python3-openstackclient git netcat-openbsd"

say() { echo "setup: $*" >&2; }
fail() { say "$*"; exit 1; }

# dpkg-query leaves out what it does not know, and complains of it: one call for all.
missing() {
  installed=$(dpkg-query -W -f '${db:Status-Abbrev} ${Package} \n' $packages 2>/dev/null | sed -n 's/^ii *//p')
  for p in $packages; do
    case " $(echo "$installed" | tr '\n' ' ') " in *" $p "*) ;; *) printf '%s ' "$p" ;; esac
  done
}
want=$(cat package-lock.json package.json | sha256sum | cut -c1-16)
ready() { [ "$(cat node_modules/.setup 2>/dev/null)" = "$want" ] && node_modules/.bin/node -e 0 2>/dev/null; }

[ "$(uname -s)" = Linux ] || fail "Dragonflow needs Linux (Debian 12); this is $(uname -s)"
command -v dpkg-query >/dev/null || fail "Dragonflow's setup needs Debian 12; there is no dpkg here"
command -v npm >/dev/null || fail "npm is missing; install Node.js 20 or newer with npm first"

need=$(missing)
# Who may not write here runs the sources: slower to start, otherwise the same.
if [ -z "$need" ] && ready && { built . || [ ! -w . ]; }; then exit 0; fi

case "$(uname -m)" in x86_64 | aarch64) ;; *) fail "there is no Node 26 in the registry for $(uname -m); only for x86_64 and aarch64" ;; esac
[ -w . ] || fail "$(id -un) may not write to $(pwd); run this as its owner or as root"
exec 9>.setup.lock
flock -n 9 || { say "another setup is at work; waiting for it"; flock 9; }

# The log of what failed stays, all else goes, however this ends.
log=$(mktemp "${TMPDIR:-/tmp}/dragonflow-setup.XXXXXX")
policy=
clean() {
  status=$?
  if [ -n "$policy" ]; then rm -f "$policy"; fi
  if [ "$status" -eq 0 ] || [ ! -s "$log" ]; then rm -f "$log"; fi
}
trap clean EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
# The line of the log that says why, without the tool's own prefix.
reason() { sed -n "s/^$1 *//p" "$log" | tail -n 1 | cut -c1-200; }

need=$(missing)
if [ -n "$need" ]; then
  [ "$(id -u)" = 0 ] || fail "Debian packages are missing, and only root may install them; run as root: apt-get install -y ${need% }"
  say "installing Debian packages: ${need% }"
  # policy-rc.d keeps the packages' daemons down: Dragonflow starts its own, the machine's Open vSwitch stays as it was.
  if [ ! -e /usr/sbin/policy-rc.d ]; then
    policy=/usr/sbin/policy-rc.d
    printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod +x "$policy"
  fi
  apt() { DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 -o Acquire::http::Timeout=20 "$@" >"$log" 2>&1; }
  install() { apt install -y --no-install-recommends $need; }
  # The package lists may be missing or old: fetch them only where the install cannot do without.
  install || { apt -o APT::Update::Error-Mode=any update && install; } ||
    fail "could not install ${need% }: $(reason E:) (is the package mirror reachable? log: $log)"
fi

if ! ready; then
  say "installing Node 26 and npm packages"
  npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >"$log" 2>&1 ||
    fail "could not install the npm packages: $(reason 'npm \(error\|ERR!\) code') (is the npm registry reachable? log: $log)"
  node_modules/.bin/node -e 0 || fail "the Node 26 that npm installed does not run here"
  printf %s "$want" >node_modules/.setup
fi

if ! built .; then
  say "building the program"
  node_modules/.bin/node scripts/build.ts >"$log" 2>&1 || fail "could not build the program (log: $log)"
fi
say "ready"

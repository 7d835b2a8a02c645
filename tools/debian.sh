# Debian's riscv64 archive, for tools/guests, tools/guest-root and tools/debian-source, which source this file after tools/env.
#
# apt works on a root of its own in the cache, unprivileged; nothing of the system changes. The archive is that of the
# system's own Debian source, read when needed. What cannot be had ends the program that asked: one line, exit code 3.
# shellcheck shell=bash

suite=trixie
kind=${kind:-deb} # deb: packages for riscv64; deb-src: their sources
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
store="$FORESHORE_CACHE/guests"
apt_root="$store/.apt-$suite"
[ "$kind" = deb ] || apt_root="$apt_root-sources"
refreshed=no

unavailable() { echo "${0##*/}: $*" >&2; exit 3; }

# Ends the program with exit code 2 unless every argument is a package's name.
check_names() {
  local package
  for package in "$@"; do
    case "$package" in
      [!a-z0-9]* | *[!a-z0-9.+-]*) echo "${0##*/}: not a package name: $package (usage: ${0##*/} [--update] [PACKAGE…])" >&2; exit 2 ;;
    esac
  done
}

# One fetcher at a time; the others wait and then find what they want in the cache.
lock_store() {
  mkdir -p "$store"
  if command -v flock >/dev/null 2>&1; then
    exec 9>"$store/.lock"
    flock 9
  fi
}

# The URI of the system's own Debian source, in either format that apt reads: stanzas
# (deb822) or lines. $1 is a pattern of the system's main suites: these stand in the
# archive itself, where security updates may live elsewhere.
system_uri() {
  local release="$1" file
  for file in /etc/apt/sources.list.d/*.sources; do
    [ -r "$file" ] || continue
    awk -v release="$release" '
      function finish(i, n, words) {
        if (types ~ /(^| )deb( |$)/ && enabled !~ /^(no|false|off|0)$/ && (" " suites " ") ~ (" (" release ") ")) {
          n = split(uris, words, " ")
          if (n > 0 && !done) { print words[1]; done = 1 }
        }
        types = uris = suites = enabled = field = ""
      }
      /^[ \t]*$/ { finish(); next }
      /^#/ { next }
      /^[ \t]/ { value = $0 }
      /^[^ \t:]+:/ { field = tolower(substr($0, 1, index($0, ":") - 1)); value = substr($0, index($0, ":") + 1) }
      { sub(/^[ \t]+/, "", value); sub(/[ \t]+$/, "", value) }
      field == "types" { types = types " " value }
      field == "uris" { uris = uris " " value }
      field == "suites" { suites = suites " " value }
      field == "enabled" { enabled = tolower(value) }
      END { finish() }
    ' "$file"
  done
  for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
    [ -r "$file" ] || continue
    sed -e 's/#.*//' -e 's/\[[^]]*\]//' "$file" | awk -v release="$release" '$1 == "deb" && $3 ~ "^(" release ")$" { print $2 }'
  done
}

apt_options() {
  printf '%s\n' \
    -qq \
    -oAPT::Architecture=riscv64 -oAPT::Architectures=riscv64 \
    -oAPT::Sandbox::User= \
    -oAPT::Update::Error-Mode=any \
    -oAcquire::Languages=none -oAcquire::Retries=2 \
    "-oDir::Etc::SourceList=$apt_root/sources.list" -oDir::Etc::SourceParts=/dev/null \
    "-oDir::State=$apt_root" "-oDir::State::Lists=$apt_root/lists" "-oDir::State::status=$apt_root/status" \
    "-oDir::Cache=$apt_root/cache"
}

prepare_apt() {
  local uri
  command -v apt-get >/dev/null 2>&1 && command -v dpkg-deb >/dev/null 2>&1 ||
    unavailable "Debian packages need apt-get and dpkg-deb; this system has none"
  [ -r "$keyring" ] || unavailable "$keyring is missing (package debian-archive-keyring)"
  uri="$(. /etc/os-release && system_uri "${VERSION_CODENAME:-stable}|oldstable|stable|testing|unstable|sid" | head -n 1)"
  [ -n "$uri" ] || unavailable "no Debian source in /etc/apt, so the riscv64 archive cannot be reached"
  mkdir -p "$apt_root/lists/partial" "$apt_root/cache/archives/partial"
  : >"$apt_root/status"
  echo "$kind [arch=riscv64 signed-by=$keyring] $uri $suite main" >"$apt_root/sources.list"
  mapfile -t options < <(apt_options)
}

refresh_lists() {
  local log
  if ! log="$(apt-get "${options[@]}" update 2>&1)"; then
    unavailable "Debian's riscv64 archive cannot be reached: $(printf '%s' "$log" | grep '^[EW]:' | head -n 1)"
  fi
  refreshed=yes
}

# Whether lists of packages were ever fetched.
have_lists() { [ -n "$(find "$apt_root/lists" -maxdepth 1 \( -name '*Packages*' -o -name '*Sources*' \) -print -quit)" ]; }

# apt_try COMMAND…: runs it; the lists may be older than the archive, so once more with new ones before giving up.
apt_try() {
  local log
  until log="$("$@" 2>&1)"; do
    if [ "$refreshed" = yes ]; then unavailable "$(printf '%s' "$log" | grep '^E:' | head -n 1)"; fi
    refresh_lists
  done
}

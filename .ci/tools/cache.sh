# Sourced by the installers beside it: where tools are kept, and how a download is tried again.
# Not a place for anything that one installer alone needs.

HEADWATER_TOOLS="${HEADWATER_TOOLS:-$HOME/.cache/headwater/tools}"
mkdir -p "$HEADWATER_TOOLS/bin"

# retry COMMAND...: up to four attempts, since a registry may time out once and answer the next time.
retry() {
    local attempt
    for attempt in 1 2 3 4; do
        if "$@"; then return 0; fi
        echo "attempt $attempt failed: $*" >&2
        sleep $((attempt * 3))
    done
    return 1
}

# apt_install PACKAGE...: as root, or through sudo where there is one; quiet unless it fails.
apt_install() {
    local as_root=()
    if [ "$(id -u)" -ne 0 ]; then as_root=(sudo -n); fi
    apt_refresh
    retry "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "$@" >"$HEADWATER_TOOLS/apt.log" 2>&1 || {
        cat "$HEADWATER_TOOLS/apt.log" >&2
        return 1
    }
}

# apt_refresh: the package lists, once an hour.
apt_refresh() {
    local as_root=() stamp="$HEADWATER_TOOLS/apt-updated"
    if [ "$(id -u)" -ne 0 ]; then as_root=(sudo -n); fi
    if [ -n "$(find "$stamp" -mmin -60 2>/dev/null)" ]; then return 0; fi
    retry "${as_root[@]}" apt-get update -qq >&2
    touch "$stamp"
}

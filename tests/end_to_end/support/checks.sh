# Sourced by the checks of this folder: goes into a work folder of their own, and counts what the tool answers; the last answer is in out and err.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
export OMP_WAIT_POLICY=passive
passed=0 failed=0 skipped=0

report() {  # report STATUS NAME
    if [ "$1" -eq 0 ]; then passed=$((passed + 1)); else failed=$((failed + 1)); echo "FAILED: $2"; head -c 600 out err 2>/dev/null; fi
}
expect() {  # expect NAME COMMAND...: exit 0
    local name=$1
    shift
    "$@" >out 2>err </dev/null
    report $? "$name"
}
refuse() {  # refuse NAME PATTERN COMMAND...: exit 2, one sentence on stderr, nothing on stdout
    local name=$1 pattern=$2
    shift 2
    "$@" >out 2>err </dev/null
    [ $? -eq 2 ] && grep -qE -- "$pattern" err && grep -q '^regulus: ' err && [ ! -s out ]
    report $? "$name"
}

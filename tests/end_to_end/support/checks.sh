# Sourced by the checks of this folder: counts what the tool answers. The sourcing script stands in its own work folder; the last answer is in out and err.
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

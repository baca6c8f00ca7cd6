#!/bin/sh
# Compiles the wrong programs of this folder and checks what the compilers say.
#     check.sh [COMPILER...]        default: g++ clang++
# The first line of a program, "// expect: SENTENCE", must be in the message; of the second, "// numbers: A B", the message
# must show both side by side, as "A == B", "A <= B" or "<A, B>" ("-": none). A program that compiles is a failure.
# Ends with "N passed, N failed, N skipped"; a compiler that is not there counts as skipped. Exit code 1 after a failure.
here=$(cd "$(dirname "$0")" && pwd)
[ $# -gt 0 ] || set -- g++ clang++
passed=0
failed=0
skipped=0
messages=$(mktemp)
trap 'rm -f "$messages"' EXIT

fail() {
    failed=$((failed + 1))
    echo "$1: $2"
    sed 's/^/    /' "$messages" | head -n 20
}

for compiler in "$@"; do
    if ! command -v "$compiler" >/dev/null 2>&1; then
        echo "$compiler is not on this machine: its programs are skipped"
        for program in "$here"/*.cpp; do skipped=$((skipped + 1)); done
        continue
    fi
    for program in "$here"/*.cpp; do
        name="$compiler $(basename "$program")"
        sentence=$(sed -n '1s|^// expect: ||p' "$program")
        numbers=$(sed -n '2s|^// numbers: ||p' "$program")
        a=${numbers% *}
        b=${numbers#* }
        if [ -z "$sentence" ] || [ -z "$numbers" ]; then
            fail "$name" "the first two lines must say what to expect"
        elif "$compiler" -std=c++20 -fsyntax-only -I "$here/../../include" "$program" 2>"$messages"; then
            fail "$name" "compiles, but must not"
        elif ! grep -qF "$sentence" "$messages"; then
            fail "$name" "does not say \"$sentence\""
        elif [ "$numbers" != "-" ] && ! grep -qE "(^|[^0-9])$a (==|<=) $b([^0-9]|\$)|<$a, $b>" "$messages"; then
            fail "$name" "does not show $a and $b side by side"
        else
            passed=$((passed + 1))
        fi
    done
done
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]

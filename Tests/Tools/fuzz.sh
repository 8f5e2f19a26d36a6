#!/usr/bin/env bash
# Runs every fuzz target of Tests/Fuzz for some seconds, beginning with its kept corpus.
#
#     Tests/Tools/fuzz.sh [SECONDS] [TARGET...]
#
# New inputs stay in a temporary directory; an input that makes a target fail is printed. Worth keeping: a small one
# that reaches new code, in Tests/Fuzz/corpus/TARGET.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

seconds=${1:-60}
shift || true
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=(heads chunks ranges names digests references manifests paths globs rules tokens)

build=.build-fuzz
# Both sanitizers in one option: of several, the compiler takes only the last. --sanitize is for the linker's sake.
STOWAGE_FUZZ=1 swift build --scratch-path "$build" --configuration release --product Fuzz \
    --sanitize fuzzer -Xswiftc -sanitize=fuzzer,address -Xswiftc -enable-testing
binary=$build/release/Fuzz

# Swift's own crash report trips over the address sanitizer, which then hides what went wrong.
export SWIFT_BACKTRACE=enable=no
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0 failed=0
for target in "${targets[@]}"; do
    mkdir -p "$work/$target"
    log=$work/$target.log
    if STOWAGE_FUZZ_TARGET=$target "$binary" "$work/$target" "Tests/Fuzz/corpus/$target" -max_total_time="$seconds" \
        -timeout=10 -rss_limit_mb=2048 -max_len=4096 -artifact_prefix="$work/$target-" >"$log" 2>&1 \
        && grep -aq 'INITED cov:' "$log"; then
        passed=$((passed + 1))
        printf '%-12s ok    %s\n' "$target" "$(grep -a '^Done' "$log" || true)"
    else
        failed=$((failed + 1))
        printf '%-12s FAILED\n' "$target"
        tail -n 40 "$log"
        for input in "$work/$target"-*; do
            [ -e "$input" ] && printf '%s, base64: %s\n' "${input##*/}" "$(base64 -w0 "$input")"
        done
    fi
done
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" = 0 ]

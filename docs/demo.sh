#!/usr/bin/env bash
# `make demo`: a copy of this repository's tree is mirrored live; three edits are
# made in the copy, and the replica is asked how long each took to arrive.
set -eu
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'kill "$mirror" 2>/dev/null || true; wait "$mirror" 2>/dev/null || true; rm -rf "$work"' EXIT
mirror=
go build -o "$work/hydrasync" ./cmd/hydrasync
mkdir "$work/src"
git ls-files -z --cached --others --exclude-standard | tar --null --ignore-failed-read -T - -cf - 2>/dev/null | tar -xf - -C "$work/src"

echo "mirroring $(find "$work/src" | wc -l) paths: $work/src -> $work/dst"
"$work/hydrasync" mirror "$work/src" "$work/dst" --state "$work/state" --log-format text 2>"$work/log" &
mirror=$!
until grep -q 'in step' "$work/log"; do kill -0 "$mirror"; sleep 0.05; done
grep 'in step' "$work/log"

now() { date +%s%N; }
arrived() { # WHAT TEST…: how long until the replica shows it
	what=$1; shift
	start=$(now)
	until "$@"; do :; done
	echo "$what arrived after $((($(now) - start) / 1000000)) ms (the look itself takes some)"
}
echo "// edited by the demo" >>"$work/src/cmd/hydrasync/main.go"
arrived "an edited file " cmp -s "$work/src/cmd/hydrasync/main.go" "$work/dst/cmd/hydrasync/main.go"
mv "$work/src/journal" "$work/src/diary"
arrived "a renamed folder" test -e "$work/dst/diary/doc.go" -a ! -e "$work/dst/journal"
rm -r "$work/src/docs"
arrived "a removed folder" test ! -e "$work/dst/docs"

"$work/hydrasync" status "$work/dst"
kill "$mirror"
wait "$mirror"
"$work/hydrasync" verify "$work/dst" --content

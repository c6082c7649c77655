#!/usr/bin/env bash
# A column of ten million claims converted, beside DuckDB, Polars and pyarrow on the same file in the same run; then quoted beside plain, and
# memory at two sizes. Build first (cargo build --release).
#
# usage: benches/bulk.sh BENCH_DIR WORK_DIR [ROWS]
# BENCH_DIR has make_claims.py and bulk_peers.py; WORK_DIR keeps the claims between runs (1 GB). Needs numpy, duckdb, polars, pyarrow.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd); bench=$1; work=$2; rows=${3:-10000000}
xwalk=$here/target/release/xwalk
mkdir -p "$work"; export XDG_CACHE_HOME=$work/cache XDG_DATA_HOME=$work/data
[ -s "$work/icd9.txt" ] || zstd -dqc "$here/vocab/CMS32_DESC_LONG_DX.txt.zst" > "$work/icd9.txt"
# The peers join the first row of the same GEM that the binary carries.
[ -s "$work/gem.txt" ] || zstd -dqc "$here/crosswalks/2013_I9gem.txt.zst" > "$work/gem.txt"
[ -s "$work/claims-$rows.csv" ] || python3 "$bench/make_claims.py" --icd9 "$work/icd9.txt" --rows "$rows" "$work/claims-$rows.csv"
[ -s "$work/quoted-$rows.csv" ] || python3 "$bench/make_claims.py" --icd9 "$work/icd9.txt" --rows "$rows" --quoted "$work/quoted-$rows.csv"
"$xwalk" --quiet translate --from icd9cm --to icd10cm 401.9 > /dev/null   # compiles the index, once
job="rm -rf $work/report; $xwalk --quiet convert {claims} -o {out} --report $work/report --from icd9cm --to icd10cm --code dx_code"
# The rivals cut the output that is there before they write; xwalk keeps it until its own is complete, unless it is told otherwise.
first="$job --remove-old > /dev/null" job="$job > /dev/null"
echo "== beside its rivals, $rows rows; the output of before stays until the new one is complete"
python3 "$bench/bulk_peers.py" --claims "$work/claims-$rows.csv" --gem "$work/gem.txt" --xwalk "$job" ${BULK_ARGS:-}
echo "== the same, the output of before removed first, as the rivals do"
python3 "$bench/bulk_peers.py" --claims "$work/claims-$rows.csv" --gem "$work/gem.txt" --xwalk "$first" ${BULK_ARGS:-}
echo "== plain"
python3 "$bench/bulk_peers.py" --claims "$work/claims-$rows.csv" --gem "$work/gem.txt" --xwalk "$job" --only xwalk
echo "== quoted"
python3 "$bench/bulk_peers.py" --claims "$work/quoted-$rows.csv" --gem "$work/gem.txt" --xwalk "$job" --only xwalk
echo "== a tenth of the rows"
head -n $((rows / 10 + 1)) "$work/claims-$rows.csv" > "$work/tenth.csv"
python3 "$bench/bulk_peers.py" --claims "$work/tenth.csv" --gem "$work/gem.txt" --xwalk "$job" --only xwalk

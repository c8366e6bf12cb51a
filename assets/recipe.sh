#!/usr/bin/env bash
# Makes everything that was trained under assets/demo: the target, the draft models, the heads of the target.
#
#   assets/recipe.sh DATA OUT        DATA as recipe/texts.py wants it; OUT: a new folder
#
# SPECULA: the program (default build/release/specula).  STEPS: a share of the steps, to try it out (default 1).  On two
# cores with bfloat16 products it takes an hour and a half, a third of it the target's.  Texts and their licences: assets/README.md.
set -euo pipefail
cd "$(dirname "$0")/.."
data=${1:?the folder of the raw texts is missing}
out=${2:?the folder to write is missing}
specula=${SPECULA:-build/release/specula}
share=${STEPS:-1}
here=assets/recipe
mkdir -p "$out"
out=$(cd "$out" && pwd)

steps() { awk -v n="$1" -v share="$share" 'BEGIN { s = int(n * share); print (s > 1 ? s : 2) }'; }
train() { # KIND CONFIG STEPS ...
  local kind=$1 config=$2 count
  count=$(steps "$3")
  shift 3
  "$specula" train "$kind" "$config" --out "$out/train" --set "train.steps=$count" \
    --set "sources.corpus.paths=[\"$out/texts.jsonl\"]" "$@"
}

python3 "$here/texts.py" "$data" "$out/texts.jsonl"
if [ ! -e "$out/vocabulary/tokenizer.model" ]; then
  python3 "$here/vocabulary.py" "$out/texts.jsonl" "$out/vocabulary"
fi
train lm configs/train/demo_target.toml 2400 --set "model.tokenizer=\"$out/vocabulary\""
target=$out/train/demo-target/model

# What the target writes by itself: half of what its draft and its heads learn from.
if [ ! -e "$out/samples.jsonl" ]; then
  "$specula" generate --model "$target" --ids 1 --repeat "$(steps 2400)" --max-new-tokens 200 --sampler 'temperature(1)' \
    --seed 11 --format json > "$out/samples.tmp"
  mv "$out/samples.tmp" "$out/samples.jsonl"
fi
samples="sources.samples.paths=[\"$out/samples.jsonl\"]"
train distill configs/train/demo_draft.toml 2000 --set "$samples" --set "distill.target=\"$target\"" \
  --set "model.tokenizer=\"$target\""
# One to five minutes each, so that they can be compared; the small draft model as well.
train distill configs/train/demo_draft.toml 1000 --set "$samples" --set "distill.target=\"$target\"" \
  --set "model.tokenizer=\"$target\"" --set train.name=demo-draft-short --set batch.sequences=4 \
  --set sources.corpus.weight=1 --set sources.samples.weight=0.15
train medusa configs/train/demo_medusa.toml 800 --set "$samples" --set "head.target=\"$target\""
train eagle configs/train/demo_eagle.toml 800 --set "$samples" --set "head.target=\"$target\""
train eagle3 configs/train/demo_eagle3.toml 1000 --set "$samples" --set "head.target=\"$target\""
train peagle configs/train/demo_peagle.toml 1000 --set "$samples" --set "head.target=\"$target\""
train mtp configs/train/demo_mtp.toml 600 --set "$samples" --set "head.target=\"$target\""
train mtp configs/train/demo_mtp_long.toml 8000 --set "$samples" --set "head.target=\"$target\""
train kangaroo configs/train/demo_kangaroo.toml 2000 --set "$samples" --set "head.target=\"$target\""
train block_diffusion configs/train/demo_block_diffusion.toml 800 --set "$samples" --set "head.target=\"$target\""

# The smallest corpus that drafters which look up can be tried on, and what they make of it.
"$specula" generate --model "$target" --ids 1 --repeat 60 --max-new-tokens 150 --sampler 'temperature(0.8)' --seed 1 --format json |
  python3 -c 'import json, sys; [print(json.dumps({"text": json.loads(line)["text"]}, ensure_ascii=False)) for line in sys.stdin]' > "$out/small.jsonl"
"$specula" train retrieval "$out/small.jsonl" --tokenizer "$target" --output "$out/small.suffixes"
"$specula" train ngram_cache "$out/small.jsonl" --tokenizer "$target" --min-count 2 --output "$out/small.ngrams"
"$specula" train token_ranks "$out/samples.jsonl" "$out/texts.jsonl" --tokenizer "$target" --output "$out/texts.ranks"
train parallel_draft configs/train/demo_parallel_draft.toml 400 --set "$samples" --set "head.target=\"$target\"" \
  --set "model.from=\"$out/train/demo-draft/model\""

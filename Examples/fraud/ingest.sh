#!/bin/sh
# Brings in every file of incoming/, and moves it to ingested/ once its payments are stored.
# A file that a crash left behind is brought in again; payments that are stored already have no second effect.
set -eu
mkdir -p incoming ingested
found=99                            # nothing has come
for file in incoming/*; do
    [ -f "$file" ] || continue
    "$MARTLET_PROGRAM" ingest --live transactions "$file"
    mv "$file" ingested/
    found=0
done
exit $found

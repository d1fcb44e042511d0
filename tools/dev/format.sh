#!/usr/bin/env bash
# format.sh: clang-format over all C++ that git tracks or would track.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
git ls-files -z -co --exclude-standard -- '*.h' '*.cpp' '*.cuh' '*.cu' | xargs -0r clang-format-22 -i

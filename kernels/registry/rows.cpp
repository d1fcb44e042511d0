#include "kernels/registry/families.h"
#include "kernels/registry/params.h"

namespace r1::kernels {
namespace {

int64_t none(const int64_t*) { return 0; }

// One row of values, float. `cols` is the first word of RowsParams.
int64_t row_bytes(const int64_t* words) { return (words[0] + 15) / 16 * 16 * 4; }

} // namespace

void add_rows(std::vector<Skeleton>& rows) {
  // Buffers of `rows` depend on combine_k: two with it, none without; counted here for the plain form.
  rows.push_back(
      {"rows",
       "rows",
       {{"cols", false}, {"norm", false}, {"epsilon", true}, {"combine_k", false}, {"y_stride", false}},
       {{"map", 1, true}, {"finish", 2, false}},
       0,
       0,
       row_bytes,
       "Rows",
       "kernels/rows/cuda_rows.h"});
  rows.push_back({"gather",
                  "rows",
                  {{"cols", false}, {"x_stride", false}, {"x_type", false}},
                  {{"finish", 1, false}},
                  2,
                  0,
                  none,
                  "Gather",
                  "kernels/rows/cuda_gather.h"});
  rows.push_back({"gather_words",
                  "rows",
                  {{"tile", false}},
                  {},
                  2,
                  1,
                  none,
                  "GatherWords",
                  "kernels/rows/cuda_gather_words.h"});
  rows.push_back(
      {"rows_quantize",
       "rows",
       {{"cols", false}, {"inner", false}, {"x_stride", false}, {"x_type", false}, {"ue8m0", false}},
       {},
       1,
       2,
       nullptr, // a CPU widens e4m3 weights instead
       "RowsQuantize",
       "kernels/rows/cuda_quantize.h"});
  rows.push_back({"rope_table",
                  "rows",
                  {{"rope", false}, {"scale", true}},
                  {},
                  2,
                  1,
                  none,
                  "RopeTable",
                  "kernels/rows/cuda_rope_table.h"});
  rows.push_back({"rope",
                  "rows",
                  {{"heads", false},
                   {"head_dim", false},
                   {"offset", false},
                   {"rope", false},
                   {"interleaved", false},
                   {"x_stride", false},
                   {"y_stride", false},
                   {"x_type", false},
                   {"y_type", false}},
                  {},
                  2,
                  1,
                  none,
                  "Rope",
                  "kernels/rows/cuda_rope.h"});
  rows.push_back({"latent_write",
                  "rows",
                  {{"kv_lora", false},
                   {"rope", false},
                   {"norm", false},
                   {"rotate", false},
                   {"interleaved", false},
                   {"epsilon", true},
                   {"latent_stride", false},
                   {"key_stride", false},
                   {"x_type", false},
                   {"token_stride", false},
                   {"pages_per_sequence", false}},
                  {},
                  7,
                  1,
                  none,
                  "LatentWrite",
                  "kernels/rows/cuda_latent_write.h"});
}

} // namespace r1::kernels

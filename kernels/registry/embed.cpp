#include "kernels/registry/families.h"

namespace r1::kernels {

void add_embed(std::vector<Skeleton>& rows) {
  rows.push_back({"embed",
                  "embed",
                  {{"cols", false}, {"table_type", false}},
                  {{"finish", 1, false}},
                  2,
                  0,
                  [](const int64_t*) -> int64_t { return 0; },
                  "Embed",
                  "kernels/embed/cuda.h"});
}

} // namespace r1::kernels

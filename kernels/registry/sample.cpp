#include "kernels/registry/families.h"
#include "kernels/registry/sample_scratch.h"

namespace r1::kernels {
namespace {

// `vocab` is the first word of SampleParams.
int64_t scratch_bytes(const int64_t* words) { return sample_scratch(words[0]).bytes; }

} // namespace

void add_sample(std::vector<Skeleton>& rows) {
  rows.push_back({"sample",
                  "sample",
                  {{"vocab", false}, {"stride", false}},
                  {},
                  3,
                  1,
                  scratch_bytes,
                  "Sample",
                  "kernels/sample/cuda.h"});
}

} // namespace r1::kernels

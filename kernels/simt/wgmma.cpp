// Products of a warp group, operands through descriptors. Layouts: kernels/primitives/cuda/wgmma.h.
#include "kernels/simt/block.h"
#include "kernels/simt/sums.h"

#include <cstring>

namespace r1::simt {
namespace {

constexpr int kRows = 64;

struct Argument {
  float* d;
  u64 a, b;
  int n;
  bool e4m3, columns, accumulate;
  int groups; // of a wait
};

WarpGroup& mine() { return block().warp_groups[block().self().warp / 4]; }

float& element(const GroupProduct& product, int m, int n) {
  return product.d[m / 16 * 32 + m % 8 * 4 + n % 8 / 2][n / 8 * 4 + m / 8 % 2 * 2 + n % 2];
}

// The 16 bytes at an address before the swizzle.
const u8* piece_at(const Block& b, u32 plain, Place place) {
  const u32 address = plain ^ (plain >> 7 & 7) << 4;
  if (address < kSharedBase || address - kSharedBase + 16 > b.shared_bytes)
    fail(place, "wgmma: reads byte %ld of shared memory, which has %u", long(address) - long(kSharedBase),
         b.shared_bytes);
  return b.shared + (address - kSharedBase);
}

// Calls piece(row, bytes within the row, shared memory) for every 16 bytes of the 32 that a product reads a row.
// Columns: rows are k, and a row is 2 * n bytes, of which 128 lie together.
template <class Piece> void walk(Block& b, u64 descriptor, int rows, bool columns, Place place, Piece piece) {
  const u32 start = u32(descriptor & 0x3fff) << 4, stride = u32(descriptor >> 32 & 0x3fff) << 4;
  if (descriptor >> 62 != 1 || (descriptor >> 49 & 7) != 0)
    fail(place, "wgmma: only descriptors with swizzle 128B and base offset 0 are modelled");
  if (columns) {
    const u32 across = u32(descriptor >> 16 & 0x3fff) << 4;
    for (u32 k = 0; k < 16; ++k)
      for (u32 x = 0; x < u32(rows) * 2; x += 16)
        piece(int(k), x,
              piece_at(b, start + x / 128 * across + k / 8 * stride + k % 8 * 128 + x % 128, place));
    return;
  }
  for (int r = 0; r < rows; ++r)
    for (u32 k = 0; k < 32; k += 16)
      piece(r, k, piece_at(b, start + u32(r / 8) * stride + u32(r % 8) * 128 + k, place));
}

struct Scratch {
  float a[kRows][32];
  float b[256][32];
  float b_by_k[32][256];
  float sums[256];
};

// [rows][32 or 16]
void read(Block& b, u64 descriptor, int rows, bool e4m3, Place place, float (*out)[32]) {
  walk(b, descriptor, rows, false, place, [&](int r, u32 k, const u8* from) {
    if (e4m3) {
      for (int i = 0; i < 16; ++i)
        out[r][k + i] = widen_e4m3(from[i]);
    } else {
      for (int i = 0; i < 8; ++i)
        out[r][k / 2 + i] = widen_bf16(u32(from[2 * i]) | u32(from[2 * i + 1]) << 8);
    }
  });
}

// The same of B as [k][n].
void read_columns(Block& b, u64 descriptor, int n, Place place, float (*out)[32]) {
  walk(b, descriptor, n, true, place, [&](int k, u32 x, const u8* from) {
    for (int i = 0; i < 8; ++i)
      out[x / 2 + u32(i)][k] = widen_bf16(u32(from[2 * i]) | u32(from[2 * i + 1]) << 8);
  });
}

__attribute__((always_inline)) inline void multiply(const Scratch& x, const GroupProduct& product,
                                                    int k_size) {
  alignas(64) float sums[256];
  for (int m = 0; m < kRows; ++m) {
    for (int n = 0; n < product.n; ++n)
      sums[n] = 0;
    for (int k = 0; k < k_size; ++k) {
      const float a = x.a[m][k];
      const float* row = x.b_by_k[k];
      for (int n = 0; n < product.n; ++n)
        sums[n] += a * row[n];
    }
    for (int n = 0; n < product.n; ++n) {
      float& d = element(product, m, n);
      d = (product.accumulate ? d : 0.f) + sums[n];
    }
  }
}

// The same function twice: the results are the same bits, the second is faster.
void multiply_plain(const Scratch& x, const GroupProduct& product, int k_size) {
  multiply(x, product, k_size);
}
__attribute__((target("avx2"))) void multiply_avx2(const Scratch& x, const GroupProduct& product,
                                                   int k_size) {
  multiply(x, product, k_size);
}

void carry_out(Block& b, WarpGroup& group, const GroupProduct& product) {
  if (sanitizer::
          kRaces) { // the group's products are a thread that starts at their issue and ends at the wait
    void* const thread = sanitizer::current_fiber();
    sanitizer::switch_to(group.fiber);
    sanitizer::acquire(&group.issued);
    const auto look = [](int, u32, const u8* from) { sanitizer::read_range(from, 16); };
    walk(b, product.a, kRows, false, product.place, look);
    walk(b, product.b, product.n, product.columns, product.place, look);
    sanitizer::release(&group.completed);
    sanitizer::switch_to(thread);
  }
  // Once an OS thread, and never on a fiber's stack, which is small.
  static thread_local std::unique_ptr<Scratch> kept;
  if (!kept)
    kept = std::make_unique<Scratch>();
  Scratch& x = *kept;
  const int k_size = product.e4m3 ? 32 : 16;
  read(b, product.a, kRows, product.e4m3, product.place, x.a);
  if (product.columns)
    read_columns(b, product.b, product.n, product.place, x.b);
  else
    read(b, product.b, product.n, product.e4m3, product.place, x.b);
  if (!product.saved.empty())
    for (int t = 0; t < 128; ++t)
      std::memcpy(product.d[t], &product.saved[size_t(t) * product.n / 2], product.n / 2 * sizeof(float));
  if (b.schedule.hopper_sums) {
    for (int m = 0; m < kRows; ++m)
      for (int n = 0; n < product.n; ++n) {
        float& d = element(product, m, n);
        d = hopper_sum(product.accumulate ? d : 0.f, x.a[m], x.b[n], k_size,
                       product.e4m3 ? kHopperE4m3 : kHopperBf16);
      }
    return;
  }
  for (int n = 0; n < product.n; ++n)
    for (int k = 0; k < k_size; ++k)
      x.b_by_k[k][n] = x.b[n][k];
  static const bool avx2 = __builtin_cpu_supports("avx2");
  avx2 ? multiply_avx2(x, product, k_size) : multiply_plain(x, product, k_size);
}

// Keeps what the product adds to, and leaves NaN in the registers until it happens.
void hide(const WarpGroup& group, GroupProduct& product) {
  for (const GroupProduct& other : group.products.items)
    if (!other.done && other.d[0] == product.d[0])
      return; // hidden already
  const int registers = product.n / 2;
  product.saved.resize(size_t(128) * registers);
  for (int t = 0; t < 128; ++t) {
    std::memcpy(&product.saved[size_t(t) * registers], product.d[t], registers * sizeof(float));
    std::memset(product.d[t], kPoison, registers * sizeof(float));
  }
}

void complete_issue(void** arguments) {
  Block& b = block();
  WarpGroup& group = mine();
  const Argument& first = *static_cast<Argument*>(arguments[0]);
  GroupProduct product{};
  for (int t = 0; t < 128; ++t) {
    const Argument& argument = *static_cast<Argument*>(arguments[t]);
    if (argument.a != first.a || argument.b != first.b || argument.accumulate != first.accumulate)
      fail(group.place, "wgmma: thread %d of the warp group has other operands", t);
    product.d[t] = argument.d;
  }
  product.a = first.a;
  product.b = first.b;
  product.n = first.n;
  product.e4m3 = first.e4m3;
  product.columns = first.columns;
  product.accumulate = first.accumulate;
  product.place = group.place;
  if (!group.fenced)
    fail(group.place, "wgmma without wgmma_fence before it");
  // Products stay in order.
  const bool first_one = group.products.items.empty() || group.products.items.back().done;
  product.done = first_one && b.at_once();
  if (product.done)
    carry_out(b, group, product);
  else
    hide(group, product);
  group.products.items.push_back(std::move(product));
}

} // namespace

void Block::meet_group(Operation operation, void* argument, void (*complete)(void**), Place place) {
  Thread& me = self();
  if (threads < (me.warp / 4 + 1) * 128)
    fail(place, "wgmma needs whole warp groups of 128 threads");
  WarpGroup& group = warp_groups[me.warp / 4];
  if (group.arrived == 0) {
    group.operation = operation;
    group.place = place;
  } else if (group.operation != operation || group.place.line != place.line) {
    fail(place, "divergent warp group: %s here, but others are in %s at %s:%d", name_of(operation),
         name_of(group.operation), group.place.file, group.place.line);
  }
  group.arguments[me.thread % 128] = argument;
  if (++group.arrived < 128) {
    wait(State::kGroup, place, &group);
    return;
  }
  group.arrived = 0;
  {
    sanitizer::Ignore ours;
    complete(group.arguments);
  }
  for (int w = 0; w < 4; ++w)
    wake(me.warp / 4 * 4 + w, w == me.warp % 4 ? ~(1u << me.lane) : ~0u);
}

void wgmma_fence(Place place) {
  block().meet_group(Operation::kGroupFence, nullptr, [](void**) { mine().fenced = true; }, place);
}

void wgmma(float* d, u64 a, u64 b, bool accumulate, int n, bool e4m3, bool columns, Place place) {
  Argument argument{d, a, b, n, e4m3, columns, accumulate, 0};
  sanitizer::release(&mine().issued);
  block().meet_group(Operation::kGroupProduct, &argument, complete_issue, place);
}

void wgmma_commit(Place place) {
  const auto complete = [](void**) {
    mine().products.commit();
    mine().fenced = false;
  };
  block().meet_group(Operation::kGroupCommit, nullptr, complete, place);
}

void wgmma_wait(int groups, Place place) {
  Argument argument{};
  argument.groups = groups;
  const auto complete = [](void** arguments) {
    mine().products.wait(static_cast<Argument*>(arguments[0])->groups,
                         [](const GroupProduct& product) { carry_out(block(), mine(), product); });
  };
  block().meet_group(Operation::kGroupWait, &argument, complete, place);
  sanitizer::acquire(&mine().completed);
}

} // namespace r1::simt

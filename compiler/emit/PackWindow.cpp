#include "compiler/emit/PackWindow.h"
#include "kernels/common/numeric.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MathExtras.h"
#include <array>
#include <cmath>
#include <cstring>

namespace r1 {
namespace {

using artifact::DataType;
using kernels::PackShape;
using llvm::Error;

constexpr int64_t kBlockRows = 16;          // output rows that layouts keep together
constexpr int64_t kScaleBlock = 128;        // rows and columns that share one factor
constexpr uint64_t kWindowBytes = 4u << 20; // a window's packed size, unless 16 rows alone are larger

// weight_scale_inv of the rows a window reads: row r of the weight has factors row(r)[column / 128].
class Factors {
public:
  Error load(const PackJob& job, const PackSource& source, int64_t rowBegin, int64_t rowEnd,
             const TensorReader& reader) {
    llvm::Expected<SourceTensor> tensor = reader.find(source.scale);
    if (!tensor)
      return tensor.takeError();
    columns = tensor->shape[1];
    first = rowBegin / kScaleBlock;
    values.resize(static_cast<size_t>((rowEnd - 1) / kScaleBlock - first + 1) * columns);
    auto bytes =
        llvm::MutableArrayRef(reinterpret_cast<uint8_t*>(values.data()), values.size() * sizeof(float));
    if (Error error = reader.read(source.scale, first * columns * sizeof(float), bytes))
      return error;
    for (auto [i, value] : llvm::enumerate(values))
      if (!std::isfinite(value))
        return packError(
            job, llvm::formatv("{0} [{1}, {2}] is {3}, expected a finite factor; the checkpoint is damaged",
                               source.scale, first + i / columns, i % columns, value));
    return Error::success();
  }
  const float* row(int64_t weightRow) const { return &values[(weightRow / kScaleBlock - first) * columns]; }

private:
  int64_t first = 0, columns = 0;
  std::vector<float> values;
};

const std::array<float, 256> kE4M3 = [] {
  std::array<float, 256> table;
  for (int i = 0; i < 256; ++i)
    table[i] = kernels::f32_from_e4m3(static_cast<uint8_t>(i));
  return table;
}();

template <class Word> Word loadWord(const uint8_t* from, int64_t index) {
  Word word;
  std::memcpy(&word, from + index * sizeof(Word), sizeof(Word));
  return word;
}

// Elements [column, column + out.size()) of a source row, whose bytes from `column` on are at `from`, as
// float.
void widen(DataType type, const uint8_t* from, const float* factors, int64_t column,
           llvm::MutableArrayRef<float> out) {
  int64_t count = out.size();
  switch (type) {
  case DataType::F32:
    std::memcpy(out.data(), from, count * sizeof(float));
    return;
  case DataType::BF16:
    for (int64_t i = 0; i < count; ++i)
      out[i] = kernels::f32_from_bf16(loadWord<uint16_t>(from, i));
    return;
  case DataType::F16:
    for (int64_t i = 0; i < count; ++i)
      out[i] = kernels::f32_from_f16(loadWord<uint16_t>(from, i));
    return;
  default:
    for (int64_t i = 0; i < count; ++i)
      out[i] = kE4M3[from[i]] * factors[(column + i) / kScaleBlock];
  }
}

// The same as elements of `type`, at `to`.
void convert(const SourceTensor& tensor, DataType type, const uint8_t* from, const float* factors,
             int64_t column, int64_t count, uint8_t* to) {
  if (tensor.type == type) {
    std::memcpy(to, from, count * elementBytes(type));
    return;
  }
  float chunk[512];
  for (int64_t done = 0; done < count; done += 512) {
    auto part = llvm::MutableArrayRef(chunk, std::min<int64_t>(512, count - done));
    widen(tensor.type, from + done * elementBytes(tensor.type), factors, column + done, part);
    for (auto [i, value] : llvm::enumerate(part))
      if (type == DataType::F32) {
        std::memcpy(to + (done + i) * 4, &value, 4);
      } else {
        uint16_t bits = kernels::bf16_from_f32(value);
        std::memcpy(to + (done + i) * 2, &bits, 2);
      }
  }
}

struct Rectangle {
  int64_t rowBegin, rowEnd, colBegin, colEnd;
};

std::pair<int64_t, int64_t> matrixShape(const SourceTensor& tensor) {
  return tensor.shape.size() == 1 ? std::pair<int64_t, int64_t>(1, tensor.shape[0])
                                  : std::pair<int64_t, int64_t>(tensor.shape[0], tensor.shape[1]);
}

Error readRectangle(const PackSource& source, const SourceTensor& tensor, const Rectangle& r,
                    const TensorReader& reader, std::vector<uint8_t>& bytes) {
  int64_t width = matrixShape(tensor).second, size = elementBytes(tensor.type);
  int64_t rows = r.rowEnd - r.rowBegin, rowBytes = (r.colEnd - r.colBegin) * size;
  bytes.resize(rows * rowBytes);
  if (r.colEnd - r.colBegin == width)
    return reader.read(source.tensor, r.rowBegin * width * size, bytes);
  for (int64_t i = 0; i < rows; ++i)
    if (Error error = reader.read(source.tensor, ((r.rowBegin + i) * width + r.colBegin) * size,
                                  llvm::MutableArrayRef(bytes).slice(i * rowBytes, rowBytes)))
      return error;
  return Error::success();
}

int64_t destRows(const PackSource& s) { return s.transposed ? s.colEnd - s.colBegin : s.rowEnd - s.rowBegin; }
int64_t depth(const PackSource& s) { return s.transposed ? s.rowEnd - s.rowBegin : s.colEnd - s.colBegin; }

// Calls f(source, first, last): rows [first, last) of the window's matrix `accumulator` come from the
// source's first - destRow on.
template <class F> Error forSources(const PackWindow& w, int64_t accumulator, F f) {
  for (const PackSource& source : w.job->sources) {
    if (source.batch != w.batch || source.accumulator != accumulator)
      continue;
    int64_t first = std::max(source.destRow, w.rowBegin);
    int64_t last = std::min(source.destRow + destRows(source), w.rowBegin + w.rows);
    if (first < last)
      if (Error error = f(source, first, last))
        return error;
  }
  return Error::success();
}

// rows x width elements at `from` become width rows, `stride` bytes apart, at `to`.
template <class Word>
void transpose(const uint8_t* from, int64_t rows, int64_t width, uint8_t* to, int64_t stride) {
  for (int64_t j = 0; j < width; ++j)
    for (int64_t i = 0; i < rows; ++i) {
      Word word = loadWord<Word>(from, i * width + j);
      std::memcpy(to + j * stride + i * sizeof(Word), &word, sizeof(Word));
    }
}

// e4m3 has one NaN in each sign; kernels widen it to a number, so it must not come that far.
Error checkNumbers(const PackJob& job, const PackSource& source, const Rectangle& r,
                   llvm::ArrayRef<uint8_t> bytes) {
  auto nan = llvm::find_if(bytes, [](uint8_t b) { return (b & 0x7f) == 0x7f; });
  if (nan == bytes.end())
    return Error::success();
  int64_t at = nan - bytes.begin(), width = r.colEnd - r.colBegin;
  return packError(job, llvm::formatv("{0} [{1}, {2}] is NaN, expected a number; the checkpoint is damaged",
                                      source.tensor, r.rowBegin + at / width, r.colBegin + at % width));
}

// The window's rows of one accumulator, row-major with `stride` bytes between rows, as elements of `type`.
Error gather(const PackWindow& w, int64_t accumulator, DataType type, const TensorReader& reader,
             uint8_t* out, int64_t stride) {
  int64_t size = elementBytes(type);
  return forSources(w, accumulator, [&](const PackSource& source, int64_t first, int64_t last) -> Error {
    llvm::Expected<SourceTensor> tensor = reader.find(source.tensor);
    if (!tensor)
      return tensor.takeError();
    int64_t from = first - source.destRow, to = last - source.destRow;
    Rectangle r =
        source.transposed
            ? Rectangle{source.rowBegin, source.rowEnd, source.colBegin + from, source.colBegin + to}
            : Rectangle{source.rowBegin + from, source.rowBegin + to, source.colBegin, source.colEnd};
    std::vector<uint8_t> raw;
    if (Error error = readRectangle(source, *tensor, r, reader, raw))
      return error;
    if (type == DataType::F8E4M3)
      if (Error error = checkNumbers(*w.job, source, r, raw))
        return error;
    Factors factors;
    bool scaled = tensor->type == DataType::F8E4M3 && type != DataType::F8E4M3;
    if (scaled)
      if (Error error = factors.load(*w.job, source, r.rowBegin, r.rowEnd, reader))
        return error;
    int64_t width = r.colEnd - r.colBegin, rawRow = width * elementBytes(tensor->type);
    auto convertRow = [&](int64_t i, uint8_t* to) {
      const float* factor = scaled ? factors.row(r.rowBegin + i) : nullptr;
      convert(*tensor, type, &raw[i * rawRow], factor, r.colBegin, width, to);
    };
    uint8_t* target = out + (first - w.rowBegin) * stride;
    int64_t rows = r.rowEnd - r.rowBegin;
    if (!source.transposed) {
      for (int64_t i = 0; i < rows; ++i)
        convertRow(i, target + i * stride);
      return Error::success();
    }
    // Some rows at a time, so that a line of the result is written while it is in cache.
    constexpr int64_t kTogether = 32;
    std::vector<uint8_t> strip(kTogether * width * size);
    for (int64_t i0 = 0; i0 < rows; i0 += kTogether) {
      int64_t count = std::min(kTogether, rows - i0);
      for (int64_t i = 0; i < count; ++i)
        convertRow(i0 + i, &strip[i * width * size]);
      uint8_t* to = target + i0 * size;
      if (size == sizeof(uint16_t))
        transpose<uint16_t>(strip.data(), count, width, to, stride);
      else
        transpose<uint32_t>(strip.data(), count, width, to, stride);
    }
    return Error::success();
  });
}

bool isScales(PackLayout layout) { return layout == PackLayout::Scales || layout == PackLayout::RowScales; }
bool isF8(PackLayout layout) { return layout == PackLayout::Vnni16F8 || layout == PackLayout::RowMajorF8; }
// One matrix behind the other, in rows; the rest interleaves what a tile needs together.
bool keepsMatrices(PackLayout layout) {
  return layout == PackLayout::RowMajor || layout == PackLayout::RowMajorF8 ||
         layout == PackLayout::RowScales;
}

// One factor for 16 rows x 128 k exists only where all 16 rows share theirs.
Error packScales(const PackWindow& w, int64_t accumulator, const TensorReader& reader, float* out) {
  const PackShape& shape = w.job->shape;
  int64_t steps = llvm::divideCeil(shape.k, kScaleBlock);
  std::vector<bool> known(llvm::divideCeil(w.rows, kBlockRows));
  return forSources(w, accumulator, [&](const PackSource& source, int64_t first, int64_t last) -> Error {
    int64_t row = source.rowBegin + first - source.destRow;
    Factors factors;
    if (Error error = factors.load(*w.job, source, row, row + last - first, reader))
      return error;
    for (int64_t n = first; n < last; ++n, ++row) {
      const float* from = factors.row(row) + source.colBegin / kScaleBlock;
      int64_t block = (n - w.rowBegin) / kBlockRows;
      float* to =
          out +
          (w.accumulator == PackWindow::kEvery ? block * shape.accumulators + accumulator : block) * steps;
      if (known[block] && !std::equal(from, from + steps, to))
        return packError(
            *w.job, llvm::formatv("rows {0} to {1} have different factors in {2}, but 16 rows of packed e4m3 "
                                  "share one; keep this weight in bf16",
                                  w.rowBegin + block * kBlockRows, n, source.scale));
      known[block] = true;
      std::copy_n(from, steps, to);
    }
    return Error::success();
  });
}

Error checkSource(const PackJob& job, const PackSource& s, const TensorReader& reader) {
  llvm::Expected<SourceTensor> tensor = reader.find(s.tensor);
  if (!tensor)
    return tensor.takeError();
  auto fail = [&](const llvm::Twine& message) { return packError(job, s.tensor + ": " + message); };
  if (tensor->shape.empty() || tensor->shape.size() > 2)
    return fail("has " + llvm::Twine(tensor->shape.size()) + " dimensions, expected one or two");
  auto [rows, cols] = matrixShape(*tensor);
  if (s.rowBegin < 0 || s.rowEnd > rows || s.rowBegin >= s.rowEnd || s.colBegin < 0 || s.colEnd > cols ||
      s.colBegin >= s.colEnd)
    return fail(llvm::formatv("rows {0} to {1} and columns {2} to {3} wanted, but it is {4} x {5}",
                              s.rowBegin, s.rowEnd, s.colBegin, s.colEnd, rows, cols));
  if (depth(s) != job.shape.k)
    return fail(llvm::formatv("gives {0} elements a row, expected {1}", depth(s), job.shape.k));
  if (s.batch < 0 || s.batch >= job.shape.batch || s.accumulator < 0 ||
      s.accumulator >= job.shape.accumulators || s.destRow < 0 || s.destRow + destRows(s) > job.shape.n)
    return fail("goes beyond the packed tensor");
  bool f8 = tensor->type == DataType::F8E4M3, packsF8 = isF8(job.layout) || isScales(job.layout);
  if (tensor->type != DataType::F32 && tensor->type != DataType::BF16 && tensor->type != DataType::F16 && !f8)
    return fail("has an element type that weights cannot have, expected F32, BF16, F16 or F8_E4M3");
  if (packsF8 && (!f8 || s.transposed))
    return fail("e4m3 packing needs an F8_E4M3 tensor that is not transposed");
  if (packsF8 && s.colBegin % kScaleBlock != 0)
    return fail(llvm::formatv("column {0} does not begin a block of 128 that shares a factor", s.colBegin));
  if (!f8 || isF8(job.layout))
    return Error::success();
  if (s.scale.empty())
    return fail("is F8_E4M3 without a weight_scale_inv");
  llvm::Expected<SourceTensor> scale = reader.find(s.scale);
  if (!scale)
    return scale.takeError();
  std::array<int64_t, 2> blocks = {int64_t(llvm::divideCeil(rows, kScaleBlock)),
                                   int64_t(llvm::divideCeil(cols, kScaleBlock))};
  if (scale->type != DataType::F32 ||
      llvm::ArrayRef<int64_t>(scale->shape) != llvm::ArrayRef<int64_t>(blocks))
    return fail(llvm::formatv("{0} must be F32 of shape [{1}, {2}]: one factor per 128 x 128 block", s.scale,
                              blocks[0], blocks[1]));
  return Error::success();
}

} // namespace

uint64_t elementBytes(DataType type) {
  switch (type) {
  case DataType::F32:
  case DataType::I32:
    return 4;
  case DataType::BF16:
  case DataType::F16:
    return 2;
  case DataType::F8E4M3:
  case DataType::U8:
    return 1;
  }
  llvm_unreachable("every type has a size");
}

Error packError(const PackJob& job, const llvm::Twine& message) {
  return llvm::createStringError("weights of " + job.name + ": " + message);
}

Error checkJob(const PackJob& job, const TensorReader& reader) {
  const PackShape& s = job.shape;
  bool plain = job.layout == PackLayout::Rows || job.layout == PackLayout::Vector;
  DataType expected = layoutType(job.layout, DataType::BF16);
  if (job.type != expected && !(plain && job.type == DataType::F32))
    return packError(job, llvm::formatv("layout {0} cannot hold elements of type {1}", layoutName(job.layout),
                                        artifact::EnumNameDataType(job.type)));
  if (s.batch < 1 || s.n < 1 || s.k < 1 || s.accumulators < 1 || (plain && s.accumulators != 1) ||
      (job.layout == PackLayout::Vector && s.batch * s.n != 1))
    return packError(job,
                     llvm::formatv("shape {0} x {1} x {2} with {3} accumulators does not suit layout {4}",
                                   s.batch, s.n, s.k, s.accumulators, layoutName(job.layout)));
  uint64_t least = packedBytes(job.layout, s, job.type);
  bool padded = job.layout == PackLayout::Rows && job.bytes >= least &&
                job.bytes % (s.batch * s.n * elementBytes(job.type)) == 0;
  if (job.bytes != least && !padded)
    return packError(job, llvm::formatv("{0} bytes planned, {1} needed", job.bytes, least));

  std::vector<std::array<int64_t, 4>> covered; // batch, accumulator, first row, end
  for (const PackSource& source : job.sources) {
    if (Error error = checkSource(job, source, reader))
      return error;
    covered.push_back({source.batch, source.accumulator, source.destRow, source.destRow + destRows(source)});
  }
  llvm::sort(covered);
  size_t next = 0;
  for (int64_t b = 0; b < s.batch; ++b)
    for (int64_t a = 0; a < s.accumulators; ++a)
      for (int64_t row = 0; row < s.n; row = covered[next++][3])
        if (next == covered.size() || covered[next][0] != b || covered[next][1] != a ||
            covered[next][2] != row)
          return packError(
              job,
              llvm::formatv("row {0} of matrix {1} (accumulator {2}) comes from no source, or a row from two",
                            row, b, a));
  return Error::success();
}

void appendWindows(const PackJob& job, std::vector<PackWindow>& windows) {
  const PackShape& s = job.shape;
  bool plain = job.layout == PackLayout::Rows || job.layout == PackLayout::Vector;
  bool apart = keepsMatrices(job.layout), rows = plain || (apart && job.layout != PackLayout::RowScales);
  int64_t unit = rows ? 1 : kBlockRows, matrices = apart ? s.accumulators : 1;
  int64_t units = llvm::divideCeil(s.n, unit);
  uint64_t unitBytes = job.bytes / (s.batch * matrices * units);
  int64_t step = std::max<int64_t>(1, kWindowBytes / unitBytes);
  if (rows)
    step = llvm::alignTo(step, kBlockRows);
  for (int64_t m = 0; m < s.batch * matrices; ++m)
    for (int64_t u = 0; u < units; u += step) {
      int64_t count = std::min(step, units - u);
      windows.push_back({&job, m / matrices, apart ? m % matrices : PackWindow::kEvery, u * unit,
                         std::min(count * unit, s.n - u * unit), job.offset + (m * units + u) * unitBytes,
                         count * unitBytes});
    }
}

Error packWindow(const PackWindow& w, const TensorReader& reader, llvm::MutableArrayRef<uint8_t> out) {
  const PackJob& job = *w.job;
  PackShape shape{1, w.rows, job.shape.k, job.shape.accumulators};
  int64_t rowBytes = shape.k * elementBytes(job.type);
  if (job.layout == PackLayout::Rows || job.layout == PackLayout::Vector) {
    std::fill(out.begin(), out.end(), 0);
    return gather(w, 0, job.type, reader, out.data(), w.bytes / w.rows);
  }
  if (w.accumulator != PackWindow::kEvery) {
    std::fill(out.begin(), out.end(), 0);
    return isScales(job.layout) ? packScales(w, w.accumulator, reader, reinterpret_cast<float*>(out.data()))
                                : gather(w, w.accumulator, job.type, reader, out.data(), w.bytes / w.rows);
  }
  std::vector<uint8_t> staging(job.layout == PackLayout::Scales ? 0 : w.rows * rowBytes);
  for (int64_t a = 0; a < shape.accumulators; ++a) {
    if (job.layout == PackLayout::Scales) {
      if (Error error = packScales(w, a, reader, reinterpret_cast<float*>(out.data())))
        return error;
      continue;
    }
    if (Error error = gather(w, a, job.type, reader, staging.data(), rowBytes))
      return error;
    if (job.layout == PackLayout::Vnni16)
      kernels::pack_vnni16(shape, 0, a, 0, w.rows, reinterpret_cast<const uint16_t*>(staging.data()), shape.k,
                           false, reinterpret_cast<uint16_t*>(out.data()));
    else
      kernels::pack_vnni16_f8(shape, 0, a, 0, w.rows, staging.data(), shape.k, out.data());
  }
  return Error::success();
}

} // namespace r1

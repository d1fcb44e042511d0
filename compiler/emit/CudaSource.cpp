#include "compiler/emit/CudaSource.h"

#include "compiler/emit/CudaHoles.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/bit.h"
#include "llvm/Support/Format.h"

namespace r1 {
namespace {

std::string grouped(int64_t number) {
  std::string digits = std::to_string(number);
  for (int at = static_cast<int>(digits.size()) - 3; at > 0; at -= 3)
    digits.insert(at, ",");
  return digits;
}

// The fewest digits that read back as the same number.
std::string shortest(double number) {
  std::string text;
  for (int digits = 1; digits <= 17; ++digits) {
    text.clear();
    llvm::raw_string_ostream(text) << llvm::format("%.*g", digits, number);
    if (std::stod(text) == number)
      break;
  }
  return llvm::StringRef(text).find_first_of(".e") == llvm::StringRef::npos ? text + ".0" : text;
}

// Bytes against operations: which of the two bounds the kernel, and from how many tokens on the other.
void printArithmetic(const KernelUse& use, llvm::raw_ostream& out) {
  if (!use.weightBytes)
    return;
  if (use.expertFraction < 1) {
    out << "// Arithmetic: " << grouped(use.weightBytes) << " bytes of weights, of which a token uses "
        << llvm::format("%.2f", use.expertFraction * 100) << " %; " << grouped(use.flopsPerToken)
        << " operations a token.\n"
        << "// One token: "
        << llvm::format("%.2f", use.flopsPerToken / (use.weightBytes * use.expertFraction))
        << " operations a byte, so bytes bound it until many tokens share an expert.\n";
    return;
  }
  double intensity = double(use.flopsPerToken) / use.weightBytes;
  out << "// Arithmetic: " << grouped(use.weightBytes) << " bytes of weights a launch, "
      << grouped(use.flopsPerToken) << " operations a token: " << llvm::format("%.2f", intensity)
      << " operations a byte\n// for each token, " << llvm::format("%.0f", intensity * use.maxRows)
      << " at the " << use.maxRows
      << " of a full step. Below the chip's operations per byte of memory bandwidth the weights' bytes bound "
         "it.\n";
}

} // namespace

llvm::Expected<std::string> cudaSource(const KernelSource& kernel, const KernelUse& use) {
  std::string text;
  llvm::raw_string_ostream out(text);
  const kernels::Skeleton& skeleton = *kernel.skeleton;
  if (skeleton.cuda_type.empty())
    return llvm::createStringError("kernel " + kernel.name + ": skeleton " + std::string(skeleton.name) +
                                   " has no CUDA form; this is a defect of r1c");
  out << "// " << kernel.name << "\n// First launched as " << use.location << ", " << use.launches
      << " launches in all";
  if (!use.fusions.empty())
    out << "; fused here: " << llvm::join(use.fusions, ", ");
  out << ".\n";
  printArithmetic(use, out);
  out << "#include \"" << skeleton.cuda_header << "\"\n";
  if (llvm::any_of(kernel.holes, [](const HoleSource& hole) { return hole.used(); }))
    out << "#include \"kernels/primitives/cuda/math.h\"\n#include \"kernels/primitives/cuda/memory.h\"\n";
  out << "\nnamespace {\n\nstruct Config {\n";
  for (auto [spec, word] : llvm::zip(skeleton.params, kernel.params)) {
    if (spec.is_double)
      out << "  static constexpr double " << spec.name << " = " << shortest(llvm::bit_cast<double>(word))
          << ";\n";
    else
      out << "  static constexpr long long " << spec.name << " = " << word << ";\n";
  }
  out << "};\n\n";
  if (llvm::Error error = printCudaHoles(kernel, out))
    return std::move(error);
  out << "\n} // namespace\n\nR1_CUDA_KERNEL" << (skeleton.cuda_maps ? "_MAPS(" : "(") << kernel.name
      << ", r1::cuda::" << skeleton.cuda_type << "<Config, Holes>)\n";
  return text;
}

int64_t KernelSource::param(std::string_view name) const {
  for (auto [spec, word] : llvm::zip(skeleton->params, params))
    if (spec.name == name)
      return word;
  llvm_unreachable("a kernel has every parameter of its skeleton");
}

} // namespace r1

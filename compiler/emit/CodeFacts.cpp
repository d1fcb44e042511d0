#include "compiler/emit/CodeFacts.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Object/ELF.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/Regex.h"

namespace r1 {
namespace {

using File = llvm::object::ELFFile<llvm::object::ELF64LE>;
using llvm::support::endian::read16le;
using llvm::support::endian::read32le;

// Attributes of section .nv.info; numbers as nvdisasm and the open-source readers of cubins name them.
constexpr uint8_t kFrameSize = 0x11, kRegisterCount = 0x2f;
constexpr uint8_t kSized = 4; // the attribute's value is a number of bytes that follow

// From sm_90 on the system has a piece of a block's shared memory for itself, which no limit counts, and a kernel's section begins with it.
constexpr llvm::StringLiteral kReserved = ".nv.shared.reserved.0";
constexpr int64_t kReservedBytes = 1024;
constexpr int64_t kRegistersOfBlock = 65536; // of every chip since sm_50

// Calls f(attribute, bytes) for every attribute with bytes.
template <class F> void attributes(llvm::ArrayRef<uint8_t> section, F f) {
  while (section.size() >= 4) {
    uint8_t format = section[0], attribute = section[1];
    uint16_t value = read16le(section.data() + 2);
    section = section.drop_front(4);
    if (format != kSized)
      continue;
    if (value > section.size())
      return;
    f(attribute, section.take_front(value));
    section = section.drop_front(value);
  }
}

} // namespace

llvm::Expected<CodeFacts> readCodeFacts(llvm::StringRef elf, llvm::StringRef symbol) {
  CodeFacts facts;
  auto file = File::create(elf);
  if (!file)
    return file.takeError();
  auto sections = file->sections();
  if (!sections)
    return sections.takeError();
  std::string infoName = (symbol + "_info").str();
  std::vector<std::string> names; // of symbols, by index, for .nv.info
  for (const auto& section : *sections) {
    if (section.sh_type != llvm::ELF::SHT_SYMTAB && section.sh_type != llvm::ELF::SHT_DYNSYM)
      continue;
    auto symbols = file->symbols(&section);
    auto strings = symbols ? file->getStringTableForSymtab(section) : symbols.takeError();
    if (!strings)
      return strings.takeError();
    for (const auto& s : *symbols) {
      auto name = s.getName(*strings);
      if (!name)
        return name.takeError();
      if (section.sh_type == llvm::ELF::SHT_SYMTAB)
        names.push_back(name->str());
      if (*name != infoName || s.st_shndx == llvm::ELF::SHN_UNDEF || s.st_shndx >= sections->size())
        continue;
      const auto& home = (*sections)[s.st_shndx];
      auto bytes = file->getSectionContents(home);
      if (!bytes)
        return bytes.takeError();
      uint64_t at = s.st_value - home.sh_addr;
      if (s.st_size < 12 || at > bytes->size() || bytes->size() - at < 12)
        return llvm::createStringError("'" + infoName + "' lies outside its section");
      facts.threads = read32le(bytes->data() + at);
      facts.sharedBytes = read32le(bytes->data() + at + 4);
      facts.params = read32le(bytes->data() + at + 8);
    }
  }
  bool reserved = false;
  for (const auto& section : *sections) {
    auto name = file->getSectionName(section);
    if (!name)
      return name.takeError();
    reserved |= *name == kReserved;
    if (*name == (".nv.shared." + symbol).str())
      facts.staticSharedBytes = section.sh_size;
    if (*name != ".nv.info")
      continue;
    auto bytes = file->getSectionContents(section);
    if (!bytes)
      return bytes.takeError();
    attributes(*bytes, [&](uint8_t attribute, llvm::ArrayRef<uint8_t> data) {
      if (data.size() < 8 || read32le(data.data()) >= names.size() || names[read32le(data.data())] != symbol)
        return;
      if (attribute == kRegisterCount)
        facts.registers = read32le(data.data() + 4);
      if (attribute == kFrameSize)
        facts.stackBytes = read32le(data.data() + 4);
    });
  }
  if (reserved && facts.staticSharedBytes > 0)
    facts.staticSharedBytes = std::max<int64_t>(0, facts.staticSharedBytes - kReservedBytes);
  if (facts.registers >= 0) // a cubin, which has no section where there is nothing
    facts.staticSharedBytes = std::max<int64_t>(0, facts.staticSharedBytes);
  if (facts.threads < 0)
    return llvm::createStringError("the code of " + symbol + " lacks '" + infoName +
                                   "'; this is a defect of r1c");
  return facts;
}

std::vector<std::string> readAssemblerLog(llvm::StringRef log, CodeFacts& facts) {
  std::vector<std::string> complaints;
  llvm::Regex frame("([0-9]+) bytes stack frame, ([0-9]+) bytes spill stores, ([0-9]+) bytes spill loads");
  llvm::Regex numbered("[(]C75[0-9][0-9][)]");
  for (llvm::StringRef line : llvm::split(log, '\n')) {
    llvm::SmallVector<llvm::StringRef> match;
    if (frame.match(line, &match)) {
      int stack = 0, stores = 0, loads = 0;
      match[1].getAsInteger(10, stack);
      match[2].getAsInteger(10, stores);
      match[3].getAsInteger(10, loads);
      facts.stackBytes = std::max(facts.stackBytes, stack);
      facts.spillBytes = std::max(facts.spillBytes, stores + loads);
      if (stack || stores || loads)
        complaints.push_back(line.trim().str());
    } else if (numbered.match(line)) {
      complaints.push_back(line.trim().str());
    }
  }
  return complaints;
}

std::string overBudget(const CodeFacts& facts, const GpuTarget& target) {
  int64_t shared = int64_t{std::max(0, facts.sharedBytes)} + std::max(0, facts.staticSharedBytes);
  if (shared > target.sharedBytes)
    return llvm::formatv("{0} bytes of shared memory, the chip has {1}", shared, target.sharedBytes);
  if (facts.threads < 32 || facts.threads > 1024 || facts.threads % 32)
    return llvm::formatv("blocks of {0} threads, expected whole warps, 1024 threads at most", facts.threads);
  // Warps get registers in steps of 256.
  if (int64_t registers = llvm::alignTo(std::max(0, facts.registers), 8) * facts.threads;
      registers > kRegistersOfBlock)
    return llvm::formatv("{0} registers in each of {1} threads, the chip has {2} for a block",
                         facts.registers, facts.threads, kRegistersOfBlock);
  return "";
}

} // namespace r1

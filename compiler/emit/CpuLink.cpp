#include "compiler/emit/CpuLink.h"
#include "lld/Common/CommonLinkerContext.h"
#include "lld/Common/Driver.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/Object/ArchiveWriter.h"
#include "llvm/Object/ELFObjectFile.h"
#include "llvm/Support/Errno.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"
#include <mutex>
#include <sys/mman.h>
#include <unistd.h>

LLD_HAS_DRIVER(elf)

namespace r1 {
namespace {

using Elf = llvm::object::ELF64LEObjectFile;

llvm::Expected<std::unique_ptr<llvm::MemoryBuffer>> archive(llvm::ArrayRef<llvm::MemoryBufferRef> objects) {
  std::vector<llvm::NewArchiveMember> members;
  for (llvm::MemoryBufferRef object : objects)
    members.emplace_back(object);
  return llvm::writeArchiveToBuffer(members, llvm::SymtabWritingMode::NoSymtab, llvm::object::Archive::K_GNU,
                                    /*Deterministic=*/true, /*Thin=*/false);
}

} // namespace

llvm::Expected<std::string> linkImage(llvm::ArrayRef<llvm::MemoryBufferRef> objects) {
  llvm::Expected<std::unique_ptr<llvm::MemoryBuffer>> input = archive(objects);
  if (!input)
    return input.takeError();
  int fd = memfd_create("r1c-objects", MFD_CLOEXEC);
  if (fd < 0)
    return llvm::createStringError("no memory file for the linker: " + llvm::errnoAsErrorCode().message());
  auto closeInput = llvm::scope_exit([&] { close(fd); });
  llvm::raw_fd_ostream stream(fd, /*shouldClose=*/false);
  stream << (*input)->getBuffer();
  stream.flush();
  if (stream.has_error()) {
    std::string reason = stream.error().message();
    stream.clear_error();
    return llvm::createStringError("the objects could not be handed to the linker: " + reason);
  }

  // lld writes a temporary file and renames it, so its output must be a real path.
  llvm::SmallString<128> folder;
  if (std::error_code error = llvm::sys::fs::createUniqueDirectory("r1c", folder))
    return llvm::createStringError("no temporary folder for the linker (" + folder.str() +
                                   "): " + error.message());
  auto removeFolder = llvm::scope_exit([&] { llvm::sys::fs::remove_directories(folder); });
  std::string from = "/proc/self/fd/" + std::to_string(fd), to = (folder + "/image.so").str(), messages;
  llvm::raw_string_ostream messageStream(messages);
  std::vector<const char*> arguments = {"ld.lld",
                                        "-shared",
                                        "--no-undefined",
                                        "-z",
                                        "now",
                                        "-z",
                                        "relro",
                                        "-z",
                                        "noexecstack",
                                        "--hash-style=gnu",
                                        "--build-id=none",
                                        "--gc-sections",
                                        "--threads=1",
                                        "--discard-all",
                                        "--whole-archive",
                                        from.c_str(),
                                        "-o",
                                        to.c_str()};
  {
    static std::mutex oneLinkAtATime; // lld keeps its state in globals
    std::lock_guard lock(oneLinkAtATime);
    bool linked =
        lld::elf::link(arguments, messageStream, messageStream, /*exitEarly=*/false, /*disableOutput=*/false);
    lld::CommonLinkerContext::destroy();
    if (!linked)
      return llvm::createStringError("the CPU image could not be linked: " +
                                     llvm::StringRef(messages).rtrim());
  }
  auto image = llvm::MemoryBuffer::getFile(to, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!image)
    return llvm::createStringError("the linked image " + to +
                                   " cannot be read: " + image.getError().message());
  return (*image)->getBuffer().str();
}

llvm::Error checkImage(llvm::StringRef image, llvm::StringRef symbol) {
  llvm::Expected<Elf> elf = Elf::create(llvm::MemoryBufferRef(image, "image"));
  if (!elf)
    return elf.takeError();
  auto entries = elf->getELFFile().dynamicEntries();
  if (!entries)
    return entries.takeError();
  for (const auto& entry : *entries)
    if (entry.getTag() == llvm::ELF::DT_NEEDED || entry.getTag() == llvm::ELF::DT_TEXTREL)
      return llvm::createStringError(
          "the CPU image has a needed library or a text relocation; it may have neither");
  unsigned exports = 0;
  for (const llvm::object::ELFSymbolRef dynamic : elf->getDynamicSymbolIterators()) {
    llvm::Expected<llvm::StringRef> name = dynamic.getName();
    if (!name)
      return name.takeError();
    llvm::Expected<uint32_t> flags = dynamic.getFlags();
    if (!flags)
      return flags.takeError();
    if (name->empty())
      continue;
    if ((*flags & llvm::object::SymbolRef::SF_Undefined) || *name != symbol)
      return llvm::createStringError("the CPU image has dynamic symbol '" + *name + "', expected only '" +
                                     symbol + "'");
    ++exports;
  }
  if (exports != 1)
    return llvm::createStringError("the CPU image does not export '" + symbol + "'");
  return llvm::Error::success();
}

llvm::Expected<ObjectFacts> inspectObject(llvm::MemoryBufferRef object) {
  llvm::Expected<Elf> elf = Elf::create(object);
  if (!elf)
    return elf.takeError();
  ObjectFacts facts;
  for (const llvm::object::ELFSymbolRef symbol : elf->symbols()) {
    llvm::Expected<uint32_t> flags = symbol.getFlags();
    if (!flags)
      return flags.takeError();
    if (!(*flags & llvm::object::SymbolRef::SF_Undefined))
      continue;
    llvm::Expected<llvm::StringRef> name = symbol.getName();
    if (!name)
      return name.takeError();
    if (!name->empty() && *name != "_GLOBAL_OFFSET_TABLE_") // the linker makes this one
      facts.undefined.push_back(name->str());
  }
  for (const llvm::object::SectionRef section : elf->sections())
    if (section.isText())
      facts.codeBytes += section.getSize();
  return facts;
}

} // namespace r1

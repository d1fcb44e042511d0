#include "compiler/emit/HostCompiler.h"

#include "compiler/emit/TextFile.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/Program.h"
#include <utility>

namespace r1 {
namespace {

std::string contents(const std::string& path) {
  auto buffer = llvm::MemoryBuffer::getFile(path);
  return buffer ? (*buffer)->getBuffer().str() : "";
}

// Runs it with standard output and error in files; the exit code, or -1.
int runProgram(const std::string& program, llvm::ArrayRef<std::string> arguments, const std::string& out,
               const std::string& err) {
  llvm::SmallVector<llvm::StringRef> list = {program};
  llvm::append_range(list, arguments);
  std::optional<llvm::StringRef> redirects[] = {llvm::StringRef(""), llvm::StringRef(out),
                                                llvm::StringRef(err)};
  return llvm::sys::ExecuteAndWait(program, list, std::nullopt, redirects);
}

} // namespace

llvm::Expected<HostCompiler> HostCompiler::open(llvm::ArrayRef<kernels::SourceFile> headers) {
  HostCompiler result;
  std::string asked = llvm::sys::Process::GetEnv("R1C_HOST_CXX").value_or("");
  llvm::SmallVector<llvm::StringRef> names = {"clang++-22", "clang++", "g++", "c++"};
  if (!asked.empty())
    names = {asked};
  for (llvm::StringRef name : names)
    if (auto found = llvm::sys::findProgramByName(name); found && llvm::sys::fs::can_execute(*found)) {
      result.program = *found;
      break;
    }
  if (result.program.empty())
    return llvm::createStringError("a sim: target needs a C++20 compiler, and there is none called " +
                                   llvm::join(names, ", ") +
                                   "; install clang or g++, or name one in R1C_HOST_CXX");
  llvm::SmallString<128> folder;
  if (std::error_code code = llvm::sys::fs::createUniqueDirectory("r1c-host", folder))
    return llvm::createStringError("cannot create a temporary folder: " + code.message());
  result.folder = folder.str().str();
  for (const kernels::SourceFile& header : headers)
    if (llvm::Error error = writeTextFile(result.folder + "/" + header.path, header.text))
      return std::move(error);
  std::string out = result.folder + "/version";
  if (runProgram(result.program, {"--version"}, out, out))
    return llvm::createStringError("'" + result.program +
                                   " --version' fails; name another C++20 compiler in R1C_HOST_CXX");
  result.versionText = llvm::StringRef(contents(out)).split('\n').first.str();
  return std::move(result);
}

HostCompiler::HostCompiler(HostCompiler&& other)
    : program(std::move(other.program)), versionText(std::move(other.versionText)),
      folder(std::exchange(other.folder, {})) {}

HostCompiler::~HostCompiler() {
  if (!folder.empty())
    llvm::sys::fs::remove_directories(folder);
}

llvm::Expected<std::string> HostCompiler::compile(const std::string& source, const std::string& name,
                                                  llvm::ArrayRef<std::string> options) const {
  std::string input = folder + "/" + name + ".cpp", output = folder + "/" + name + ".so",
              log = folder + "/" + name + ".log";
  if (llvm::Error error = writeTextFile(input, source))
    return std::move(error);
  llvm::SmallVector<std::string> arguments(options.begin(), options.end());
  // Paths of the temporary folder must not stay in the code, and unused functions of the emulator's headers are no concern here.
  for (const std::string& argument :
       {"-ffile-prefix-map=" + folder + "/=", "-I" + folder, std::string("-o"), output, input})
    arguments.push_back(argument);
  int code = runProgram(program, arguments, log, log);
  std::string text = contents(log), image = contents(output);
  for (const std::string& path : {input, output, log})
    llvm::sys::fs::remove(path);
  if (code == 0)
    return image;
  for (llvm::StringRef line : llvm::split(text, '\n'))
    if (line.contains("error"))
      return llvm::createStringError(name + ": " + program + ": " + line.trim());
  return llvm::createStringError(name + ": " + program + " fails with code " + std::to_string(code));
}

} // namespace r1
